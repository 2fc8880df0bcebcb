"""Text for a terminal, a file or a pipe, whatever its encoding and whatever names it holds."""

import codecs
import json
import os
import re
import sys
from io import TextIOWrapper
from typing import Any, TextIO

import click

_WIDTH = 120  # columns when the output is no terminal and COLUMNS does not say: rich's own 80 would wrap the tables
_NARROWEST = 40  # below this no table can be read

# What an encoding such as ASCII or cp1252 lacks is spelt out; a character that is not here, by its number.
_SPELT = {
    **{
        "…": "...",
        "–": "-",
        "—": "-",
        "−": "-",
        "·": "*",
        "×": "x",
        "→": "->",
        "≥": ">=",
        "≤": "<=",
        "≈": "~",
        "‖": "||",
    },
    **{"√": "sqrt ", "²": "^2", "∞": "inf", "±": "+-", "’": "'", "“": '"', "”": '"', "Ŷ": "Y", "ᵀ": "^T", "Σ": "sum "},
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "κ": "kappa"},
    **{"λ": "lambda", "ρ": "rho", "σ": "sigma", "τ": "tau", "₁": "_1"},
}
# Characters that a terminal obeys or that turn the direction of writing, and halves of pairs, which no file can hold.
_INVISIBLE = (
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f"
)
_HIDDEN = re.compile(f"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f{_INVISIBLE}]")
_ORDERS = re.compile("\x1b")


def prepare() -> None:
    """Let the streams write any character, in one spelling or another."""
    codecs.register_error("penultimate", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="penultimate")


def visible(text: str) -> str:
    """A text with what would not be seen, or would turn what follows, by its number."""
    return _told(_shown(text))


def show(renderable: Any) -> None:
    """Print what the library rich draws."""
    from rich.console import Console
    from rich.segment import Segment, Segments

    console = Console(width=_columns())
    # Names may hold orders to the terminal. In segments colours are apart from the text, so that these can be told.
    parts = [Segment(_told(part.text), part.style, part.control) for part in console.render(renderable)]
    with console.capture() as captured:
        console.print(Segments(parts), end="")
    write(_shown(captured.get()))


def as_json(record: "dict[str, object] | list[dict[str, object]]", *, ascii_only: bool = False) -> str:
    """A record, or several, as JSON in which nothing is invisible."""
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=ascii_only)
    return re.sub(f"[\x7f-\x9f{_INVISIBLE}]", lambda found: json.dumps(found[0])[1:-1], text)


def write(text: str) -> None:
    """Write to standard output at once, so that what the system refuses is known here."""
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stdout.write(text)
        sys.stdout.flush()


def is_unicode(stream: TextIO | None) -> bool:
    """Whether a stream can hold any character."""
    return str(getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-").startswith("utf")


def is_quiet() -> bool:
    """Whether the user asked for nothing but results and errors."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("quiet"))


def note(text: str) -> None:
    """Say something beside the result, unless the user asked for quiet."""
    if not is_quiet():
        complain(text)


def complain(text: str) -> None:
    """Write one line to standard error."""
    # The library click would write UTF-8 to a stream that says it is ASCII.
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(visible(text) + "\n")
        sys.stderr.flush()


def _columns() -> int | None:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal():
        return max(int(given), _NARROWEST)
    return None if sys.stdout is not None and sys.stdout.isatty() else _WIDTH  # pyright: ignore[reportUnnecessaryComparison]


def _told(text: str) -> str:
    return _ORDERS.sub(r"\\x1b", text)


def _shown(text: str) -> str:
    return _HIDDEN.sub(lambda found: _numbered(found[0]), text)


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    cut = error.object[error.start : error.end]
    return "".join(_SPELT.get(character) or _numbered(character) for character in cut), error.end


def _numbered(character: str) -> str:
    return (
        character.encode("ascii", errors="backslashreplace").decode()
        if ord(character) > 127
        else f"\\x{ord(character):02x}"
    )
