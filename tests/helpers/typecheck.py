"""The type checker of the tests: jaxtyping and beartype, for which numbers of NumPy stand for floats.

jaxtyping's own import hook decorates a function where it is defined: all of them at import, though most tests call few,
and a function within a function anew in every call. It also has every library that is imported on the way compiled from
source, for it looks for bytecode of its own. Here a function is decorated when it is first called, those within
functions are left alone, and only what is checked is compiled. Solvers call some functions a hundred thousand times a
test, with the same shapes: of each function the first calls of a test are checked, and then one in so many.
"""

import ast
import functools
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder, SourceFileLoader
from typing import IO, Any, Self

import jaxtyping
import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

_STANDS_FOR = FrozenDict(
    {
        float: float | int | np.floating | np.integer,
        int: int | np.integer,
        IO[str]: Any,  # which no open file inherits from
        IO[bytes]: Any,
        Self: Any,  # known only to a checker that is given the whole class
    }
)
_CHECKER = beartype(conf=BeartypeConf(hint_overrides=_STANDS_FOR))
_NAME = "__checked__"
# A check takes some 10 µs, and most functions are called less often than this in a test.
_CALLS = 50
_called: dict[Callable, int] = {}
_disabled = False


def check(modules: set[str]) -> None:
    """Check calls of every function of these modules, and of what makes their dataclasses, once they are imported."""
    sys.meta_path.insert(0, _Finder(modules))


def begin(disable: bool) -> None:
    """Another test begins, whose calls are checked or are not."""
    global _disabled
    _disabled = disable
    _called.clear()


def checked(made):
    """A function that is decorated when it is first called; a dataclass whose ``__init__`` is."""
    if isinstance(made, type):
        if "__dataclass_fields__" in vars(made) and "__init__" in vars(made):
            made.__init__ = checked(made.__init__)
        return made

    @functools.cache
    def decorated():
        made.__annotations__ = {name: _known(hint, made) for name, hint in made.__annotations__.items()}
        return _CHECKER(made)

    @functools.wraps(made)
    def call(*args, **kwargs):
        number = _called[made] = _called.get(made, 0) + 1
        if _disabled or (number > _CALLS and number % _CALLS):
            return made(*args, **kwargs)
        # As a context and not as a decorator, which would bind the arguments and check them twice.
        with jaxtyping.jaxtyped("context"):
            return decorated()(*args, **kwargs)

    return call


def _known(hint, made):
    """What a string names; anything, where it is imported for types alone or of a library that is optional."""
    try:
        return eval(hint, made.__globals__) if isinstance(hint, str) else hint
    except NameError:
        return Any


class _Finder(PathFinder):
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, fullname, path=None, target=None):
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self.modules else None
        if spec is not None:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    def get_code(self, fullname):
        path = self.get_filename(fullname)
        tree = _Decorate().visit(ast.parse(self.get_data(path), path))
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module):
        vars(module)[_NAME] = checked
        super().exec_module(module)


class _Decorate(ast.NodeTransformer):
    """Functions below their other decorators, which may drop annotations; classes above theirs, which make them."""

    def visit_FunctionDef(self, node):
        node.decorator_list.append(ast.copy_location(ast.Name(_NAME, ast.Load()), node))
        return node

    def visit_ClassDef(self, node):
        node.decorator_list.insert(0, ast.copy_location(ast.Name(_NAME, ast.Load()), node))
        return self.generic_visit(node)
