"""Registries hold every part of their kind, and a rule has the hooks of a rule and nothing else."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator, clone

import skl_sae.sparsity
from skl_sae._kernels.kernel import Kernel
from skl_sae._model import activations, losses
from skl_sae._training import optimizers
from skl_sae.sparsity import RULES, BaseSparsity
from skl_sae.sparsity._batch_topk import Threshold
from skl_sae.sparsity._gated import GatedCode

# Rules that no user names: the base of all, and what others deploy.
NOT_A_CHOICE = {BaseSparsity, Threshold, GatedCode}


def defined_in(package):
    """Classes that the modules of a package define."""
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    return {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }


def test_every_rule_is_registered_and_public():
    rules = {cls for cls in defined_in(skl_sae.sparsity) if issubclass(cls, BaseSparsity)}
    assert rules - NOT_A_CHOICE == set(RULES.values())
    others = {"RULES", "StepContext", "recordable"}
    public = {getattr(skl_sae.sparsity, name) for name in set(skl_sae.sparsity.__all__) - others}
    assert rules - NOT_A_CHOICE | {BaseSparsity} == public


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_hooks_only(rule):
    """Never a forward of its own, and the parameters of an estimator."""
    hooks = {name for name, value in vars(BaseSparsity).items() if inspect.isfunction(value) and name[0] != "_"}
    own = {name for name, value in vars(rule).items() if inspect.isfunction(value) and name[0] != "_"}
    assert own <= hooks
    assert issubclass(rule, BaseEstimator) and type(clone(rule())) is rule
    started = rule()
    started.initialize(8, started.default_activation)
    assert started.scope in ("entry", "row", "unit", "batch")
    assert started.default_activation in activations.ACTIVATIONS
    assert started.dead_units in (None, "auxiliary", "resample")


def test_every_activation_is_registered():
    """The value and beside it the gradient; the identity needs neither."""
    kernels = {name for name, value in vars(activations).items() if isinstance(value, Kernel) and name[0] == "_"}
    names = set(activations.ACTIVATIONS) - {"identity"}
    assert kernels == {f"_{name}" for name in names} | {f"_{name}_backward" for name in names}


def test_every_loss_is_registered():
    public = {name for name, f in vars(losses).items() if inspect.isfunction(f) and f.__module__ == losses.__name__}
    assert {name for name in public if name[0] != "_"} == set(losses.LOSSES)


def test_every_optimizer_is_registered():
    assert set(optimizers.Optimizer.__subclasses__()) == set(optimizers.OPTIMIZERS.values())


def test_the_guide_names_every_rule():
    page = (Path(__file__).parents[2] / "docs" / "guide" / "rules.rst").read_text(encoding="utf-8")
    assert not [name for name, rule in RULES.items() if f'"{name}"' not in page or rule.__name__ not in page]
