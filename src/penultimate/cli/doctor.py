"""``penultimate doctor``."""

import click

from penultimate.cli.options import examples
from penultimate.cli.output import show


@click.command(short_help="What this installation has, and lacks.", epilog=examples("penultimate doctor"))
def doctor() -> None:
    """Say versions, threads, where compiled kernels are kept, and which extras are missing and how to get them."""
    from penultimate.report.installation import installation

    show(installation())
