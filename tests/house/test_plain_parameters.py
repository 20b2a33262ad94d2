"""Parameters of all public estimators and functions: numbers of any type act as Python's own, and slips are told."""

import inspect
import operator
import warnings

import numpy as np
import pytest
import sources
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from test_docstrings import public_methods, public_objects

import skl_sae
from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae._parameters import _Number, plain
from skl_sae.coding import KSVD, SparseRecovery, SparseRecoveryAutoencoder, sparse_encode
from skl_sae.compression import prune, quantize
from skl_sae.datasets import make_sparse_features
from skl_sae.ensemble import ConsensusAutoencoder
from skl_sae.image import ImageRetrieval, SparseImageCoder
from skl_sae.inspection import compare_data, compare_dictionaries, describe_units, find_units, top_examples
from skl_sae.io import load, meet_target_l0, save
from skl_sae.metrics import description_length
from skl_sae.outliers import ReconstructionOutlierDetector
from skl_sae.sparsity import L1, RULES, BaseSparsity, Gated, JumpReLU, Matryoshka, TopK
from skl_sae.transfer import SparseTransfer

X = np.random.default_rng(0).normal(size=(60, 8))
IMAGE = np.random.default_rng(0).uniform(size=(16, 16))
SMALL = {"n_components": 6, "max_iter": 2, "random_state": 0}
# The widths and batches whose products overflow in a byte, and what else is no default, where a default is None or a
# word or takes long.
SAE = {"n_components": 90, "batch_size": 50, "hidden_layer_sizes": 100, "learning_rate_init": 0.01, "max_iter": 2}
SAE |= {"pretrain": "layerwise", "pretrain_max_iter": 1, "random_state": 0, "corruption": "gaussian"}
UNROLLED = {name: SAE[name] for name in SAE if name != "hidden_layer_sizes"} | {"n_nonzero_coefs": 3}
DICTIONARY = {"n_components": 9, "n_nonzero_coefs": 3, "max_iter": 2, "random_state": 0, "tol": 0.01, "memory": 100}
DICTIONARY |= {"transform_n_nonzero_coefs": 2, "transform_tol": 0.01, "max_share": 0.5, "batch_size": 20}
CONSENSUS = {"n_fits": 2, "min_fits": 1, "similarity": 0.3, "n_jobs": 1, "random_state": 0}
SOURCE = SparseAutoencoder(**SMALL).fit(X)


def codes(model):
    return model.fit(X).transform(X)


def decided(model):
    return model.fit(X).decision_function(X)


def denoised(model):
    return model.fit(IMAGE).denoise(IMAGE, 0.1)


# An estimator of each class, and what it does.
EXAMPLES = [
    (SparseAutoencoder(**SAE), codes),
    (SparseAutoencoderImputer(SparseAutoencoder(**SMALL), missing_values=-1.0, random_state=3), codes),
    (KSVD(**DICTIONARY, method="online", relaxation=1.5), codes),
    (KSVD(**DICTIONARY), codes),
    (SparseRecovery(X[:9], algorithm="lasso", tol=1e-3, alpha=0.1, n_nonzero_coefs=2), codes),
    (SparseRecoveryAutoencoder(**UNROLLED), codes),
    (SparseTransfer(SOURCE, "extend", n_new_components=4, max_iter=2, batch_size=20, random_state=0), codes),
    (SparseTransfer(SOURCE, "finetune", l2_sp=0.1, learning_rate_init=0.01, max_iter=2, random_state=0), codes),
    (ConsensusAutoencoder(SparseAutoencoder(**SMALL), **CONSENSUS), codes),
    (ReconstructionOutlierDetector(SparseAutoencoder(**SMALL), contamination=0.1, random_state=0), decided),
    (SparseImageCoder(KSVD(**DICTIONARY), patch_size=4, max_patches=100, random_state=0), denoised),
    (ImageRetrieval(SparseAutoencoder(**SMALL)), lambda model: model.fit(X).kneighbors(X[:5])[0]),
]
EXAMPLES += [
    (SparseAutoencoder(sparsity=rule, **SMALL), codes)
    for rule in [*(each() for each in RULES.values()), L1(target_l0=2.0), JumpReLU(target_l0=2.0), Gated(target_l0=2.0)]
]
EXAMPLES += [(SparseAutoencoder(sparsity=Matryoshka(TopK(3), (0.5, 1.0), (1.0, 2.0)), **SMALL), codes)]
each_example = pytest.mark.parametrize("model, run", EXAMPLES, ids=lambda value: type(value).__name__)
TYPES = [(np.int8, np.float16), (np.uint64, np.float32), (np.int16, np.longdouble)]


