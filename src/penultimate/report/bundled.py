"""Tables of the bundled class counts and features for the terminal."""

from rich.console import Group
from rich.table import Table

from penultimate import datasets
from penultimate.report.kit.numbers import number


def data_tables() -> Group:
    """Everything that can be named instead of a file."""
    table = Table()
    for heading in ("name", "what", "classes", "samples", "ratio", "licence"):
        right = heading in ("classes", "samples", "ratio")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading == "name")
    for info in datasets.table():
        table.add_row(
            info.name,
            info.description,
            number(info.classes),
            number(info.samples),
            f"{number(info.ratio, 4)}:1",
            info.licence,
        )
    held = Table()
    for heading in ("features", "what"):
        held.add_column(heading, no_wrap=heading == "features")
    for name in datasets.feature_names():
        held.add_row(name, datasets.describe_features(name))
    return Group(table, held)
