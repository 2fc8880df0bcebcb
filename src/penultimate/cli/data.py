"""``penultimate data``."""

import click

from penultimate.cli.options import examples
from penultimate.cli.output import show


@click.command(short_help="List the bundled counts and features.", epilog=examples("penultimate data"))
def data() -> None:
    """List the bundled class counts and features, which can be named instead of a file."""
    from penultimate.report.bundled import data_tables

    show(data_tables())
