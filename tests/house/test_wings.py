"""Imports point one way, between the wings and between files; and what one file owns."""

import graphlib
import itertools
import sys

import pytest
import sources
from sources import FILES, PACKAGE, TREES, imports, module, name_of, room

import skl_sae

# From the bottom to the top: a file imports from its own entry and from those below.
WINGS = [{"_kernels"}, {"_model"}, {"sparsity"}, {"_training"}, {"_estimator", "_autoencoder", "_imputer"}]
# Small files at the top of the package that import nothing of it, so that anybody may use them.
GROUND = {"_callbacks", "_disk", "_doc_link", "_extras", "_kept_model", "_named_parameters", "_parameters"}
GROUND |= {"_version", "_warning"}
# They may use the kernels and public names, and one another as listed.
SATELLITES = {
    *("metrics", "datasets", "coding", "transfer", "compression", "image", "inspection", "io", "dask"),
    *("ensemble", "outliers"),
}
SATELLITES_MAY_USE = {
    **{"coding": {"metrics"}, "image": {"coding", "metrics"}, "inspection": {"metrics"}},
    **{"transfer": {"coding", "metrics"}, "io": {"coding"}, "ensemble": {"metrics"}, "outliers": {"metrics"}},
}
# Files of satellites that reach further, each by name.
REACH_FURTHER = {
    *(
        f"coding._unrolling.{name}"
        for name in ("unrolled", "unrolled_pass", "shrinkage", "layerwise", "code_target", "pursued")
    ),
    *("coding._unrolling.recovery_start", "coding._unrolling.recovery_building"),
    "coding._recovery_autoencoder",
    *(f"compression.{name}" for name in ("_prune", "_pruning", "_dead_units", "_fine_tuning", "_quantize", "_report")),
    *("transfer._networks", "transfer._wider", "outliers._residuals"),
    *(f"io.{name}" for name in ("_plain", "_onnx", "_own_network", "_own_training", "_own_estimator", "_target_l0")),
    *(f"dask.{name}" for name in ("_blocks", "_checks", "_facts", "_fetching", "_fit", "_gradients", "_loop")),
    *(f"dask.{name}" for name in ("_rounds", "_share", "_transform")),
}
REQUIRED = {"numpy", "scipy", "sklearn", "numba", "llvmlite", "threadpoolctl", "joblib"} | sys.stdlib_module_names

RANK = {name: rank for rank, wing in enumerate(WINGS) for name in wing}
PUBLIC = {"sparsity", "_autoencoder", "_imputer"}
each_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def test_a_stranger_finds_the_wings():
    """Folders, and at the top only what the page of the design names."""
    names = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert names - {"__pycache__"} <= {"__init__", *RANK, *GROUND, *SATELLITES}
    assert {"_kernels", "_model", "sparsity", "_training", "_autoencoder"} <= names


@pytest.mark.parametrize(
    "wing",
    [
        *("_kernels", "_model", "_training", "_estimator"),
        *(f"coding/{name}" for name in ("_coders", "_learning", "_unrolling")),
        *(f"inspection/{name}" for name in ("_comparing", "_displays", "_interventions", "_report", "_units")),
    ],
)
def test_inside_a_private_wing_names_carry_no_underscore(wing):
    names = {path.stem for path in (PACKAGE / wing).glob("*.py")} - {"__init__"}
    assert names and not {name for name in names if name.startswith("_")}


@each_file
def test_imports_point_one_way(path):
    mine = room(path)
    used = {name.split(".")[0] for name in sources.imports_of_the_house(path)} - {mine, ""}
    if mine == "__init__":
        return
    if mine in GROUND:
        assert not used
    elif mine in RANK:
        assert not {name for name in used - GROUND if RANK.get(name, len(WINGS)) > RANK[mine]}
    else:
        assert mine in SATELLITES, "give it a room: a wing, the ground or the satellites"
        assert used & SATELLITES <= SATELLITES_MAY_USE.get(mine, set())
        if module(path) not in REACH_FURTHER:
            assert used - SATELLITES <= GROUND | PUBLIC | {"_kernels"}


