"""The Python lines and the command that give what the page shows."""

import shlex
from collections.abc import Sequence
from typing import Any

from penultimate.app.settings import AUDITED, Settings
from penultimate.app.uploads import Sent
from penultimate.report.kit.numbers import plain

# What the page calls the counts that it hands out.
COUNTS_FILE = "counts.json"
_SHOWN = ("print(result.verdict)", 'result.report("report.html")')
_COMMANDS = {"forecast": "forecast", "losses": "compare", "advice": "advise"}
_FUNCTIONS = {"forecast": "forecast", "losses": "compare_losses", "advice": "advise"}


def python(settings: Settings, files: Sequence[Sent] = (), label_sets: bool = False) -> str:
    """Python lines with the same result.

    Parameters
    ----------
    settings : Settings
        Of a view that there is.
    files : sequence of Sent
        What the view "files" is of; they are read by the user's names.
    label_sets : bool, default False
        Whether features that are audited turned out to have several labels a sample.

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
    if settings.view == "files":
        return "\n".join(("import penultimate as pen", "", *_of_files(settings, files, label_sets), *_SHOWN))
    if settings.networks == AUDITED:
        return "\n".join(("import penultimate as pen", "", *_of_audited(settings, files), *_SHOWN))
    arguments = ["counts", *([repr(settings.compared())] if settings.view == "losses" else []), repr(settings.decay())]
    arguments += [f"{name}={value!r}" for name, value in settings.options().items()]
    lines = (
        "import penultimate as pen",
        "",
        f"counts = {_counts(settings)}",
        f"result = pen.{_FUNCTIONS[settings.view]}({', '.join(arguments)})",
        *_SHOWN,
    )
    return "\n".join(lines)


def command(settings: Settings, files: Sequence[Sent] = (), label_sets: bool = False) -> str:
    """The command with the same result; counts that are not bundled are read from `COUNTS_FILE`.

    Parameters
    ----------
    settings, files, label_sets
        As for `python`.

    Returns
    -------
    str

    Examples
    --------
    >>> command(Settings(view="losses", losses="ce, la:1", bundled="wordnet"))
    'penultimate compare wordnet --loss ce --loss la:1 --weight-decay 0.0001 --html report.html'
    """
    if settings.view == "files":
        return shlex.join(["penultimate", *_words_of_files(settings, files, label_sets), "--html", "report.html"])
    counts = settings.bundled if settings.source == "bundled" else COUNTS_FILE
    options: list[tuple[str, Any]] = [("loss", name) for name in settings.compared() if settings.view == "losses"]
    options += [("weight_decay", settings.decay()), *_settled(settings, files), ("html", "report.html")]
    words = ["penultimate", _COMMANDS[settings.view], counts]
    for name, value in options:
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _of_audited(settings: Settings, files: Sequence[Sent]) -> list[str]:
    """Lines that end with the result for an audited network."""
    counts, audit = f"counts = {_counts(settings)}", repr(_audit_name(files))
    if settings.view == "advice":
        return [counts, f"result = pen.advise(counts, {settings.decay()!r}, audit={audit})"]
    read = f"calibration = Calibration.read({audit})"
    return [
        "from penultimate.audits.calibration import Calibration",
        "",
        counts,
        read,
        f"result = calibration.forecast(counts, ({settings.decay()!r},))",
    ]


def _settled(settings: Settings, files: Sequence[Sent]) -> list[tuple[str, Any]]:
    """Options of the command beside the weight decay."""
    if settings.networks != AUDITED:
        return [*settings.options().items()]
    return [("audit" if settings.view == "advice" else "calibrate", _audit_name(files))]


def _audit_name(files: Sequence[Sent]) -> str:
    return next((sent.name for sent in files if sent.slot == "audit"), "audit.json")


def _of_files(settings: Settings, files: Sequence[Sent], label_sets: bool) -> list[str]:
    """Lines that end with the result."""
    first, second = _named(settings, files)
    trained = f"weight_decay={settings.decay()!r}, loss={settings.loss!r}"
    if settings.task == "labels":
        separator = f", separator={settings.separator!r}" if settings.separator else ""
        return [
            f"targets = pen.LabelScatter.read({first!r}{separator})",
            f"result = pen.forecast(targets, {trained})",
        ]
    if settings.task == "audit":
        head = f"head={second!r}, " if second else ""
        if label_sets:
            return [f"result = pen.audit_label_sets({first!r}, {head}loss={settings.loss!r})"]
        return [f"result = pen.audit({first!r}, {head}{trained})"]
    arguments = [repr(first), *([repr(second)] if settings.task == "drift" else [])]
    return [f"result = pen.{settings.task.replace('-', '_')}({', '.join(arguments)})"]


def _words_of_files(settings: Settings, files: Sequence[Sent], label_sets: bool) -> list[str]:
    first, second = _named(settings, files)
    loss = ["--loss", settings.loss]
    trained = loss if label_sets else ["--weight-decay", str(settings.decay()), *loss]
    if settings.task == "labels":
        return ["forecast", first, *(["--separator", settings.separator] if settings.separator else []), *trained]
    if settings.task == "audit":
        return ["audit", first, *(["--head", second] if second else []), *trained]
    return [settings.task, first, *([second] if settings.task == "drift" else [])]


def _named(settings: Settings, files: Sequence[Sent]) -> tuple[str, str]:
    """What the two files are called."""
    names = {sent.slot: sent.name for sent in files}
    second = settings.second if settings.task == "drift" else ""
    return names.get("first", settings.first), names.get("second", second)


def _counts(settings: Settings) -> str:
    if settings.source == "bundled":
        return f"pen.datasets.counts({settings.bundled!r})"
    if settings.source == "text":
        return f'pen.ClassCounts.read("{COUNTS_FILE}")'
    numbers = f"{settings.classes}, {plain(float(settings.largest))}, {plain(float(settings.ratio))}"
    return f"pen.ClassCounts.long_tailed({numbers}, {settings.profile!r})"
