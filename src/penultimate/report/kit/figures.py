"""The numbers of a result by name, as trackers of experiments take them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from penultimate.report.kit.frame import columns

# Where a record lists one row a class or label, and what names it there.
_NAMED = {"classes": "class", "labels": "label"}


def figures(record: Mapping[str, object]) -> dict[str, float]:
    """Whole figures by their path in a record, and those of classes as ``classes/recall/newt``; no lists, no words."""
    found = dict(_numbers(record, ""))
    for listed, named in _NAMED.items():
        if isinstance(record.get(listed), list):
            table = columns(record)
            for column, values in table.items():
                rows = zip(table[named], values, strict=True)
                found |= {f"{listed}/{column}/{name}": float(cast(Any, value)) for name, value in rows if _is(value)}
    return found


def _numbers(record: Mapping[str, object], path: str) -> Iterator[tuple[str, float]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(cast(Mapping[str, object], value), f"{path}{name}/")
        elif _is(value):
            yield f"{path}{name}", float(cast(Any, value))


def _is(value: object) -> bool:
    """Whether it is a number; what is true or false is 1 or 0."""
    return isinstance(value, int | float)