def public(kind):
    return [each for each in found_by(public_objects()) if kind(each)]


def found_by(paths):
    return [operator.attrgetter(path.partition(".")[2])(skl_sae) for path in paths]


ESTIMATORS = [cls for cls in public(inspect.isclass) if issubclass(cls, BaseEstimator)]
ESTIMATORS = [cls for cls in ESTIMATORS if not issubclass(cls, BaseSparsity)]


def of_type(value, integer, real):
    """A number as one of these types; a tuple of such; rules with such parameters."""
    if isinstance(value, BaseSparsity):
        return clone(value).set_params(
            **{name: of_type(each, integer, real) for name, each in value.get_params(deep=False).items()}
        )
    if isinstance(value, tuple):
        return tuple(of_type(each, integer, real) for each in value)
    if isinstance(value, str):
        return np.str_(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int) and value <= np.iinfo(integer).max:
        return integer(value)
    return real(value) if 0 < real(value) < 1 or value in (0, 1) else np.float32(value)  # half precision has no 1e-8


def plainly(value):
    """The same as numbers of Python."""
    if isinstance(value, BaseSparsity):
        return clone(value).set_params(**{name: plainly(each) for name, each in value.get_params(deep=False).items()})
    return tuple(map(plainly, value)) if isinstance(value, tuple) else plain(value)


def test_every_estimator_has_an_example():
    assert set(ESTIMATORS) == {type(model) for model, _ in EXAMPLES}


@pytest.mark.parametrize("integer, real", TYPES, ids=lambda each: each.__name__)
@each_example
def test_numbers_of_numpy_act_as_those_of_python(model, run, integer, real):
    """All at once, also in a clone, which has the very ones that were given."""
    values = {name: of_type(value, integer, real) for name, value in model.get_params(deep=False).items()}
    # a whole number that the type cannot hold stays as it is
    values = {name: getattr(model, name) if _is_whole(model, name, value) else value for name, value in values.items()}
    given = clone(model).set_params(**values)
    expected = clone(model).set_params(**{name: plainly(value) for name, value in values.items()})
    copy = clone(given)
    for name, value in values.items():
        assert given.get_params()[name] is value
        assert not isinstance(getattr(copy, name), np.generic)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of rows that are too few, and of fits that are too short
        found, expected = run(copy), run(expected)
    assert found.dtype == expected.dtype
    assert_array_equal(found, expected)


def _is_whole(model, name, value):
    return isinstance(value, np.floating) and isinstance(getattr(model, name), int)


def numeric(constraints):
    """Names of the parameters that may be a number."""
    lists = {name: each for name, each in constraints.items() if each != "no_validation"}
    return [name for name, each in lists.items() if any(isinstance(one, _Number) for one in each)]


@pytest.mark.parametrize("value", [True, np.True_, float("nan"), np.float32("inf"), -np.inf, 10**30, -1e300, "1", 1j])
@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_what_is_no_number_is_refused(cls, value):
    model = clone(next(model for model, _ in EXAMPLES if type(model) is cls))
    for name in numeric(cls._parameter_constraints):
        other = clone(model).set_params(**{name: value})
        with pytest.raises(InvalidParameterError, match=f"{name}.*must be.*Got"):
            other._validate_params()


@pytest.mark.parametrize("make", [lambda: SparseAutoencoder(**SMALL), lambda: KSVD(6, random_state=0)])
def test_what_is_no_number_is_refused_by_later_chunks(make):
    model = make().partial_fit(X)
    before = model.transform(X)
    with pytest.raises(InvalidParameterError, match=r"'batch_size' parameter.*Got True"):
        model.set_params(batch_size=True).partial_fit(X)
    assert_array_equal(model.transform(X), before)


