"""What the package promises of its public names."""

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import penultimate as pen


def members(owner: object) -> list[tuple[str, object]]:
    return [(name, value) for name, value in vars(owner).items() if not name.startswith("_")]


def names_of(module: ModuleType) -> list[str]:
    """What a module makes public: the list it keeps, or what stands in it and is its own."""
    own = [name for name, value in members(module) if getattr(value, "__module__", "").startswith(module.__name__)]
    return getattr(module, "__all__", own)


MODULES = {name: value for name in dir(pen) if inspect.ismodule(value := getattr(pen, name))}
PUBLIC = {name: getattr(pen, name) for name in dir(pen) if name not in MODULES and name != "__version__"}
PUBLIC |= {f"{key}.{name}": getattr(module, name) for key, module in MODULES.items() for name in names_of(module)}
# Bases and records that those that are listed stand for: an example of their own would show nothing new.
PLAIN = {"heads.LinearHead", "datasets.CountsInfo", "losses.plainly"}


def listed_in_the_pages() -> list[str]:
    """Names in the tables of docs/api.md, as they are written after ``pen.``."""
    names, prefix = [], ""
    for line in (Path(__file__).parents[1] / "docs" / "api.md").read_text().splitlines():
        if found := re.match(r"\.\. currentmodule:: penultimate\.?(.*)", line):
            prefix = found[1] + "." if found[1] else ""
        elif found := re.match(r"   ([A-Za-z_][\w.]*)$", line):
            names.append(prefix + found[1])
    return names


def test_the_pages_list_every_public_name_once():
    listed = listed_in_the_pages()
    assert len(set(listed)) == len(listed)
    assert set(listed) ^ PUBLIC.keys() <= PLAIN


ARRAYS = re.compile(r"ndarray|NDArray|\bFloats\b|\bRows\b")


def test_records_of_arrays_are_compared_without_asking_whether_an_array_is_true():
    """What `dataclass` writes for ``==`` does, and raises; so it is not asked to."""
    records = [one for one in PUBLIC.values() if dataclasses.is_dataclass(one)]
    of_arrays = [one for one in records if any(ARRAYS.search(str(field.type)) for field in dataclasses.fields(one))]
    assert len(of_arrays) > 30
    assert [one.__name__ for one in of_arrays if one.__dataclass_params__.eq] == []


def test_a_star_leaves_out_what_needs_another_library():
    left_out = {
        "torch",
        "heads",
        "compare_heads",
        "compare_label_heads",
        "HeadComparison",
        "LabelHeadComparison",
    }
    assert set(dir(pen)) - set(pen.__all__) == left_out
    assert all(f"`{name}`" in pen.__doc__ for name in left_out)


def test_importing_the_package_loads_none_of_it():
    script = (
        "import sys, penultimate; print([name for name in sys.modules if name.split('.')[0] in ('numpy', 'numba')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - PLAIN))
def test_has_a_docstring_with_a_runnable_example(name):
    assert ">>>" in (inspect.getdoc(PUBLIC[name]) or "")


def test_names_are_listed_once_and_found():
    assert len(set(pen.__all__)) == len(pen.__all__)
    assert set(pen.__all__) <= set(dir(pen))
    with pytest.raises(AttributeError, match="attribute nonsense"):
        _ = pen.nonsense


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_functions_are_typed(name):
    value = PUBLIC[name]
    functions = [value] if inspect.isfunction(value) else [f for _, f in members(value) if inspect.isfunction(f)]
    for function in functions:
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, function
        untyped = [
            p for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")
        ]
        assert not untyped, function


def test_errors_are_of_the_package_and_of_python():
    assert issubclass(pen.CountsError, pen.PenultimateError) and issubclass(pen.CountsError, ValueError)
    assert issubclass(pen.ProblemError, pen.PenultimateError) and issubclass(pen.ProblemError, ValueError)
    assert issubclass(pen.FileError, pen.PenultimateError) and issubclass(pen.FileError, OSError)
    assert issubclass(pen.MissingDependencyError, pen.PenultimateError)
    assert issubclass(pen.MissingDependencyError, ImportError)
