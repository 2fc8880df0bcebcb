"""What tables in the terminal share."""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

LOOK: dict[str, Any] = {
    "box": box.SIMPLE_HEAD,
    "title_justify": "left",
    "title_style": "bold",
    "pad_edge": False,
    "padding": (0, 1, 0, 0),
}


# A column of class names: long ones go on in the next line.
NAME: dict[str, Any] = {"overflow": "fold", "max_width": 24}


def as_float(value: object) -> float | None:
    """The number in a cell of a record, if there is one."""
    return float(value) if isinstance(value, int | float) else None


def facts_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values, one a line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan")
    table.add_column()
    for name, value in rows:
        table.add_row(name, Text(value))
    return table
