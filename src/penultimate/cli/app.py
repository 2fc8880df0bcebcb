"""``penultimate app``."""

import contextlib
import signal

import click

from penultimate.cli.options import examples
from penultimate.cli.output import note
from penultimate.optional import needed


@click.command(
    short_help="A page to play with: counts, losses, files.",
    epilog=examples("penultimate app", "penultimate app --port 8888 --no-browser"),
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Of this machine; 0: any free one."
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
def app(port: int, no_browser: bool) -> None:
    """Open a page on which class counts, weight decay and loss can be played with, and files of a network looked into.

    It is served to this machine alone and asks nothing of any other. Ctrl-C ends it.
    """
    import webbrowser

    for library in ("starlette", "uvicorn", "altair", "jinja2", "vl_convert"):
        needed(library, "app", "the page")
    from penultimate.app.server import listen, serve

    try:
        listening = listen(port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.UsageError(
            f"port {port} is not to be had ({reason}): give another, or --port 0 for any that is free"
        ) from None
    address = "http://{}:{}/".format(*listening.getsockname())
    note(f"penultimate app: {address} (Ctrl-C ends it)")
    if not no_browser and not webbrowser.open(address):
        note("no browser could be opened: open the address in one")
    # The server heeds Ctrl-C itself: what hastens other commands to their end would cut it short.
    signal.set_wakeup_fd(-1)
    with contextlib.suppress(KeyboardInterrupt):
        serve(listening)
