"""``penultimate adjust``."""

import click

from penultimate.cli.options import examples
from penultimate.cli.output import note
from penultimate.cli.results import progress


@click.command(
    short_help="Probabilities for another mix of classes than that of training.",
    epilog=examples(
        "penultimate adjust probabilities.npy --trained-on counts.csv --used-on balanced --out balanced.npy",
        "penultimate adjust probabilities.csv --trained-on balanced --used-on counts.csv --out deployed.npy",
    ),
)
@click.argument("probabilities")
@click.option("--trained-on", required=True, metavar="COUNTS", help="Counts of training, or 'balanced'.")
@click.option("--used-on", required=True, metavar="COUNTS", help="The mix where answers count, or 'balanced'.")
@click.option("--out", required=True, metavar="FILE.npy", help="Write the new probabilities.")
def adjust(probabilities: str, trained_on: str, used_on: str, out: str) -> None:
    """Turn the probabilities of any model into those for another mix of classes.

    --used-on balanced gives the answers of best balanced accuracy. --trained-on balanced is for models that drew every
    class alike, or weighed it by one over its count: it undoes that.
    """
    from penultimate.archives.npy_writing import write_npy
    from penultimate.probabilities.adjusting import adjusted
    from penultimate.probabilities.given import probabilities_of

    with progress("adjusting"):
        given = probabilities_of(probabilities)
        found, in_order = adjusted(given, trained_on, used_on)
        write_npy(found, out)
    if in_order:
        note(in_order)
    changed = float((found.argmax(axis=1) != given.values.argmax(axis=1)).mean())
    note(f"wrote {out}: the answer changes for {100 * changed:.1f} % of {len(found):,} samples")
