"""The rules of the house, read from the sources."""

import ast
import graphlib
import importlib
import inspect
import itertools
import pkgutil
import sys
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator, clone

import skl_sae
import skl_sae.sparsity
from skl_sae import _activations, _losses, _optimizers
from skl_sae.sparsity import RULES, BaseSparsity
from skl_sae.sparsity._batch_topk import Threshold
from skl_sae.sparsity._gated import _GatedCode
from skl_sae.sparsity._topk import Auxiliary

PACKAGE = Path(skl_sae.__file__).parent

# From the bottom to the top: a module imports from its own layer and from those below. A new module needs a place here.
LAYERS = [
    {"_numba", "_kernel_cache", "_compiling", "_instructions", "_waiting", "_blas", "_threads", "_parallel"},
    {"_csr", "_version", "_warning"},
    {"_products"},
    {
        "_activations",
        "_losses",
        "_optimizers",
        "_codes",
        "_code_kernels",
        "_parameters",
        "_data",
        "_noise",
        "_batch_norm",
        "_weights",
        "_sparse_rows",
        "_named_parameters",
    },
    {"sparsity"},
    {"_network", "_encoder", "_reading", "_layer_updates", "_backpropagation", "_inference", "_dead_units", "_start"},
    {"_training", "_pretraining", "_callbacks", "_checks", "_data_checks", "_fitted", "_output"},
    {"_building"},
    {"_autoencoder"},
    {"_imputer"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
SATELLITES = {"metrics", "datasets", "coding", "transfer", "compression", "image", "inspection", "io", "dask"}
SATELLITES_MAY_USE = {"image": {"coding"}, "inspection": {"metrics"}}
REQUIRED = {"numpy", "scipy", "sklearn", "numba", "llvmlite", "threadpoolctl", "joblib"} | sys.stdlib_module_names
# Rules that no user names: the base of all, what others deploy, and the second rule of a step.
NOT_A_CHOICE = {BaseSparsity, Auxiliary, Threshold, _GatedCode}

FILES = sorted(path for path in PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


def part(path):
    """The module or subpackage of the house that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(node, path):
    """Dotted names of the modules, or of what is imported from them."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = ("skl_sae", *path.relative_to(PACKAGE).parts[:-1])
        base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def imports(path, tree=None):
    """All imports of a file, at any depth."""
    nodes = ast.walk(tree or TREES[path])
    return [name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for name in imported(node, path)]


def imports_at_load(path):
    """Imports that run when the module is imported: those outside of functions."""

    def outside(node):
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.Lambda):
                yield child
                yield from outside(child)

    nodes = outside(TREES[path])
    return [name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for name in imported(node, path)]


def house(path):
    """Parts of the house that a file imports, apart from its own."""
    inside = {name.split(".")[1] for name in imports(path) if name.startswith("skl_sae.")}
    return inside - {part(path)}


def functions(path):
    return [node for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef)]


@each_file
def test_imports_point_one_way(path):
    mine, used = part(path), house(path)
    if mine == "__init__":
        return
    assert mine in RANK or mine in SATELLITES, "give the module a place in LAYERS or SATELLITES"
    if mine in SATELLITES:
        assert used & SATELLITES <= SATELLITES_MAY_USE.get(mine, set())
    else:
        assert not used & SATELLITES
        higher = {name for name in used if RANK[name] > RANK[mine]}
        assert not higher


def test_imports_have_no_cycle():
    graph = {}
    for path in FILES:
        if part(path) != "__init__":
            graph.setdefault(part(path), set()).update(house(path))
    tuple(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", [path for path in FILES if part(path) in RANK], ids=lambda path: path.stem)
def test_the_core_loads_only_what_is_required(path):
    packages = {name.split(".")[0] for name in imports_at_load(path)}
    assert packages <= REQUIRED | {"skl_sae"}


def test_package_init_only_imports():
    body = TREES[PACKAGE / "__init__.py"].body
    assert ast.get_docstring(TREES[PACKAGE / "__init__.py"])
    for node in body[1:]:
        names = {target.id for target in node.targets} if isinstance(node, ast.Assign) else set()
        assert isinstance(node, ast.ImportFrom) or (names <= {"__all__", "__version__"} and names)


# Modules that only one file may use, and what others may take from them all the same.
WITH_INSTRUCTIONS = ["_instructions", "_products", "_code_kernels", "_waiting"]
INSTRUCTIONS = ["numba.config", "numba.types", "numba.core.cgutils", "numba.extending.intrinsic"]
OF_THREADS = {("_blas", "threading"), ("_compiling", "threading")}
OF_NUMBA = {
    ("_threads", "numba.config"),
    ("_threads", "numba.np.ufunc.parallel"),
    ("_compiling", "numba.core.compiler_lock.global_compiler_lock"),
    ("_kernel_cache", "numba"),
    ("_kernel_cache", "numba.core.caching.FunctionCache"),
    ("_kernel_cache", "numba.core.serialize.dumps"),
}
OWNERS = {
    "numba": ("_numba", OF_NUMBA | set(itertools.product(WITH_INSTRUCTIONS, INSTRUCTIONS))),
    "llvmlite": ("_instructions", set(itertools.product(WITH_INSTRUCTIONS, ["llvmlite.ir"]))),
    "threading": ("_parallel", OF_THREADS | {("_fitted", "threading.RLock")}),
    "concurrent": ("_parallel", set()),
    "multiprocessing": ("_threads", set()),
    "joblib": ("_threads", {("_warning", "joblib")}),
    "threadpoolctl": ("_blas", set()),
    "sklearn.callback": ("_callbacks", set()),
}


@each_file
@pytest.mark.parametrize("module", OWNERS)
def test_one_place_owns(module, path):
    """How kernels are compiled, threads, and scikit-learn's callbacks."""
    owner, exceptions = OWNERS[module]
    uses = {name for name in imports(path) if f"{name}.".startswith(f"{module}.")}
    if part(path) != owner:
        assert {(part(path), name) for name in uses} <= exceptions


@each_file
def test_kernels_call_kernels_of_their_own_file(path):
    """Numba's cache does not see a change in another file. A row of a view is as much as a part of the language."""
    elsewhere = {name.rsplit(".", 1)[1] for name in imports(path) if name.startswith("skl_sae.")} - {
        "row_of",
        "jit_views",
    }
    for function in functions(path):
        decorators = [node.func if isinstance(node, ast.Call) else node for node in function.decorator_list]
        if any(isinstance(node, ast.Name) and node.id in ("jit", "jit_views", "exact") for node in decorators):
            called = {
                node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and "id" in vars(node.func)
            }
            assert not called & elsewhere, function.name


@each_file
def test_files_and_functions_are_short(path):
    """The estimator's file is longer because of its docstrings."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= (760 if path.stem == "_autoencoder" else 450)
    for function in functions(path):
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        assert not body or function.end_lineno - body[0].lineno < 60, f"{function.name} is too long"


# registries


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
    public = {getattr(skl_sae.sparsity, name) for name in skl_sae.sparsity.__all__ if name != "RULES"}
    assert rules - NOT_A_CHOICE | {BaseSparsity} == public


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_hooks_only(rule):
    """Never a forward of its own, and the parameters of an estimator."""
    hooks = {name for name, value in vars(BaseSparsity).items() if inspect.isfunction(value) and name[0] != "_"}
    own = {name for name, value in vars(rule).items() if inspect.isfunction(value) and name[0] != "_"}
    assert own <= hooks
    assert issubclass(rule, BaseEstimator) and type(clone(rule())) is rule
    started = rule()
    started.start(8, started.default_activation)
    assert started.scope in ("entry", "row", "unit", "batch")
    assert started.default_activation in _activations.ACTIVATIONS
    assert started.dead_units in (None, "auxiliary", "resample")


def test_every_activation_is_registered():
    kernels = {name for name, f in vars(_activations).items() if getattr(f, "__module__", "") == _activations.__name__}
    kernels -= {"Activation"}
    registered = {f.__name__ for row in _activations.ACTIVATIONS.values() for f in (row.forward, row.backward)}
    assert kernels == registered
    for name, row in _activations.ACTIVATIONS.items():
        assert (row.forward.__name__, row.backward.__name__) == (f"_{name}", f"_{name}_backward")


def test_every_loss_is_registered():
    public = {name for name, f in vars(_losses).items() if inspect.isfunction(f) and f.__module__ == _losses.__name__}
    assert {name for name in public if name[0] != "_"} == set(_losses.LOSSES)


def test_every_optimizer_is_registered():
    assert set(_optimizers.Optimizer.__subclasses__()) == set(_optimizers.OPTIMIZERS.values())