@pytest.mark.parametrize("value", [True, np.True_, float("nan"), np.float16("inf"), 10**30, "no", [[1, 2], [3]], 1j])
@pytest.mark.parametrize("name", sorted(RULES))
def test_what_is_no_number_is_refused_by_rules(name, value):
    for parameter, default in RULES[name]().get_params(deep=False).items():
        if isinstance(default, bool) and isinstance(value, bool | np.bool_):
            continue
        if (
            parameter in ("k", "transform_k") and isinstance(value, int) and value == 10**30
        ):  # more than there are are all
            continue
        rule = RULES[name]().set_params(**{parameter: value})
        with pytest.raises(ValueError, match=f"{parameter}|target"):
            SparseAutoencoder(sparsity=rule, **SMALL).fit(X)


@pytest.mark.parametrize("value", [True, float("nan"), np.float32("inf"), 10**30, "1"])
@pytest.mark.parametrize("function", public(inspect.isfunction), ids=lambda function: function.__name__)
def test_what_is_no_number_is_refused_by_functions(function, value):
    constraints = getattr(function, "_skl_parameter_constraints", {})
    for name in numeric(constraints):
        with pytest.raises(InvalidParameterError, match=f"{name}.*must be.*Got"):
            validate_parameter_constraints(constraints, {name: value}, function.__name__)


def test_arguments_that_are_numbers_are_read_as_plain_ones():
    """A default that is a number says that an argument is one; what reads them as plain ones is a decorator."""
    left_out = []
    for function in [*public(inspect.isfunction), *filter(callable, found_by(public_methods()))]:
        defaults = [each.default for each in inspect.signature(function).parameters.values()]
        if any(type(each) in (int, float) for each in defaults) and not hasattr(function, "__wrapped__"):
            left_out.append(function.__qualname__)
    # they hand them on, or compare with them alone
    handed_on = {"SparseRecoveryAutoencoder.fit", "neg_description_length_scorer"}
    assert set(left_out) == {*handed_on, "DictionaryComparison.n_shared"}


def test_constraints_of_numbers_come_from_one_place():
    owned = {f"sklearn.utils._param_validation.{name}" for name in ("Interval", "MissingValues", "validate_params")}
    users = {sources.name_of(path) for path in sources.FILES if owned & set(sources.imports(path))}
    assert users == {"_parameters.py"}


SAVED = [
    (sparse_encode, (X, X[:100]), {"n_nonzero_coefs": 3, "tol": 0.5}),
    (sparse_encode, (X, X[:100]), {"algorithm": "lasso", "alpha": 0.5, "max_iter": 100}),
    (lambda **k: make_sparse_features(**k)[0], (), {"n_samples": 100, "n_features": 100, "n_dim": 20, "noise": 0.5}),
    (lambda **k: prune(SOURCE, **k).transform(X), (), {"amount": 0.5, "layers": 1}),
    (lambda **k: quantize(SOURCE, **k).transform(X), (), {"bits": 16}),
    (lambda **k: describe_units(SOURCE, X, **k).to_csv(), (), {"n_top": 3, "confidence": 0.5}),
    (lambda **k: top_examples(SOURCE, X, **k).to_csv(), (), {"n_top": 3, "units": 2}),
]


