"""``penultimate forecast``."""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from penultimate.cli.beside import AUDITED_DECAY, given, one_of, refuse, scaled, scaled_bias, torch_scale
from penultimate.cli.costs import announce_forecast, announce_targets
from penultimate.cli.options import (
    BIAS,
    CLASSES,
    FEATURE_DECAY,
    FEATURE_RATIO,
    FEATURES,
    HTML,
    JSON,
    LAYERS,
    LIKE,
    LOSS,
    RADIUS,
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
    from penultimate.counts import ClassCounts
    from penultimate.forecasts.narrow_forecast import Features
    from penultimate.model.problem import Bias, Problem
    from penultimate.reported import Reported
    from penultimate.targets import LabelScatter


@click.command(
    short_help="What class counts do to the last layer.",
    epilog=examples(
        "penultimate forecast train.csv --weight-decay 5e-4 --loss ce",
        "penultimate forecast tags.csv --separator ';' --weight-decay 0.01",
        "penultimate forecast tokens.json --loss ce --width 768 --features sphere",
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
    help="Take layers, bias, the law of strengths, and the weight decay if none is given, from an audited network; "
    "twice, for two weight decays.",
)
@BIAS
@WIDTH
@FEATURES
@RADIUS
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
    features: "Features | None",
    radius: float | None,
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
    _refuse_beside_features(features, radius)
    from penultimate.counts import ClassCounts
    from penultimate.losses.binary_cross_entropy import sigmoids_of
    from penultimate.model.before_training import before_training

    targets = read_targets(counts, counts_file)
    sigmoids = sigmoids_of(loss) is not None
    if sigmoids and isinstance(targets, ClassCounts):
        from penultimate.targets import LabelScatter

        targets = LabelScatter.from_counts(targets)
    outputs = targets.classes if isinstance(targets, ClassCounts) else targets.labels
    if calibrate:
        _refuse_beside_calibrate()
        result = _calibrated(targets, weight_decay if given("weight_decay") else None, torch_loss, calibrate, width)
    else:
        scale = torch_scale(torch_loss, loss, outputs)
        decays = scaled(weight_decay, scale)
        problem = before_training(
            decays,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            single=isinstance(targets, ClassCounts) and features is None,
            bias=scaled_bias(bias, scale),
            width=width,
            loss="mse" if sigmoids else loss,
        )
        if features is not None:
            result = _narrow(targets, problem, features, radius)
        else:
            result = _forecast(targets, problem, loss if sigmoids else "mse", written=bool(json_path or html_path))
    deliver(result, json_path, html_path, classes)


def _forecast(targets: "ClassCounts | LabelScatter", problem: "Problem", loss: str, *, written: bool) -> "Reported":
    """Of a problem before training; of sigmoids the loss is said beside it."""
    from penultimate.counts import ClassCounts
    from penultimate.forecasts.forecasting import forecast as make_forecast

    if isinstance(targets, ClassCounts):
        # With other networks, both ends of their range too, whose critical weight decays files alone hold.
        problems = [problem] * (1 if problem.networks is None else 3)
        announce_forecast(targets, *problems, searched=problems if written else [problem], every=written)
    else:
        announce_targets(targets, squared=loss == "mse" and problem.is_plain_squared_error)
    with progress("forecasting"):
        return make_forecast(targets, problem=problem, loss=loss)


def _narrow(
    targets: "ClassCounts | LabelScatter", problem: "Problem", features: "Features", radius: float | None
) -> "Reported":
    """With more classes than dimensions."""
    from penultimate.counts import ClassCounts
    from penultimate.forecasts.narrowing import LABEL_SETS, check_narrow, narrow_forecast

    if not isinstance(targets, ClassCounts):
        raise ProblemError(LABEL_SETS)
    check_narrow(targets, problem, features, radius)
    announce_forecast(targets, replace(problem, width=None), searched=())
    with progress("forecasting"):
        return narrow_forecast(targets, problem, features, radius)


def _calibrated(
    targets: "ClassCounts | LabelScatter",
    decays: tuple[float, ...] | None,
    torch_loss: str | None,
    paths: tuple[str, ...],
    width: int | None,
) -> "Reported":
    """By the law of audited networks, at the first one's own weight decay if none is given."""
    from penultimate.audits.calibration import Calibration
    from penultimate.counts import ClassCounts

    if not isinstance(targets, ClassCounts):
        raise ProblemError("--calibrate is for one label a sample: give layers, --feature-decay and bias instead")
    if len(paths) > 2:
        raise ProblemError(f"the law is read off one audit or two, not {len(paths)}: leave some out")
    first, *second = (Calibration.read(path) for path in paths)
    calibration = first.joined(second[0]) if second else first
    if torch_loss is not None and decays is None:
        raise ProblemError(AUDITED_DECAY)
    if decays is not None:
        decays = scaled(decays, torch_scale(torch_loss, str(calibration.loss), targets.classes))
    with progress("forecasting"):
        return calibration.forecast(targets, decays, width=width)


def _refuse_beside_features(features: "Features | None", radius: float | None) -> None:
    """Refuse what features of one length, or fewer dimensions than classes, leave no sense."""
    if radius is not None and features is None:
        raise ProblemError("--radius is the length of features on a sphere: say --features sphere too")
    if features is not None:
        refuse("like", "--features", "those networks have fewer classes than dimensions, give --feature-ratio instead")


def _refuse_beside_calibrate() -> None:
    """Refuse options that an audit has settled."""
    for name in ("loss", "layers", "feature_decay", "feature_ratio", "like", "bias", "features", "radius"):
        refuse(name, "--calibrate", "the audited network has settled it, leave it out")
