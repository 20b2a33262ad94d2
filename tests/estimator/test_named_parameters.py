"""A rule by its name is as good as the object: to get, set, clone, search and fit, at every depth."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skl_sae import SparseAutoencoder
from skl_sae.sparsity import L1, RULES, BatchTopK, KLDivergence, Matryoshka, TopK

X = np.random.default_rng(0).normal(size=(40, 5))


def make(**params):
    return SparseAutoencoder(**{"n_components": 8, "max_iter": 2, "random_state": 0, **params})


def nested(estimator, start):
    """The parameters of what stands at a parameter."""
    return {k.removeprefix(f"{start}__"): v for k, v in estimator.get_params().items() if k.startswith(f"{start}__")}


# Names, and the objects that they stand for, where a rule is asked for.
EQUAL = [
    *((SparseAutoencoder(sparsity=name), "sparsity", rule()) for name, rule in RULES.items()),
    *((Matryoshka(name), "rule", rule()) for name, rule in RULES.items() if name != "matryoshka"),
    *((make(sparsity=Matryoshka(n)), "sparsity__rule", r()) for n, r in RULES.items() if n != "matryoshka"),
    (Matryoshka(), "rule", BatchTopK()),
    (Matryoshka(None), "rule", BatchTopK()),
    (SparseAutoencoder(sparsity="matryoshka"), "sparsity__rule", BatchTopK()),
    (Pipeline([("sae", SparseAutoencoder(sparsity="matryoshka"))]), "sae__sparsity__rule", BatchTopK()),
]


@pytest.mark.parametrize("estimator, start, rule", EQUAL)
def test_a_name_has_the_parameters_of_the_object(estimator, start, rule):
    assert nested(estimator, start) == rule.get_params()
    assert repr(clone(estimator)) == repr(estimator)
    for name, value in rule.get_params(deep=False).items():
        changed = clone(estimator).set_params(**{f"{start}__{name}": value})
        assert repr(changed.get_params()[start]) == repr(rule)
        assert nested(changed, start) == rule.get_params()


@pytest.mark.parametrize(
    "params",
    [
        {"sparsity": "matryoshka", "sparsity__rule": "topk", "sparsity__rule__k": 4},
        {"sparsity__rule__k": 4, "sparsity__rule": "topk", "sparsity": "matryoshka"},
        {"sparsity__rule": TopK(3), "sparsity__rule__k": 4, "sparsity": Matryoshka()},
        {"sparsity__rule__k": 4, "sparsity": Matryoshka("topk")},
    ],
)
def test_the_order_of_names_does_not_matter(params):
    sae = make().set_params(**params)
    assert repr(sae.sparsity) == "Matryoshka(rule=TopK(k=4))"
    assert sae.get_params()["sparsity__rule__k"] == 4


@pytest.mark.parametrize("name", [name for name in RULES if name != "matryoshka"])
def test_a_name_within_matryoshka_trains_as_the_object(name):
    by_name, by_object = (make(sparsity=Matryoshka(rule)).fit(X) for rule in (name, RULES[name]()))
    assert_array_equal(by_name.transform(X), by_object.transform(X))
    assert by_name.activation_ == by_object.activation_ == RULES[name].default_activation
    again = pickle.loads(pickle.dumps(by_name))
    assert_array_equal(again.transform(X), by_name.transform(X))
    assert by_name.get_params()["sparsity"].rule == name  # what was passed stays


def test_prefixes_may_be_arrays():
    by_array = Matryoshka("topk", prefixes=np.array([0.5, 1.0]), weights=np.array([1, 2]))
    by_tuple = Matryoshka("topk", prefixes=(0.5, 1), weights=(1, 2))
    codes = [make(sparsity=clone(rule)).fit(X).transform(X) for rule in (by_array, by_tuple)]
    assert_array_equal(*codes)


def test_grid_over_names_and_their_parameters():
    grid = [
        {
            "sae__sparsity": ["matryoshka"],
            "sae__sparsity__rule": ["topk", "batch_topk"],
            "sae__sparsity__rule__k": [1, 4],
        },
        {"sae__sparsity": ["l1"], "sae__sparsity__alpha": [0.1]},
    ]
    pipe = Pipeline([("scale", StandardScaler()), ("sae", make())])
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X)
    assert len(search.cv_results_["params"]) == 5
    assert pipe.named_steps["sae"].sparsity == "topk"  # each candidate had its own


def test_a_parameter_that_the_rule_lacks():
    sae = make(sparsity="matryoshka")
    for params, message in [
        ({"sparsity__rule__alpha": 1}, r"'alpha' for estimator BatchTopK\(\)\. Valid parameters are: \['k'\]"),
        ({"sparsity__rule": "l1", "sparsity__rule__k": 1}, r"'k' for estimator L1\(\).*'alpha'"),
        ({"sparsity__k": 1}, r"'k' for estimator Matryoshka\(\).*'rule'"),
        ({"sparsity__rule": "tpok", "sparsity__rule__k": 1}, "'rule' parameter of Matryoshka.* Did you mean 'topk'"),
        ({"sparsity": None, "sparsity__k": 1}, "Got sparsity__k with sparsity=None, which has no parameters"),
    ]:
        with pytest.raises(ValueError, match=message):
            sae.set_params(**params)
        assert sae.sparsity == "matryoshka"  # nothing was changed on the way


# the registry is open


class Mine(TopK):
    """A user's rule."""

    def __init__(self, k=3, other=None):
        super().__init__(k)
        self.other = other


