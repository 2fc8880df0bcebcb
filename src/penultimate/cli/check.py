"""``penultimate check``."""

import click

from penultimate.cli.options import examples
from penultimate.cli.output import note, visible, write
from penultimate.files import write_whole

# What a pipeline takes for a test that failed.
BREACHED = 1


@click.command(
    short_help="A result against bounds, for pipelines.",
    epilog=examples(
        "penultimate check audit.json --min-recall 0.3",
        "penultimate check audit.json --against before.json --max-recall-lost 0.1 --junit check.xml",
        "penultimate drift BEFORE NOW --json - | penultimate check - --max-drift 0.25",
    ),
)
@click.argument("result")
@click.option("--against", metavar="BEFORE.json", help="An earlier audit of the same classes.")
@click.option("--min-recall", type=float, metavar="R", help="Every class with samples must have so much recall.")
@click.option("--max-recall-lost", type=float, metavar="R", help="No class may have lost more recall.")
@click.option(
    "--max-drift",
    type=float,
    metavar="SHARE",
    help="In a drift: of the way to the nearest class that a class may have gone. Between two audits: by how much the "
    "length or the spread of a class may have changed.",
)
@click.option("--junit", "junit_path", metavar="FILE", help="Write JUnit XML, one test a class and figure.")
def check(
    result: str,
    against: str | None,
    min_recall: float | None,
    max_recall_lost: float | None,
    max_drift: float | None,
    junit_path: str | None,
) -> int:
    """Hold an audit, or a drift, against bounds; exit 1 where one is breached, with one line for each class.

    RESULT is what `penultimate audit --json` or `penultimate drift --json` wrote; - is standard input.
    """
    from penultimate.checks.check import check as held
    from penultimate.checks.junit import junit

    found = held(result, against=against, min_recall=min_recall, max_recall_lost=max_recall_lost, max_drift=max_drift)
    if junit_path is not None:
        write_whole(junit_path, junit(found))
        note(f"wrote {junit_path}")
    write("".join(f"{visible(str(breach))}\n" for breach in found.breaches))
    unknown = f", {len(found.unknown)} not known for want of samples" if found.unknown else ""
    note(f"{len(found.checked):,} figures checked, {len(found.breaches):,} beyond their bound{unknown}")
    return 0 if found.passed else BREACHED
