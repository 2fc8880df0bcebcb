"""One way down: who may import whom, as CONTRIBUTING.md lists it; names nobody confuses; tests beside the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from inspect import ismodule
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "penultimate"
# Start-up time and optional libraries; `reported` loads the presenter of a result by its name.
MAY_IMPORT_LATE = {"torch", "heads", "cli", "reported"}
# Advice compares heads only where samples are given, and without them must do without scikit-learn; Numba is imported
# where a loop is compiled.
BY_NEED = {("advice.advice", "heads.comparison.comparison"), ("kernels", "kernel_cache")}
# Folders of tests of what is not in the package.
BESIDE = {"studies", "benchmarks", "fuzz", "packaging"}
AMERICAN = re.compile(
    r"(?:minimi|maximi|regulari|normali|optimi|initiali|summari|generali|recogni)z|color|center|behavior|neighbor"
)
# Names that other libraries give: arguments of Altair, PyTorch and Lightning.
THEIRS = {"color", "optimizer", "on_before_optimizer_step"}


class Import(NamedTuple):
    importer: str
    imported: str
    late: bool
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def listed() -> list[list[str]]:
    """The ground's modules, then one floor after the other, as the page has them."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"^    ground .*?(?=\n\n)", page, re.MULTILINE | re.DOTALL)
    assert block, "CONTRIBUTING.md has no list of floors that begins with `ground`"
    ground, *floors = block[0].splitlines()
    return [ground.split(":")[0].split()[1:], *([line.split()[0]] for line in floors)]


HEIGHT = {name: height for height, names in enumerate(listed()) for name in names}


def name_of(path: Path) -> str:
    """A module's name within the package; the package's own is ''."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# `python -m penultimate` starts the command from beside the ground.
FILES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py")) if path.stem != "__main__"}
PACKAGES = [name for name, path in FILES.items() if path.name == "__init__.py"]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def floor(module: str) -> str:
    return module.split(".")[0]


def imports(module: str) -> Iterator[Import]:
    """Every import of an own module, wherever it stands."""
    pending = [(node, False) for node in tree(module).body]
    while pending:
        node, late = pending.pop()
        for name in _own(node):
            yield Import(module, name, late, node.lineno)
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        pending += [(child, late) for child in ast.iter_child_nodes(node)]


def _own(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [name if name.removeprefix("penultimate.") in FILES else str(node.module) for name in names]
    else:
        names = []
    return [name.removeprefix("penultimate").removeprefix(".") for name in names if name.split(".")[0] == "penultimate"]


@cache
def all_imports() -> list[Import]:
    """The package's own file gathers names, each of them loaded when it is first used."""
    return [found for module in FILES if module for found in imports(module)]


def test_the_page_lists_every_floor_and_the_ground():
    ground, *floors = listed()
    assert sorted(ground) == sorted(path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__"))
    assert sorted(name for (name,) in floors) == sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def test_nothing_imports_from_a_floor_below_its_own():
    wrong = [
        str(found) for found in all_imports() if HEIGHT[floor(found.importer)] < HEIGHT.get(floor(found.imported), 99)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_imports_run_in_a_circle():
    """Those within functions included, and those for types alone."""
    graph: dict[str, set[str]] = {}
    for found in all_imports():
        if found.importer not in PACKAGES:
            graph.setdefault(found.importer, set()).add(found.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


def test_own_modules_are_imported_at_the_top():
    late = [found for found in all_imports() if found.late and floor(found.importer) not in MAY_IMPORT_LATE]
    wrong = [str(found) for found in late if (found.importer, found.imported) not in BY_NEED]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "cli"])
def test_no_module_is_named_like_what_its_package_offers(package):
    """`pen.forecast` is a function: no module of the package may take that name from it."""
    owner = import_module(f"penultimate.{package}".rstrip("."))
    below = [name.rpartition(".")[2] for name in FILES if name and name.rpartition(".")[0] == package]
    assert not [name for name in below if not ismodule(getattr(owner, name, pytest))]


def defined(module: str) -> Iterator[str]:
    """Names of the module, its classes, functions, arguments and variables."""
    yield module
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_names_are_spelt_as_in_british_english():
    wrong = {f"{module}: {name}" for module in FILES for name in defined(module) if AMERICAN.search(name.lower())}
    assert not {found for found in wrong if found.split(": ")[1] not in THEIRS}


def test_tests_mirror_the_floors():
    ours = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    theirs = {path.parent.relative_to(SOURCE) for path in FILES.values()}
    assert not {folder for folder in ours if folder not in theirs and folder.parts[0] not in BESIDE}
    untested = {name for (name,) in listed()[1:]} - {folder.parts[0] for folder in ours if folder.parts}
    assert not untested, f"no folder of tests for {sorted(untested)}"
