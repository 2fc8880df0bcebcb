"""The Python lines and the command that give what the page shows."""

import shlex
from typing import Any

from penultimate.app.settings import Settings
from penultimate.report.kit.numbers import plain

# What the page calls the counts that it hands out.
COUNTS_FILE = "counts.json"
_COMMANDS = {"forecast": "forecast", "losses": "compare", "advice": "advise"}
_FUNCTIONS = {"forecast": "forecast", "losses": "compare_losses", "advice": "advise"}


def python(settings: Settings) -> str:
    """Python lines with the same result.

    Parameters
    ----------
    settings : Settings
        Of a view that there is.

    Returns
    -------
    str

    Examples
    --------
    >>> print(python(Settings(layers="2")))
    import penultimate as pen
    <BLANKLINE>
    counts = pen.datasets.counts('lvis')
    result = pen.forecast(counts, 0.0001, loss='mse', layers=2)
    print(result.verdict)
    result.report("report.html")
    """
    arguments = ["counts", *([repr(settings.compared())] if settings.view == "losses" else []), repr(settings.decay())]
    arguments += [f"{name}={value!r}" for name, value in settings.options().items()]
    lines = (
        "import penultimate as pen",
        "",
        f"counts = {_counts(settings)}",
        f"result = pen.{_FUNCTIONS[settings.view]}({', '.join(arguments)})",
        "print(result.verdict)",
        'result.report("report.html")',
    )
    return "\n".join(lines)


def command(settings: Settings) -> str:
    """The command with the same result; counts that are not bundled are read from `COUNTS_FILE`.

    Parameters
    ----------
    settings : Settings
        Of a view that there is.

    Returns
    -------
    str

    Examples
    --------
    >>> command(Settings(view="losses", losses="ce, la:1", bundled="wordnet"))
    'penultimate compare wordnet --loss ce --loss la:1 --weight-decay 0.0001 --html report.html'
    """
    counts = settings.bundled if settings.source == "bundled" else COUNTS_FILE
    options: list[tuple[str, Any]] = [("loss", name) for name in settings.compared() if settings.view == "losses"]
    options += [("weight_decay", settings.decay()), *settings.options().items(), ("html", "report.html")]
    words = ["penultimate", _COMMANDS[settings.view], counts]
    for name, value in options:
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _counts(settings: Settings) -> str:
    if settings.source == "bundled":
        return f"pen.datasets.counts({settings.bundled!r})"
    if settings.source == "text":
        return f'pen.ClassCounts.read("{COUNTS_FILE}")'
    numbers = f"{settings.classes}, {plain(float(settings.largest))}, {plain(float(settings.ratio))}"
    return f"pen.ClassCounts.long_tailed({numbers}, {settings.profile!r})"
