"""The page "Extending": its example of a new rule goes through the checks of the rules that are built in."""

import importlib.util
import itertools
import pickle
import re
import sys
from doctest import DocTestFinder, DocTestRunner
from pathlib import Path

import naive
import numpy as np
import problems
import pytest
import test_common
import test_gradients
import test_registries
import test_rules
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skl_sae import SparseAutoencoder
from skl_sae.metrics import l0

DOCS = Path(__file__).parents[2] / "docs"


def load(name):
    """Import a file of the documentation; a pickle finds it by the same name."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


extending_hoyer = load("extending_hoyer")
Hoyer = extending_hoyer.Hoyer


# The three rows that the tests need: a twin, instances with the activations that they accept, no state.


def hoyer(rule, activation, at):
    """The twin: the equation, nothing else."""
    f = naive.ACTIVATIONS[activation](at.a)
    densities = abs(f).mean(axis=-2) ** 2 / ((f**2).mean(axis=-2) + 1e-8)
    return [naive.Code(f)], rule.alpha * densities.sum(axis=-1)


CASES = [("hoyer", rule, act) for rule in (Hoyer(0.3), Hoyer(0.0)) for act in test_gradients.ALL]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[2]}")
ESTIMATORS = [
    SparseAutoencoder(sparsity=Hoyer(), **test_common.QUICK),
    SparseAutoencoder(sparsity=Hoyer(0.1), hidden_layer_sizes=(8,), tied_weights=True, **test_common.QUICK),
    SparseAutoencoder(sparsity=Hoyer(0.1), sparse_output=True, dead_units="resample", **test_common.QUICK),
]


@pytest.fixture(autouse=True)
def twin(monkeypatch):
    monkeypatch.setitem(naive.RULES, "Hoyer", hoyer)


def test_the_page_shows_what_is_there():
    """Every file and every class that the page includes exists, and the example is among them."""
    page = (DOCS / "extending.rst").read_text(encoding="utf-8")
    included = re.findall(r"^\.\. literalinclude:: (\S+)\n(?:   :pyobject: (\w+)\n)?", page, flags=re.MULTILINE)
    for path, name in included:
        source = (DOCS / path).read_text(encoding="utf-8")
        assert not name or re.search(rf"^(class|def) {name}\b", source, flags=re.MULTILINE), name
    assert ("extending_hoyer.py", "") in included
    assert {"BaseSparsity", "L1"} <= {name for _, name in included}


def test_docstring_of_the_example():
    runner = DocTestRunner()
    for test in DocTestFinder().find(extending_hoyer, globs=vars(extending_hoyer)):
        runner.run(test)
    assert runner.summarize() == (0, 1)


# gradients


@pytest.mark.parametrize("loss_case", test_gradients.LOSS_CASES, ids="-".join)
@each_case
def test_gradient(case, loss_case, monkeypatch):
    """The whole step against central differences: every depth, tied or not, every layout."""
    layouts = test_gradients.layouts(*case[1:])
    assert len(layouts) == (2 if case[2] == "relu" else 1)
    product = itertools.product([case], [loss_case], test_gradients.DEPTHS, layouts)
    monkeypatch.setattr(test_gradients, "CONFIGURATIONS", [list(product)])
    test_gradients.test_gradient(0, case, loss_case, monkeypatch)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(), (5,)])
@each_case
def test_gradient_in_many_blocks_and_tiles(case, hidden, tied, monkeypatch):
    test_gradients.test_gradient_in_many_blocks_and_tiles(case, hidden, tied, True, 0.3, monkeypatch)


@pytest.mark.parametrize("hidden", [(), (5,)])
@each_case
def test_float32_follows_float64(case, hidden):
    test_gradients.test_float32_follows_float64(case, hidden, False)


def test_a_wrong_gradient_is_seen(monkeypatch):
    """The rule without the second term of its slope fails."""

    class Wrong(Hoyer):
        def penalty(self, codes, p, g, step):
            (code,) = codes
            before = code.grad.copy()
            value = super().penalty(codes, p, g, step)
            code.grad[:] = before + np.sign(code.values) * abs(code.grad - before)
            return value

    monkeypatch.setitem(naive.RULES, "Wrong", hoyer)
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", Wrong(0.3))
    with pytest.raises(AssertionError, match="relative error"):
        test_gradients.assert_gradient("wrong", problems.Problem, model)


# contracts


@test_common.with_checks(ESTIMATORS)
def test_estimator(estimator, check):
    check(estimator)


def test_a_rule_has_hooks_only():
    test_registries.test_a_rule_has_hooks_only(Hoyer)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [-1e3, 0.0, 1e3], ids=["silent", "at zero", "all active"])
def test_steps_at_the_edge_are_finite(bias, dtype):
    test_rules.test_steps_at_the_edge_are_finite(Hoyer, bias, dtype)


def test_deployed_rule_sees_one_row_at_a_time():
    test_rules.test_deployed_rule_sees_one_row_at_a_time(Hoyer)


@pytest.mark.parametrize("hidden", [(), (32,)])
def test_a_row_is_encoded_alike_among_any_others(hidden):
    test_common.test_a_row_is_encoded_alike_among_any_others(Hoyer(), hidden)


@pytest.mark.parametrize("alpha", [-1, np.nan, np.inf])
def test_setting_is_checked_in_fit(alpha):
    sae = SparseAutoencoder(sparsity=Hoyer(alpha))
    with pytest.raises(ValueError, match=rf"alpha={alpha}, expected a number of at least 0"):
        sae.fit(np.eye(4))


def test_clone_parameters_and_pickle():
    sae = SparseAutoencoder(4, sparsity=Hoyer(), max_iter=2, random_state=0)
    sae.set_params(sparsity__alpha=0.3)
    copy = clone(sae)
    assert copy.get_params()["sparsity__alpha"] == 0.3
    assert copy.sparsity is not sae.sparsity
    X = np.random.default_rng(0).normal(size=(20, 3))
    codes = sae.fit(X).transform(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sae)).transform(X), codes)


def test_grid():
    """A larger weight gives sparser codes, and the grid sees the difference."""
    X = load_digits().data[:600]
    sae = SparseAutoencoder(32, sparsity=Hoyer(), max_iter=30, random_state=0)
    search = GridSearchCV(sae, {"sparsity__alpha": [0.0, 0.03]}, cv=2).fit(X)
    assert search.best_params_["sparsity__alpha"] == 0
    counts = [l0(clone(sae).set_params(sparsity__alpha=alpha).fit_transform(X)) for alpha in (0.0, 0.03)]
    assert counts[1] < 0.6 * counts[0]