def test_files_have_no_cycle():
    graph = {module(path): sources.imports_of_the_house(path) for path in FILES if module(path) != "__init__"}
    tuple(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", [path for path in FILES if room(path) not in SATELLITES], ids=name_of)
def test_the_core_loads_only_what_is_required(path):
    packages = {name.split(".")[0] for name in sources.imports_at_load(path)}
    assert packages <= REQUIRED | {"skl_sae"}


def test_package_init_only_imports():
    """Names, and how the satellites are imported when they are asked for."""
    body = TREES[PACKAGE / "__init__.py"].body
    for node in body[1:]:
        names = {target.id for target in getattr(node, "targets", [])} or {getattr(node, "name", None)}
        assert type(node).__name__ == "ImportFrom" or names <= {"__all__", "_WINGS", "__getattr__", "__dir__"}


def test_every_satellite_is_an_attribute_of_the_package():
    for name in {"sparsity", *SATELLITES}:
        assert getattr(skl_sae, name).__name__ == f"skl_sae.{name}"
        assert name in dir(skl_sae)
    with pytest.raises(AttributeError, match="no attribute 'metric'"):
        _ = skl_sae.metric


# Modules that only one file may use, and what others may take from them all the same.
OF_PRODUCTS = "products", "sparse_products", "sparse_weights"
INSTRUCTIONS = "vectors", *OF_PRODUCTS, "maxima", "atomics", "calling", "exponentials"
WITH_VECTORS = [f"_kernels.{name}" for name in INSTRUCTIONS]
FOR_VECTORS = ["numba.config", "numba.types", "numba.core.cgutils", "numba.extending.intrinsic"]
OF_THREADS = {("_kernels.blas", "threading"), ("_kernels.compiling", "threading"), ("_kernels.kernel", "threading")}
OF_LLVM = {("_kernels.atomics", "llvmlite.binding"), ("_kernels.compiling", "llvmlite.binding.ffi")}
OF_NUMBA = {
    *((f"_kernels.{name}", "numba.config") for name in ("thread_count", "plan", "waiting")),
    *(("_kernels.kernel", name) for name in ("numba", "numba.types")),
    ("_kernels.thread_count", "numba.np.ufunc.parallel"),
    ("_kernels.compiling", "numba.core.compiler_lock.global_compiler_lock"),
    ("_kernels.cache", "numba"),
    ("_kernels.cache", "numba.core.caching.FunctionCache"),
    ("_kernels.cache", "numba.core.serialize.dumps"),
}
OWNERS = {
    "numba": ("_kernels.jit", OF_NUMBA | set(itertools.product(WITH_VECTORS, FOR_VECTORS))),
    "llvmlite": ("_kernels.vectors", {*itertools.product(WITH_VECTORS, ["llvmlite.ir"]), *OF_LLVM}),
    "threading": ("_kernels.threads", OF_THREADS | {("_estimator.fitted", "threading.RLock")}),
    "concurrent": ("_kernels.threads", set()),
    "multiprocessing": ("_kernels.thread_count", set()),
    "joblib": ("_kernels.thread_count", {("_warning", "joblib")}),
    "threadpoolctl": ("_kernels.blas", set()),
    "sklearn.callback": ("_callbacks", set()),
}


@pytest.mark.parametrize("library", OWNERS)
def test_one_place_owns(library):
    """How kernels are compiled, threads, BLAS, and scikit-learn's callbacks."""
    owner, exceptions = OWNERS[library]
    uses = {(module(path), name) for path in FILES for name in imports(path) if f"{name}.".startswith(f"{library}.")}
    assert {(user, name) for user, name in uses if user != owner} <= exceptions


@each_file
def test_kernels_call_kernels_that_their_cache_sees(path):
    """Those of their own file and of the kernels' wing: a change in any of these compiles a kernel anew."""
    elsewhere = {name.rsplit(".", 1)[1] for name in imports(path) if name.startswith("skl_sae.")}
    elsewhere -= {name.rsplit(".", 1)[1] for name in imports(path) if name.startswith("skl_sae._kernels.")}
    for function in sources.functions(path):
        called = sources.names_called(function)
        if sources.is_kernel(function):
            assert not called & elsewhere, function.name
