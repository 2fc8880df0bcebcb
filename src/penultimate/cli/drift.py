"""``penultimate drift``."""

from typing import Literal

import click

from penultimate.cli.options import CLASSES, HTML, JSON, examples
from penultimate.cli.output import note
from penultimate.cli.results import deliver, progress


@click.command(
    short_help="Which classes moved, and what that cost.",
    epilog=examples(
        "penultimate drift held-out.npz this-month.npz --html drift.html",
        "penultimate drift cnn-ce-test this-month.npz --shape mmd --json drift.json",
    ),
)
@click.argument("reference")
@click.argument("current")
@click.option("--head", metavar="FILE", help="Linear layers, if they are not beside the features.")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="How often some class may be said to have moved where none has.",
)
@click.option(
    "--shape", type=click.Choice(["mmd", "sinkhorn"]), help="Test the shape of classes, too; takes seconds a class."
)
@click.option(
    "--epsilon",
    type=float,
    default=1.0,
    show_default=True,
    help="Regularisation of --shape sinkhorn, from 0.3 on, in mean squared distances within a class.",
)
@click.option(
    "--groups", metavar="NAME", help="Array beside the features of both that says which samples belong together."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of permutations.")
@CLASSES
@JSON
@HTML
def drift(
    reference: str,
    current: str,
    head: str | None,
    level: float,
    shape: Literal["mmd", "sinkhorn"] | None,
    epsilon: float,
    groups: str | None,
    seed: int,
    classes: int | Literal["all", "none"],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Say which classes moved between two sets of features, whether that is more than noise, and what it cost.

    REFERENCE and CURRENT are labelled features of one network as for `penultimate audit`, or statistics that were kept
    of such. REFERENCE are best held-out samples of the time of training: the step from training samples to any others
    is no drift.
    """
    from penultimate.drifts.drifting import drift as compare

    with progress("comparing"):
        found = compare(
            reference, current, head=head, level=level, shape=shape, epsilon=epsilon, groups=groups, seed=seed
        )
    for line in found.notes:
        note(line)
    deliver(found, json_path, html_path, classes)