@pytest.mark.parametrize("at", ["sparsity", "sparsity__rule"])
def test_a_registered_name_works_everywhere(at, monkeypatch):
    monkeypatch.setitem(RULES, "mine", Mine)
    sae = make() if at == "sparsity" else make(sparsity="matryoshka")
    sae.set_params(**{at: "mine"})
    assert nested(sae, at) == {"k": 3, "other": None}
    assert np.count_nonzero(sae.fit(X).transform(X), axis=1).max() <= 3
    sae.set_params(**{f"{at}__k": 1}).fit(X)
    assert np.count_nonzero(sae.transform(X), axis=1).max() == 1
    GridSearchCV(clone(sae), {f"{at}__k": [1, 2]}, cv=2, error_score="raise").fit(X)
    with pytest.raises(InvalidParameterError, match="'mine'"):
        make(sparsity="nime").fit(X)


@pytest.mark.parametrize(
    "wrong, suggestion",
    [
        ("tpok", "'topk'"),
        ("TopK", "'topk'"),
        ("batch-topk", "'batch_topk'"),
        ("KLDivergence", "'kl'"),
        ("jump_relu", "'jumprelu'"),
        (L1, r"L1\(\)"),
        ("nothing like it", None),
        (3, None),
    ],
)
@pytest.mark.parametrize("owner, parameter", [(make, "sparsity"), (Matryoshka, "rule")])
def test_an_unknown_name(owner, parameter, wrong, suggestion):
    taker = owner(**{parameter: wrong})
    assert clone(taker).get_params()[parameter] == wrong
    sae = taker if owner is make else make(sparsity=taker)
    for method in (sae.fit, sae.partial_fit):
        with pytest.raises(InvalidParameterError) as caught:
            method(X)
        message = str(caught.value)
        assert message.startswith(f"The {parameter!r} parameter of {type(taker).__name__} must be a str among {{")
        positions = [message.index(repr(name)) for name in sorted(RULES)]
        assert positions == sorted(positions)
        assert f"Got {wrong!r} instead." in message
        assert ("Did you mean" in message) == (suggestion is not None)
        if suggestion:
            assert message.endswith(f"Did you mean {suggestion.replace(chr(92), '')}?")


def test_an_unknown_name_after_a_first_chunk():
    """There scikit-learn checks no parameters."""
    sae = make().partial_fit(X).set_params(sparsity="tpok")
    with pytest.raises(InvalidParameterError, match="Did you mean 'topk'"):
        sae.partial_fit(X)


# subclasses


class Narrow(SparseAutoencoder):
    """One with a parameter of its own, which has no `sparsity`."""

    def __init__(self, k=2):
        super().__init__(8, sparsity=TopK(k), max_iter=2, random_state=0)
        self.k = k


class Wide(SparseAutoencoder):
    """One with more parameters, one of which takes a rule as well."""

    _named_parameters = ("sparsity", "second")

    def __init__(self, n_components=8, *, sparsity="topk", second="l1", max_iter=2):
        super().__init__(n_components, sparsity=sparsity, max_iter=max_iter)
        self.second = second


def test_parameters_of_a_narrower_subclass():
    sae = Narrow()
    assert sae.get_params() == {"k": 2}
    assert clone(sae.set_params(k=3)).get_params() == {"k": 3}
    with pytest.raises(ValueError, match=r"Invalid parameter 'sparsity' for estimator Narrow\(k=3\)"):
        sae.set_params(sparsity__k=3)


def test_parameters_of_a_wider_subclass():
    sae = Wide().set_params(second__alpha=0.5, sparsity__k=3)
    assert repr(clone(sae)) == "Wide(second=L1(alpha=0.5), sparsity=TopK(k=3))"
    assert nested(Wide(second=None), "second") == {}
    assert nested(Wide(second="kl"), "second") == KLDivergence().get_params()