@pytest.mark.parametrize("integer, real", TYPES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("function, given, numbers", SAVED)
def test_functions_read_numbers_of_numpy(function, given, numbers, integer, real):
    seed = {"random_state": 0} if "n_dim" in numbers else {}
    found = function(*given, **{name: of_type(each, integer, real) for name, each in numbers.items()}, **seed)
    assert_array_equal(found, function(*given, **numbers, **seed))


def test_numbers_of_numpy_are_saved(tmp_path):
    model = SparseAutoencoder(np.int8(5), sparsity=TopK(np.uint8(2)), max_iter=np.int16(2), scale=np.False_).fit(X)
    save(model, tmp_path)
    again = load(tmp_path)
    assert type(again.get_params()["n_components"]) is np.int8
    assert_array_equal(again.transform(X), model.transform(X))


def test_a_warm_start_goes_on_with_the_same_number_of_another_type():
    first, second = (SparseAutoencoder(**SMALL, sparsity=TopK(2), warm_start=True).fit(X) for _ in range(2))
    first.set_params(n_components=np.int8(6), sparsity=TopK(np.int16(2))).fit(X)
    assert_array_equal(first.transform(X), second.fit(X).transform(X))


JUMP = SparseAutoencoder(**SMALL, sparsity="jumprelu").fit(X)
DETECTOR = ReconstructionOutlierDetector(SparseAutoencoder(**SMALL), random_state=0).fit(X)
# Calls that passed with a wrong result, or ended in an error that named nothing; and what is said now.
SLIPS = [
    (lambda: SparseAutoencoder(hidden_layer_sizes={8, 4}).fit(X), r"hidden_layer_sizes=\{.*expected a tuple or list"),
    (lambda: SparseAutoencoder(init=[[1, 2], [3]]).fit(X), "init: setting an array"),
    (lambda: SparseAutoencoder(init=[1.0]).fit(X), "init: Expected 2D array"),
    (lambda: SparseAutoencoder(random_state=np.random.default_rng(0)).fit(X), "'random_state' parameter.*Generator"),
    (lambda: SparseAutoencoder(**SMALL).fit(X, X_val=X[0]), "X_val: Expected 2D array"),
    (lambda: SparseAutoencoder(**SMALL, sparsity=L1(norm_aware="no")).fit(X), "norm_aware='no', expected True or"),
    (lambda: SparseAutoencoder(max_iter=np.timedelta64(9, "m")).fit(X), "'max_iter' parameter.*timedelta"),
    (
        lambda: SparseAutoencoder(**SMALL).fit(X, checkpoint="none", every=np.timedelta64(9, "m")),
        "Got every=.*datetime",
    ),
    (lambda: KSVD(6, dict_init=[1.0]).fit(X), "dict_init: Expected 2D array"),
    (lambda: KSVD(6, method="online", relaxation=1e300).fit(X), r"'relaxation' parameter.*\(0.0, 2.0\]"),
    (lambda: SparseRecovery([1.0]).fit(X), "dictionary: Expected 2D array"),
    (lambda: SparseTransfer(SOURCE, "finetune", freeze=[True]).fit(X), r"freeze=\[True\], expected numbers of layers"),
    (lambda: prune(SOURCE, 0.5, scope=np.ones(3)), "Got scope=.*expected one of"),
    (lambda: prune(SOURCE, 0.5, drop_dead="no"), "'drop_dead' parameter.*Got 'no'"),
    (lambda: quantize(SOURCE, np.ones(3)), "Got bits=.*expected one of"),
    (lambda: make_sparse_features(10, 5, 4, noise=1e300), "'noise' parameter.*Got 1e"),
    (lambda: make_sparse_features(10, 5, 4, mean_active=3, zipf_exponent=1e6), "zipf_exponent is .*smaller exponent"),
    (lambda: describe_units(SOURCE, X, n_top=True), "Got n_top=True; expected an int"),
    (lambda: describe_units(SOURCE, X, texts=3), "Got texts=3; expected a sequence of 60 str"),
    (lambda: describe_units(SOURCE, X, y=1j), "y: .*"),
    (lambda: top_examples(SOURCE, X, units={2, 1}), r"Got units=\{1, 2\}; expected an int or a name, or a list"),
    (lambda: top_examples(SOURCE, X, units=2.0), "Got units=2.0; expected an int or a name, or a list"),
    (lambda: find_units(SOURCE, X, example=True), "Got example=True; expected the number of a row"),
    (lambda: compare_data(SOURCE, X, X, names={"a", "b"}), "Got names=.*expected two different ones"),
    (lambda: compare_dictionaries(SOURCE, JUMP, signed="no"), "'signed' parameter.*Got 'no'"),
    (lambda: compare_dictionaries(SOURCE, JUMP).n_shared(np.nan), "Got threshold=nan; expected a number"),
    (lambda: DETECTOR.explain(X, n_top=True), "Got n_top=True; expected a number of columns"),
    (lambda: meet_target_l0(JUMP, X, True), "Got target_l0=True, expected a number above 0"),
    (lambda: save(SOURCE, "never made", format=np.ones(3)), "Got format=.*expected one of"),
    (lambda: load("never made", verify="no"), "'verify' parameter.*Got 'no'"),
    (lambda: description_length(SOURCE, X, tolerance=1e-320), r"'tolerance' parameter.*in the range \[1e-100"),
]


@pytest.mark.parametrize("call, message", SLIPS)
def test_slips_are_told(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
