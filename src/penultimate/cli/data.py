"""``penultimate data``."""

import click

from penultimate.cli.results import show


@click.command()
def data() -> None:
    """List the bundled class counts and features, which can be named instead of a file."""
    from penultimate.report.bundled import data_tables

    show(data_tables())
