"""What the package promises of its public names."""

import inspect

import pytest

import penultimate as pen


def members(owner: object) -> list[tuple[str, object]]:
    return [(name, value) for name, value in vars(owner).items() if not name.startswith("_")]


PUBLIC = {name: getattr(pen, name) for name in pen.__all__ if not name.startswith("_")}
PUBLIC |= {
    f"datasets.{name}": value
    for name, value in members(pen.datasets)
    if name in ("names", "counts", "table", "feature_names", "describe_features", "features")
}
PUBLIC |= {
    f"frames.{name}": value
    for name, value in members(pen.frames)
    if inspect.isfunction(value) and value.__module__.endswith("frames") and name != "minimise"
}
PUBLIC |= {f"metrics.{name}": value for name, value in members(pen.metrics) if not inspect.ismodule(value)}
# Made by `capture`, whose example shows it.
PUBLIC |= {f"torch.{name}": getattr(pen.torch, name) for name in pen.torch.__all__ if name != "CapturedFeatures"}
# The base of all heads, which is none itself.
PUBLIC |= {
    f"heads.{name}": value for name, value in members(pen.heads) if inspect.isclass(value) and name != "LinearHead"
}
PUBLIC |= {name: getattr(pen, name) for name in ("HeadComparison", "compare_heads")}
MODULES = {"datasets", "frames", "losses", "metrics"}


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - MODULES))
def test_has_a_docstring_with_a_runnable_example(name):
    assert ">>>" in (inspect.getdoc(PUBLIC[name]) or "")


def test_names_are_listed_once_and_found():
    assert len(set(pen.__all__)) == len(pen.__all__)
    assert set(pen.__all__) <= set(dir(pen))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pen.nonsense


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - MODULES))
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
