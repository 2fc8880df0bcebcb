"""What commands read and print: counts in, results out, progress in between."""

import shlex
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penultimate.cli.output import as_json, is_quiet, is_unicode, note, show, write
from penultimate.cli.outputs import STDOUT
from penultimate.errors import PenultimateError, ProblemError
from penultimate.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from rich.progress import TaskID

    from penultimate.cli.options import CountsFile
    from penultimate.counts import ClassCounts
    from penultimate.features.head import Head
    from penultimate.reported import Classes, Reported
    from penultimate.targets import LabelScatter

# Work that is over sooner shows nothing.
_DELAY = 1.0


def read(counts: str, how: "CountsFile") -> "ClassCounts":
    """Read a file or folder, or bundled counts by name; say on stderr how a file was read."""
    from penultimate.counts.given import counts_of

    holds = None if how.holds == "label-sets" else how.holds
    try:
        with progress("reading the counts"):
            found = counts_of(counts, how.column, holds, order=how.order, format=how.format)
    except PenultimateError:
        from penultimate.targets.readers import holds_label_sets

        if not holds_label_sets(counts, how.column, how.format):
            raise
        raise ProblemError(
            f"{counts} holds several labels a sample, and this takes one: `penultimate forecast` takes several"
        ) from None
    if not found.origin.startswith("bundled"):
        note(f"{counts}: {found.origin}")
    return found


def read_targets(counts: str, how: "CountsFile") -> "ClassCounts | LabelScatter":
    """Read several labels a sample where the user says so or the file leaves no doubt, else class counts."""
    from penultimate.counts.texts import separator_of
    from penultimate.targets.readers import holds_label_sets

    said = how.separator is not None or how.holds == "label-sets"
    if not said and (how.holds is not None or not holds_label_sets(counts, how.column, how.format)):
        found = read(counts, how)
        mark = separator_of(found.names) if found.origin.startswith("labels") else None
        if mark is not None:
            note(
                f"more than half of the labels hold {mark!r}: if a sample has several labels, say --separator '{mark}'"
            )
        return found
    if how.holds not in (None, "label-sets"):
        raise ProblemError(f"--separator beside --holds {how.holds}: leave --holds out, label sets are read")
    from penultimate.targets import LabelScatter

    with progress("reading the targets"):
        found = LabelScatter.read(counts, how.column, separator=how.separator, format=how.format)
    note(f"{counts}: {found.origin}")
    return found


def deliver(result: "Reported", json_path: str | None, html_path: str | None, classes: "Classes | None" = None) -> None:
    """Write and print a result, or of its classes what is selected."""
    written = [path for path in (html_path, json_path) if path is not None and path not in STDOUT]
    with progress("writing"):
        page = None if html_path is None else _page(result)
        if page is not None and html_path in written:
            write_whole(str(html_path), page)
        record = None if json_path is None else result.to_dict(classes)
        if record is not None and json_path in written:
            write_whole(str(json_path), as_json(record) + "\n")
        table = None if {html_path, json_path}.intersection(STDOUT) else result.table(classes)
    for path in written:
        note(f"wrote {path}")
    if page is not None and html_path not in written:
        write(page)
    if record is not None and json_path not in written:
        write(as_json(record, ascii_only=not is_unicode(sys.stdout)) + "\n")
    if table is not None:
        show(table)


def _page(result: "Reported") -> str:
    """The report, which says by what command it was made."""
    from penultimate.report.kit.provenance import command
    from penultimate.reported import page_of

    typed = command.set(shlex.join(["penultimate", *sys.argv[1:]]))
    try:
        return page_of(result).whole()
    finally:
        command.reset(typed)


def deliver_all(results: "Iterable[Reported]", json_path: str | None) -> None:
    """Print several results one after another as each is made, or write them as one list."""
    records: list[dict[str, object]] = []
    for result in results:
        if json_path is not None:
            records.append(result.to_dict())
        if json_path not in STDOUT:
            show(result.table())
    if json_path in STDOUT:
        write(as_json(records, ascii_only=not is_unicode(sys.stdout)) + "\n")
    elif json_path is not None:
        write_whole(json_path, as_json(records) + "\n")
        note(f"wrote {json_path}")


def say_origin(head: "Head") -> None:
    """Say on stderr which weights of a checkpoint were taken for the head."""
    if head.origin is not None:
        note(f"head: {head.origin}")


@contextmanager
def progress(doing: str, unit: str = "samples") -> "Generator[Callable[[str, int], object]]":
    """Say on stderr what is being done and for how long, and count the samples, or parts, of each pass.

    Nothing where stderr is no terminal, nor for what is over soon.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield lambda stage, rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    bars = Progress(*columns, console=Console(stderr=True), transient=True)
    bars.add_task(doing, total=None)
    tasks: dict[str, tuple[TaskID, int]] = {}

    def step(stage: str, rows: int) -> None:
        task, before = tasks.get(stage) or (bars.add_task("", total=None), 0)
        tasks[stage] = task, before + rows
        bars.update(task, description=f"reading {stage}: {before + rows:,} {unit}")

    # The first second passes without it: most commands are over then.
    timer = threading.Timer(_DELAY, bars.start)
    timer.daemon = True
    timer.start()
    try:
        yield step
    finally:
        timer.cancel()
        timer.join()
        if bars.live.is_started:
            bars.stop()
