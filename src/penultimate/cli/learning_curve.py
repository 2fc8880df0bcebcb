"""``penultimate learning-curve``."""

from typing import Any, Literal

import click

from penultimate.cli.options import CLASSES, HTML, JSON, examples
from penultimate.cli.results import deliver


class _WholeNumbers(click.ParamType[tuple[int, ...]]):
    """One whole number, or several with commas between."""

    name = "N[,N2,…]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no whole number, nor whole numbers with commas between them", param, ctx)


@click.command(
    "learning-curve",
    short_help="What more samples of a class would bring.",
    epilog=examples(
        "penultimate learning-curve valid.npz --class newt --samples 20,50,200",
        "penultimate learning-curve cnn-ce-test --class 6 --samples 2000 --recall 0.6 --html curve.html",
    ),
)
@click.argument("valid")
@click.option("--class", "of", metavar="NAME", help="The class that gets more samples; by default every class.")
@click.option(
    "--samples",
    type=_WholeNumbers(),
    help="Its counts to forecast, with commas between.  [default: 2, 5 and 10 times the present one]",
)
@click.option("--recall", type=float, help="Say how many samples of the class this recall takes.")
@click.option("--weight-decay", type=float, metavar="W", help="λ of the ridge head.  [default: by cross-validation]")
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Let every class weigh alike.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Of the cross-validation.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the folds.")
@CLASSES
@JSON
@HTML
def learning_curve(
    valid: str,
    of: str | None,
    samples: tuple[int, ...] | None,
    recall: float | None,
    weight_decay: float | None,
    class_weight: str | None,
    folds: int,
    seed: int,
    classes: int | Literal["all", "none"],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Forecast the recall of every class at counts that it does not have yet.

    VALID are features as for `penultimate audit` that the network was not trained on: those of training samples are
    collapsed and say nothing. Nothing is trained: the law of a ridge head's scores says what more samples would bring.
    """
    from penultimate.learning_curves.curve import learning_curve as forecast_curve

    curve = forecast_curve(
        valid,
        of=of,
        counts=samples,
        recall=recall,
        weight_decay=weight_decay,
        class_weight=class_weight,
        folds=folds,
        seed=seed,
    )
    deliver(curve, json_path, html_path, classes)
