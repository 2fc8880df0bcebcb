"""Tables of a scan for the terminal, built with rich."""

from typing import Any

from rich.console import Group as Parts
from rich.table import Table
from rich.text import Text

from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number, percent
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.report.scan.words import named
from penultimate.reported import Classes
from penultimate.scans.scan import Scan


def table(scan: Scan, classes: Classes = 20) -> Parts:
    """Verdict and key figures on top, then groups, then the longest rows."""
    parts: list[Any] = [Text(scan.verdict, style="bold"), Text(), summary(scan)]
    if scan.groups:
        parts += [Text(), groups(scan, classes)]
    if classes != "none" and scan.longest.size:
        parts += [Text(), longest(scan)]
    return Parts(*parts)


def facts(scan: Scan) -> list[tuple[str, str]]:
    """What was looked at, one figure a line."""
    bias = "with a bias" if scan.bias is not None else "no bias"
    tied = ", also an embedding of inputs" * scan.tied
    rows = [
        ("head", f"{number(scan.classes)} × {number(scan.dimension)}, {scan.dtype}, {bias}{tied}"),
        ("names", number(scan.named) if scan.named else "none: classes are called by their numbers"),
        ("compared within", f"{number(scan.rounding)} of a row's length, the rounding of what was stored"),
        ("median length", number(scan.typical)),
        ("mean row", f"{percent(scan.mean_row_share, 2)} of the squared length"),
        ("zero, copies", f"{number(scan.zero.size)}, {number(sum(rows.size for rows in scan.duplicates))}"),
        ("runaway length", number(scan.runaway.size)),
    ]
    if scan.tokenizer is not None and scan.reach is None and scan.groups:
        rows.append(("tokenizer", f"{scan.tokenizer} not tried: tokenizers is not installed, or cannot read it"))
    return rows if scan.source is None else [("file", scan.source), *rows]


def summary(scan: Scan) -> Table:
    """Key figures, one a line."""
    return facts_table(facts(scan))


def groups(scan: Scan, classes: Classes) -> Fitted:
    """One row a group, with the names nearest to its centre."""
    limit = 0 if classes == "none" else 10**9 if classes == "all" else classes
    table = Table(title="Groups of rows that hardly differ", **LOOK)
    table.add_column("what", **NAME)
    for heading in ("rows", "nearly", "‖centre‖", "noise", "isotropy", "evidence"):
        table.add_column(heading, justify="right")
    table.add_column("names", overflow="fold")
    for group in scan.groups:
        figures = (group.centre_norm, group.noise, group.isotropy, group.evidence)
        table.add_row(
            Text(group.kind.value),
            number(group.rows.size),
            number(group.nearly.size),
            *(number(figure, 3) for figure in figures),
            Text(named(scan, group, limit) if limit else ""),
        )
    return Fitted(table, "isotropy", "evidence", "‖centre‖", "noise")


def longest(scan: Scan) -> Table:
    """The longest rows by name."""
    table = Table(title="Longest rows", **LOOK)
    table.add_column("class", **NAME)
    table.add_column("length", justify="right")
    table.add_column("over the median", justify="right")
    for row in scan.longest.tolist():
        length = float(scan.lengths[row])
        table.add_row(
            Text(scan.name(row)), number(length, 3), number(length / scan.typical, 3) if scan.typical else "–"
        )
    return table
