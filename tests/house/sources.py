"""The package's sources, parsed: what the tests of the house read."""

import ast
from functools import cache
from pathlib import Path

import skl_sae

PACKAGE = Path(skl_sae.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def name_of(path):
    """The file as the tests print it."""
    return path.relative_to(PACKAGE).as_posix()


def room(path):
    """The wing, the satellite or the module at the top that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module(path):
    """Dotted name, without the package's; that of a folder for its ``__init__``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imported(node, path):
    """Dotted names of the modules, or of what is imported from them."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = ("skl_sae", *path.relative_to(PACKAGE).parts[:-1])
        base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


@cache
def imports(path):
    """All imports of a file, at any depth."""
    nodes = ast.walk(TREES[path])
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


def imports_of_the_house(path):
    """Modules of the package that a file imports, without the package's name."""
    known = {module(each) for each in FILES}
    found = set()
    for name in imports(path):
        if name.startswith("skl_sae."):
            inside = name.removeprefix("skl_sae.")
            found.add(inside if inside in known else inside.rpartition(".")[0])
    return found - {module(path)}


def functions(path):
    """Definitions of functions, at any depth."""
    return [node for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef)]


def classes(path):
    """Definitions of classes, at any depth."""
    return [node for node in ast.walk(TREES[path]) if isinstance(node, ast.ClassDef)]


def is_kernel(function):
    """Whether a definition is compiled."""
    decorators = [node.func if isinstance(node, ast.Call) else node for node in function.decorator_list]
    return any(isinstance(node, ast.Name) and node.id in ("jit", "kernel", "partial", "exact") for node in decorators)


def names_called(function):
    """Names of functions that are called by their plain name."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {node.func.id for node in calls if isinstance(node.func, ast.Name)}
