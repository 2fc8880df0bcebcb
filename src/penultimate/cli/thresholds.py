"""``penultimate thresholds``."""

from typing import Literal

import click

from penultimate.cli.options import CLASSES, HTML, JSON, examples
from penultimate.cli.output import note
from penultimate.cli.results import deliver, progress


@click.command(
    short_help="One threshold a label, where a sample may have several.",
    epilog=examples(
        "penultimate thresholds probabilities.npy --out thresholds.npy",
        "penultimate thresholds held-out.csv --html thresholds.html",
    ),
)
@click.argument("probabilities")
@click.option("--out", metavar="FILE.npy", help="Write the thresholds, one number a label.")
@CLASSES
@JSON
@HTML
def thresholds(
    probabilities: str,
    out: str | None,
    classes: int | Literal["all", "none"],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Find the threshold of every label that makes its expected F1 largest.

    PROBABILITIES are those of any model for samples that it was not trained on, one row a sample and one column a
    label: .npy, .npz, .safetensors, .parquet, .zarr, .h5 or .csv. A file's y, 0 or 1 for each label, chooses nothing:
    it measures.
    """
    from penultimate.archives.npy_writing import write_npy
    from penultimate.probabilities.thresholds import expected_f_thresholds

    with progress("reading the probabilities"):
        found = expected_f_thresholds(probabilities)
    if out is not None:
        write_npy(found.values, out)
        note(f"wrote {out}")
    deliver(found, json_path, html_path, classes)
