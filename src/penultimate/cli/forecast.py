"""``penultimate forecast``."""

from typing import TYPE_CHECKING, Literal

import click

from penultimate.cli.beside import one_of, refuse, scaled, scaled_bias, torch_scale
from penultimate.cli.costs import announce_forecast, announce_targets
from penultimate.cli.options import (
    BIAS,
    CLASSES,
    FEATURE_DECAY,
    FEATURE_RATIO,
    HTML,
    JSON,
    LAYERS,
    LIKE,
    LOSS,
    TORCH_LOSS,
    WEIGHT_DECAY,
    WIDTH,
    CountsFile,
    examples,
    reads_targets,
)
from penultimate.cli.results import deliver, progress, read_targets
from penultimate.errors import ProblemError

if TYPE_CHECKING:
    from penultimate.model.problem import Bias


@click.command(
    short_help="What class counts do to the last layer.",
    epilog=examples(
        "penultimate forecast train.csv --weight-decay 5e-4 --loss ce",
        "penultimate forecast tags.csv --separator ';' --weight-decay 0.01",
        "penultimate forecast lvis --layers 2 --classes all --html forecast.html",
    ),
)
@click.argument("counts")
@reads_targets
@LOSS
@TORCH_LOSS
@LAYERS
@WEIGHT_DECAY
@FEATURE_DECAY
@FEATURE_RATIO
@LIKE
@click.option(
    "--calibrate",
    metavar="AUDIT.json",
    multiple=True,
    help="Take layers, bias and the law of strengths from an audited network; twice, for two weight decays.",
)
@BIAS
@WIDTH
@CLASSES
@JSON
@HTML
def forecast(
    counts: str,
    counts_file: CountsFile,
    loss: str,
    torch_loss: str | None,
    layers: int | None,
    weight_decay: tuple[float, ...],
    feature_decay: float | None,
    feature_ratio: float | None,
    like: str | None,
    calibrate: tuple[str, ...],
    bias: "Bias",
    width: int | None,
    classes: int | Literal["all", "none"],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Forecast the last layer's geometry from class counts, or from several labels a sample.

    COUNTS is a CSV/TSV, JSON, COCO/LVIS annotation, .npy, .npz or Parquet file, a folder with one sub-folder a class,
    or the name of a bundled data set (`penultimate data`). Several labels a sample are lists in JSON and Parquet, a
    matrix in .npy and .npz (of SciPy too), and texts with --separator between them.
    """
    one_of(feature_decay, feature_ratio)
    from penultimate.counts import ClassCounts
    from penultimate.forecasts.forecasting import forecast as make_forecast
    from penultimate.losses.binary_cross_entropy import sigmoids_of
    from penultimate.model.before_training import before_training

    targets = read_targets(counts, counts_file)
    sigmoids = sigmoids_of(loss) is not None
    if sigmoids and isinstance(targets, ClassCounts):
        from penultimate.targets import LabelScatter

        targets = LabelScatter.from_counts(targets)
    outputs = targets.classes if isinstance(targets, ClassCounts) else targets.labels
    scale = torch_scale(torch_loss, loss, outputs)
    decays = scaled(weight_decay, scale)
    if calibrate:
        _refuse_beside_calibrate()
        from penultimate.audits.calibration import Calibration

        if not isinstance(targets, ClassCounts):
            raise ProblemError("--calibrate is for one label a sample: give layers, --feature-decay and bias instead")
        if len(calibrate) > 2:
            raise ProblemError(f"the law is read off one audit or two, not {len(calibrate)}: leave some out")
        first, *second = (Calibration.read(path) for path in calibrate)
        calibration = first.joined(second[0]) if second else first
        with progress("forecasting"):
            result = calibration.forecast(targets, decays, width=width)
    else:
        problem = before_training(
            decays,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            single=isinstance(targets, ClassCounts),
            bias=scaled_bias(bias, scale),
            width=width,
            loss="mse" if sigmoids else loss,
        )
        if isinstance(targets, ClassCounts):
            # With other networks, both ends of their range too, whose critical weight decays files alone hold.
            problems, written = [problem] * (1 if problem.networks is None else 3), bool(json_path or html_path)
            announce_forecast(targets, *problems, searched=problems if written else [problem], every=written)
        else:
            announce_targets(targets, squared=not sigmoids and problem.is_plain_squared_error)
        with progress("forecasting"):
            result = make_forecast(targets, problem=problem, loss=loss if sigmoids else "mse")
    deliver(result, json_path, html_path, classes)


def _refuse_beside_calibrate() -> None:
    """Refuse options that an audit has settled."""
    for name in ("loss", "layers", "feature_decay", "feature_ratio", "like", "bias"):
        refuse(name, "--calibrate", "the audited network has settled it, leave it out")
