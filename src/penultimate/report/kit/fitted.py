"""Tables that leave columns out where the terminal has no room for them, rather than cut numbers short."""

from collections.abc import Iterator
from copy import copy

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

# Wider than any terminal.
_ANY = 10_000


class Fitted:
    """A table for a terminal of any width.

    Parameters
    ----------
    table : rich.table.Table
        With all columns, whose headings differ.
    spare : str
        Headings of columns that may be left out, the first first. What still does not fit then is cut.

    Examples
    --------
    >>> from rich.console import Console
    >>> from rich.table import Table
    >>> table = Table("class", "count", "a figure that few look for", box=None)
    >>> table.add_row("bus", "6,000", "0.25")
    >>> Console(width=40).print(Fitted(table, "a figure that few look for"))
    class  count
    bus    6,000
    no room for: a figure that few look for
    """

    def __init__(self, table: Table, *spare: str) -> None:
        self.table = table
        self.spare = spare

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield what fits, and the names of what does not."""
        left: list[str] = []
        shown = self.table
        for heading in self.spare:
            if Measurement.get(console, options.update(max_width=_ANY), shown).maximum <= options.max_width:
                break
            left.append(heading)
            shown = _without(self.table, left)
        yield shown
        if left:
            yield Text(f"no room for: {', '.join(' '.join(heading.split()) for heading in left)}", style="dim")


def _without(table: Table, left: list[str]) -> Table:
    kept = [column for column in table.columns if column.header not in left]
    narrower = copy(table)
    narrower.columns, narrower.rows = [], []
    for column in kept:
        narrower.add_column(
            column.header,
            style=column.style,
            justify=column.justify,
            overflow=column.overflow,
            max_width=column.max_width,
            no_wrap=column.no_wrap,
        )
    for row, cells in zip(table.rows, zip(*(column.cells for column in kept), strict=True), strict=True):
        narrower.add_row(*cells, style=row.style, end_section=row.end_section)
    return narrower
