"""The classes of a result as columns, and as a data frame of whichever library its user works with."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from penultimate.errors import ProblemError
from penultimate.optional import needed

# Where a record lists one row a class, a label, or a group of classes.
LISTS = ("classes", "labels", "groups")

_BACKENDS = ("pandas", "polars", "pyarrow")


def frame(record: Mapping[str, object], backend: str) -> Any:
    """One row a class of a result's record.

    Parameters
    ----------
    record : mapping
        What `to_dict` gives.
    backend : str
        Of `_BACKENDS`.

    Returns
    -------
    data frame of that library
    """
    found = columns(record)
    if backend not in _BACKENDS:
        raise ProblemError(f"backend is {backend!r}: give one of {', '.join(_BACKENDS)}")
    narwhals = needed("narwhals", "report", "a data frame")
    needed(backend, None, "a data frame")
    return narwhals.from_dict(found, backend=backend).to_native()


def columns(record: Mapping[str, object]) -> dict[str, list[object]]:
    """Columns by name, with one value a class of a result's record; what a class lacks is None.

    Raises
    ------
    ProblemError
        If the result lists no classes.
    """
    # Advice has a piece on labels by that name, which is no list.
    listed = next((name for name in LISTS if isinstance(record.get(name), list)), None)
    if listed is None:
        raise ProblemError("this result lists no classes: its numbers are in to_dict()")
    rows = cast(list[dict[str, object]], record[listed])
    found: dict[str, list[object]] = {}
    for place, row in enumerate(rows):
        for name, value in _flat(row):
            found.setdefault(name, [None] * len(rows))[place] = value
    return {name: _of_one_kind(values) for name, values in found.items()}


def _of_one_kind(values: list[object]) -> list[object]:
    """A record has whole numbers as such; beside others in a column they are floats, or Polars refuses them."""
    if not any(isinstance(value, float) for value in values):
        return values
    return [float(value) if isinstance(value, int) else value for value in values]


def _flat(row: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    """Names and values; an interval is two columns, and what is in an object one each."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            for inner, held in _flat(cast(Mapping[str, object], value)):
                yield f"{name}_{inner}", held
        elif name.endswith("interval"):
            low, high = cast("list[object]", value) if value is not None else (None, None)
            yield f"{name}_low", low
            yield f"{name}_high", high
        else:
            yield name, value
