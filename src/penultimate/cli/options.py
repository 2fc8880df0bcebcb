"""What several commands take: kinds of values, and options that mean the same everywhere."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

if TYPE_CHECKING:
    from penultimate.model.problem import Bias

DOCS = "Documentation: docs/index.md of the source; `make docs` builds it."


def examples(*commands: str) -> str:
    """What stands below the options of a command: how it is called, and where to read on."""
    lines = "\n".join(f"  {command}" for command in commands)
    return f"\b\nExamples:\n{lines}\n\n{DOCS}"


# Those of `penultimate.counts.opening`, written out: the command line starts without the package.
FORMATS = ("csv", "tsv", "json", "jsonl", "npy", "npz", "parquet", "arrow")
# And those of `penultimate.model.networks`.
KINDS = ("cnn", "perceptron", "probe", "resnet", "transformer")

LOSSES = (
    "mse, ce, weighted:inverse, weighted:power:ρ, weighted:effective:β, la:τ, cdt:γ, vs:γ:τ, ldam:m, smooth:ε, "
    "mse:inverse, …; for several labels a sample mse, bce, bce:sqrt, bce:balanced, bce:3"
)


class _Decays(click.ParamType[tuple[float, ...]]):
    """One number, or several with commas between."""

    name = "W[,W2,…]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no number, nor numbers with commas between them", param, ctx)


class _BiasDecay(click.ParamType["Bias"]):
    """``free``, ``none`` or a decay."""

    name = "free|none|LAMBDA_B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Bias":
        if value == "free":
            return "free"
        if value == "none":
            return "none"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither 'free', nor 'none', nor a number", param, ctx)


class _Classes(click.ParamType[int | Literal["all", "none"]]):
    """A number, ``all`` or ``none``."""

    name = "N|all|none"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["all", "none"]:
        if value == "all":
            return "all"
        if value == "none":
            return "none"
        if str(value).isdecimal():
            return int(value)
        self.fail(f"{value!r} is neither a number of classes, nor 'all', nor 'none'", param, ctx)


_COLUMN = click.option("--column", metavar="NAME", help="Column (its name or number) or array of COUNTS to read.")
_HOLDS = click.option(
    "--holds", type=click.Choice(["counts", "labels"]), help="What COUNTS holds, where it could be both."
)
_ORDER = click.option(
    "--order",
    type=click.Choice(["number", "text"]),
    default="number",
    help="How classes named by numbers are sorted: 2 before 10, or after it as torchvision's ImageFolder does.",
)
_FORMAT = click.option(
    "--format",
    type=click.Choice(FORMATS),
    help="Of COUNTS, where no suffix tells; - is standard input.",
)


class CountsFile(NamedTuple):
    """How the file of counts is to be read, as the user says it."""

    column: str | None
    holds: Literal["counts", "labels", "label-sets"] | None
    order: Literal["number", "text"]
    format: str | None
    separator: str | None = None


def reads_counts(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that reads COUNTS the options that say how, in one argument ``counts_file``."""

    @_COLUMN
    @_HOLDS
    @_ORDER
    @_FORMAT
    @wraps(command)
    def reading(*arguments: Any, column: Any, holds: Any, order: Any, format: Any, **options: Any) -> None:
        command(*arguments, counts_file=CountsFile(column, holds, order, format), **options)

    return reading


_TARGETS_HOLD = click.option(
    "--holds",
    type=click.Choice(["counts", "labels", "label-sets"]),
    help="What COUNTS holds, where it could be several; label-sets: several labels a sample, of images for YOLO and "
    "COCO.",
)
SEPARATOR = click.option(
    "--separator", metavar="TEXT", help="What stands between several labels of one sample, such as ';': never guessed."
)


def reads_targets(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that reads COUNTS, or several labels a sample, the options that say how."""

    @_COLUMN
    @_TARGETS_HOLD
    @SEPARATOR
    @_ORDER
    @_FORMAT
    @wraps(command)
    def reading(
        *arguments: Any, column: Any, holds: Any, separator: Any, order: Any, format: Any, **options: Any
    ) -> None:
        command(*arguments, counts_file=CountsFile(column, holds, order, format, separator), **options)

    return reading


LABELS = click.option(
    "--labels",
    "labels_path",
    metavar="FILE",
    help="Several labels a sample, one row for each of FEATURES, in a file of their own as for `penultimate forecast`.",
)
LOSS = click.option(
    "--loss", default="mse", show_default=True, metavar="LOSS", help=f"What the network is trained with: {LOSSES}."
)
TORCH_LOSS = click.option(
    "--torch-loss",
    type=click.Choice(["mse", "bce"]),
    help="Read decays as PyTorch's for nn.MSELoss or nn.BCEWithLogitsLoss, which average over outputs: K/2 or K times.",
)
LAYERS = click.option("--layers", type=int, metavar="L", help="Linear layers at the end of the network.  [default: 1]")
WIDTH = click.option(
    "--width", type=int, metavar="R", help="Width of the features, or of the narrowest of the linear layers."
)
FEATURES = click.option(
    "--features",
    type=click.Choice(["free", "sphere"]),
    help="With --loss ce and a --width below the number of classes: estimate row lengths, of features with a decay of "
    "their own, or all of one length as LayerNorm and RMSNorm make them.",
)
RADIUS = click.option(
    "--radius", type=float, metavar="R", help="That length, with --features sphere.  [default: √width]"
)
WISH = click.option(
    "--goal",
    default="consistent",
    show_default=True,
    metavar="consistent|margins|angles|balanced",
    help="A loss that is consistent for balanced accuracy, or what rare classes should have: margins or angles as "
    "large as those of frequent classes, or the margins of balanced classes.",
)
WEIGHT_DECAY = click.option(
    "--weight-decay",
    type=_Decays(),
    default="5e-4",
    show_default=True,
    help="λ: adds λ/2 ‖W‖² to the mean loss, as `weight_decay` of SGD does. One for all layers, or one for each: "
    "5e-4,1e-3.",
)
FEATURE_DECAY = click.option(
    "--feature-decay",
    type=float,
    metavar="F",
    help="λ_H: adds λ_H/2 ‖H‖² for the features H; nobody sets it, an audit measures it.",
)
FEATURE_RATIO = click.option(
    "--feature-ratio",
    type=float,
    metavar="C",
    help="c in λ_H = c λ_1/N, with N samples; about 1 where features and weights are balanced.",
)
LIKE = click.option(
    "--like",
    type=click.Choice(KINDS),
    help="Take λ_H from trained networks of one kind, or of all where fewer than five of it tell anything.  "
    "[default: all kinds, where no feature decay is given]",
)
BIAS = click.option(
    "--bias",
    type=_BiasDecay(),
    default="free",
    show_default=True,
    help="Bias of the classifier: free, none, or its own decay λ_b, which adds λ_b/2 ‖b‖².",
)
CLASSES = click.option(
    "--classes", type=_Classes(), default="20", show_default=True, help="Classes to list, worst first."
)
JSON = click.option("--json", "json_path", metavar="FILE|-", help="Write JSON; - prints it, and nothing else.")
HTML = click.option("--html", "html_path", metavar="FILE", help="Write a report that opens offline.")
