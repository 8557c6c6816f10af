"""Find whether a function `module:function` exists, without importing anything of the user."""

import ast
import importlib.machinery
import importlib.util
import os
import site
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec

from scheduled.state.files import RefusedError, read_regular

LONGEST = 10_000_000  # bytes of a module or script
# A module that uses one of these can define names that its source does not show.
DYNAMIC = frozenset({"globals", "vars", "exec", "setattr", "__getattr__"})


def missing_function(target: str, environment: Mapping[str, str], directory: str) -> Iterator[str]:
    """Yield a warning if the module or the function of *target* does not exist for a job with *environment*.

    The job imports it from its working *directory*, PYTHONPATH or the packages of this Python. What cannot be decided
    without an import is no warning.
    """
    module, _, name = target.partition(":")
    found = _spec(module, _search_path(environment, directory))
    if isinstance(found, str):
        yield f"python: there is no module {found} in {directory} or among the packages of {sys.executable}; install it, or correct the name"
        return
    if found.origin is None or not found.origin.endswith(".py"):
        return
    try:
        tree = ast.parse(read_regular(found.origin, limit=LONGEST), found.origin)
    except SyntaxError as error:
        yield f"python: {found.origin}:{error.lineno}: {error.msg}; correct the module"
        return
    except RefusedError as error:
        yield f"python: {error}; correct the module"
        return
    except (
        OSError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # the last two: nested too deeply for the parser
        return
    first = name.partition(".")[0]
    if _may_define(tree, first) or _is_submodule(found, first):
        return
    yield f"python: {found.origin} defines no {first}; correct the name, or define it there"


def _search_path(environment: Mapping[str, str], directory: str) -> list[str]:
    given = environment.get("PYTHONPATH", "")
    own = [path for path in sys.path if path and path != os.path.dirname(__file__)]
    return [directory, *(part for part in given.split(os.pathsep) if part), *own, site.getusersitepackages()]


def _spec(module: str, path: Sequence[str]) -> ModuleSpec | str:
    """Return the spec of *module*, or the name of the module or package that does not exist."""
    top, *inner = module.split(".")
    spec = importlib.machinery.PathFinder.find_spec(top, path) or _of_this_python(top)
    name = top
    while spec is not None and inner:
        name = f"{name}.{inner.pop(0)}"
        places = spec.submodule_search_locations
        spec = None if places is None else importlib.machinery.PathFinder.find_spec(name, list(places))
    return spec if spec is not None else name


def _of_this_python(top: str) -> ModuleSpec | None:
    """Return the spec of a module that is built in, or that a finder of an installed package finds."""
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


def _is_submodule(package: ModuleSpec, name: str) -> bool:
    places = package.submodule_search_locations
    if places is None:
        return False
    return importlib.machinery.PathFinder.find_spec(f"{package.name}.{name}", list(places)) is not None


def _may_define(tree: ast.Module, name: str) -> bool:
    """Return whether the module may bind *name*: it does so somewhere, or it defines names in another way."""
    return any(_binds(node, name) for node in ast.walk(tree))


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name in (name, "__getattr__")
        case ast.alias():
            return node.name == "*" or (node.asname or node.name.partition(".")[0]) == name
        case ast.Name():
            return node.id in DYNAMIC or (node.id == name and isinstance(node.ctx, ast.Store))
        case ast.Attribute():
            return node.attr == "modules"  # of `sys`: the module may replace itself
        case _:
            return False
