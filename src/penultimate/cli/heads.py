"""``penultimate heads``."""

from functools import partial

import click

from penultimate.cli.beside import refuse
from penultimate.cli.options import HTML, JSON, SEPARATOR, examples
from penultimate.cli.output import note
from penultimate.cli.results import deliver, progress, say_origin
from penultimate.errors import FeaturesError

_USE = """    import penultimate as pen
    pen.torch.put_head(model, pen.Head.read({out!r}))  # in PyTorch"""
_USE_GRAPH = """    onnxruntime.InferenceSession({out!r}).run(["scores"], {{"features": features}})"""
_USE_KERNEL = """    import penultimate as pen
    pen.heads.KernelHead.read({out!r}).predict(features)"""
# What a head may be written as that is not linear.
_KERNELS = (".safetensors", ".onnx")
_THIRDS = "gains are told by thirds of the labels, leave it out"


@click.command(
    short_help="A better classifier for the same features.",
    epilog=examples(
        "penultimate heads train.npz valid.npz --out head.npz",
        "penultimate heads embeddings-train.parquet embeddings-valid.parquet",
        "penultimate heads train.npy valid.npy --labels train.csv valid.csv --separator ';'",
        "penultimate heads cnn-ce cnn-ce-test --html heads.html",
        "penultimate heads train.npz valid.npz --costs costs.csv",
    ),
)
@click.argument("train")
@click.argument("valid", required=False)
@click.option("--head", "head_path", metavar="FILE", help="The present head, if it is not beside the features.")
@click.option(
    "--labels",
    type=(str, str),
    metavar="FILE FILE",
    help="Several labels a sample of TRAIN and of VALID, in files of their own as for `penultimate forecast`.",
)
@click.option("--column", metavar="NAME", help="Of these, or of Parquet: the one with several labels.")
@SEPARATOR
@click.option("--many", type=float, default=100, show_default=True, help="Classes with more samples are 'many'.")
@click.option("--few", type=float, default=20, show_default=True, help="Classes with fewer samples are 'few'.")
@click.option(
    "--non-linear", is_flag=True, help="Try kernel machines too; --out is then HEAD.safetensors or HEAD.onnx."
)
@click.option("--costs", metavar="FILE", help="K × K: what it costs to answer the column where the row is true.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of parts and bootstrap.")
@click.option("--out", metavar="HEAD.npz", help="Write W, b and class names of the head to use.")
@JSON
@HTML
def heads(
    train: str,
    valid: str | None,
    head_path: str | None,
    labels: tuple[str, str] | None,
    column: str | None,
    separator: str | None,
    many: float,
    few: float,
    non_linear: bool,
    costs: str | None,
    seed: int,
    out: str | None,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Find a better head for the features of TRAIN, chosen and judged on those of VALID.

    TRAIN and VALID are features as for `penultimate audit`; nothing is chosen on TRAIN. Without VALID the present head
    is adjusted as theory says, unjudged. When nothing beats the present head, it is kept. Where there is none, as with
    features of a frozen encoder, plain cross-entropy is fitted to TRAIN and takes its place, and the blend learns from
    VALID too.

    With --costs every head answers what costs least, and the mean cost decides.

    With several labels a sample, as for `penultimate audit`, a head for these is fitted to TRAIN and judged on VALID
    beside what people do. Neither is then to be what the network was trained on.
    """
    from penultimate.features.head import Head
    from penultimate.features.sources.label_files import holds_label_sets
    from penultimate.heads.comparison.comparison import compare_heads
    from penultimate.heads.comparison.label_comparison import compare_label_heads

    if out is not None:
        _check_name(out, non_linear)
    if labels is not None or holds_label_sets(train, column, separator):
        if costs is not None:
            raise FeaturesError("costs of one answer a sample do not fit several labels a sample: leave --costs out")
        refuse("non_linear", "several labels a sample", "their head is linear, leave it out")
        refuse("many", "several labels a sample", _THIRDS)
        refuse("few", "several labels a sample", _THIRDS)
        if valid is None:
            raise FeaturesError("several labels a sample need VALID, held-out features with labels, to be judged on")
        sides = (train, valid) if labels is None else ((train, labels[0]), (valid, labels[1]))
        with progress("choosing a head", "steps") as step:
            found = compare_label_heads(
                *sides, head=head_path, column=column, separator=separator, seed=seed, progress=partial(step, "VALID")
            )
        if out is not None:
            found.save_head(out)
            note(f"wrote {out}: answer yes where the sigmoid of W h + b is at least the label's threshold")
        deliver(found, json_path, html_path)
        return
    for name in ("column", "separator"):
        refuse(name, "features of one label a sample", "it says which labels a sample has, several of them")
    with progress("choosing a head", "parts") as step:
        result = compare_heads(
            train,
            valid,
            head=head_path,
            many=many,
            few=few,
            costs=costs,
            linear=not non_linear,
            seed=seed,
            progress=partial(step, "VALID"),
        )
    if isinstance(result.present.head, Head):
        say_origin(result.present.head)
    for line in result.notes:
        note(line)
    if out is not None:
        result.save_head(out)
        use = _USE if out.endswith(".npz") else _USE_GRAPH if out.endswith(".onnx") else _USE_KERNEL
        note(f"wrote {out}; to use it:\n{use.format(out=out)}")
    deliver(result, json_path, html_path)


def _check_name(out: str, non_linear: bool) -> None:
    from penultimate.features.sources.writing import check_head_name

    if not non_linear:
        check_head_name(out)
    elif not out.endswith((".npz", *_KERNELS)):
        raise FeaturesError(f"{out}: heads are written as .npz, .safetensors or .onnx: give a name that ends so")
