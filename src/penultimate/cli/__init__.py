"""The command ``penultimate``: parse, call, print; one file a command."""

import sys

import click

from penultimate.cli.advise import advise
from penultimate.cli.audit import audit
from penultimate.cli.compare import compare
from penultimate.cli.data import data
from penultimate.cli.forecast import forecast
from penultimate.cli.heads import heads
from penultimate.errors import PenultimateError
from penultimate.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penultimate")
def cli() -> None:
    """Forecast the geometry that imbalanced classes force on a network's last layer."""


for _command in (forecast, compare, audit, heads, advise, data):
    cli.add_command(_command)


def main() -> None:
    """Run the command; exit 0 on success, 2 for the user's input, 1 for a fault of ours."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except PenultimateError as error:
        _fail(str(error), 2)
    except click.ClickException as error:
        _fail(f"{error.format_message()} (see penultimate --help)", 2)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep Python from complaining when it flushes at exit.
        sys.stdout = None
        sys.exit(0)
    except Exception as error:
        _fail(f"internal error, please report it with the command you ran: {type(error).__name__}: {error}", 1)


def _fail(message: str, status: int) -> None:
    click.echo(f"penultimate: {' '.join(message.split())}", err=True)
    sys.exit(status)
