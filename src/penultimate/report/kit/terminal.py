"""What tables in the terminal share."""

from typing import Any

from rich import box

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
