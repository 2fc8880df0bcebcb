"""The classes of a result as a data frame, of whichever library its user works with."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from penultimate.errors import ProblemError
from penultimate.optional import needed

# Where a record lists one row a class, a label, or a group of classes.
_LISTS = ("classes", "labels", "groups")

BACKENDS = ("pandas", "polars", "pyarrow")


def frame(record: Mapping[str, object], backend: str) -> Any:
    """One row a class of a result's record.

    Parameters
    ----------
    record : mapping
        What `to_dict` gives.
    backend : str
        One of `BACKENDS`.

    Returns
    -------
    data frame of that library
    """
    rows = next((cast(list[dict[str, object]], record[name]) for name in _LISTS if name in record), None)
    if rows is None:
        raise ProblemError("this result lists no classes: its numbers are in to_dict()")
    if backend not in BACKENDS:
        raise ProblemError(f"backend is {backend!r}: give one of {', '.join(BACKENDS)}")
    narwhals = needed("narwhals", "report", "a data frame")
    needed(backend, None, "a data frame")
    columns: dict[str, list[object]] = {}
    for place, row in enumerate(rows):
        for name, value in _flat(row):
            # What a class lacks is null there.
            columns.setdefault(name, [None] * len(rows))[place] = value
    return narwhals.from_dict(columns, backend=backend).to_native()


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
