"""The command ``penultimate``: parse, call, print; one file a command."""

import contextlib
import os
import sys
import threading

import click

from penultimate.cli.adjust import adjust
from penultimate.cli.advise import advise
from penultimate.cli.app import app
from penultimate.cli.audit import audit
from penultimate.cli.check import check
from penultimate.cli.class_shares import class_shares
from penultimate.cli.compare import compare
from penultimate.cli.count import count
from penultimate.cli.data import data
from penultimate.cli.doctor import doctor
from penultimate.cli.drift import drift
from penultimate.cli.forecast import forecast
from penultimate.cli.heads import heads
from penultimate.cli.interrupts import INTERRUPTED, heeding_interrupts
from penultimate.cli.learning_curve import learning_curve
from penultimate.cli.options import examples
from penultimate.cli.output import complain, prepare
from penultimate.cli.scan import scan
from penultimate.cli.sections import Sections
from penultimate.cli.thresholds import thresholds
from penultimate.errors import PenultimateError
from penultimate.version import __version__

# What it prints when it is called alone.
_FIRST = """\
penultimate says which rare classes a network's last layer will lose, checks a trained network, and helps to mend it.
Try it on bundled data:
  penultimate forecast lvis --weight-decay 0.01     which of 1,203 classes keep a direction of their own
  penultimate audit cnn-mse --html audit.html       what a trained network made of its classes, as a page
  penultimate heads cnn-ce cnn-ce-test              a better last layer for the same features
All commands: penultimate --help"""


@click.group(
    cls=Sections,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    epilog=examples(
        "penultimate forecast lvis --weight-decay 0.01",
        "penultimate audit cnn-mse --html audit.html",
        "penultimate forecast --help",
    ),
)
@click.version_option(__version__, prog_name="penultimate")
@click.option("-q", "--quiet", is_flag=True, help="Write nothing but results and errors; before a command or after it.")
@click.pass_context
def cli(context: click.Context, quiet: bool) -> None:
    """Say what imbalanced classes do to a network's last layer, and help to mend it."""
    if context.invoked_subcommand is None:
        click.echo(_FIRST)


cli.add_sections(
    {
        "Before training": (forecast, compare, count),
        "After training": (audit, learning_curve, heads),
        "Before and after": (advise,),
        "Any model": (scan,),
        "In use": (drift, check, thresholds, adjust, class_shares),
        "To try it": (app, data),
        "This installation": (doctor,),
    }
)


def main() -> None:
    """Run the command; exit 0 on success, 1 where a bound is breached or the fault is ours, 2 for the user's input."""
    prepare()
    with heeding_interrupts() as pressed:
        status = _run(pressed)
    sys.exit(status)


def _run(pressed: threading.Event) -> int:
    try:
        status: object = cli.main(prog_name="penultimate", standalone_mode=False)
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except PenultimateError as error:
        return _fail(str(error), 2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        return _fail(f"{error.format_message()} (see {context.command_path if context else 'penultimate'} --help)", 2)
    except (KeyboardInterrupt, click.exceptions.Abort):
        return _fail("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):
        # The reader (head, less) has seen enough; click makes a SystemExit of that, and of nothing else here.
        sys.stdout = None  # keeps Python from complaining when it flushes at its end
        return 0
    except OSError as error:
        sys.stdout = None
        return _fail(f"{error.filename or 'the output'}: {(error.strerror or str(error)).lower()}", 2)
    except MemoryError as error:
        return _fail(
            f"there is not enough memory for this ({error or 'allocation failed'}): give fewer classes or samples", 2
        )
    except Exception as error:
        if pressed.is_set():
            return _fail("interrupted", INTERRUPTED)
        return _fail(f"internal error, please report it with the command you ran: {type(error).__name__}: {error}", 1)


def _fail(message: str, status: int) -> int:
    try:
        complain(f"penultimate: {' '.join(message.split())}")
    except OSError:  # nobody reads this either
        with contextlib.suppress(OSError):
            os.close(2)
        sys.stderr = None
    return status
