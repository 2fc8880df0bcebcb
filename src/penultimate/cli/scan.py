"""``penultimate scan``."""

from typing import TYPE_CHECKING

import click

from penultimate.cli.options import HTML, JSON, examples
from penultimate.cli.output import note
from penultimate.cli.results import deliver, deliver_all

if TYPE_CHECKING:
    from penultimate.scans.fixes import Fix
    from penultimate.scans.scan import Scan


@click.command(
    short_help="Which classes of a last layer were never trained.",
    epilog=examples(
        "penultimate scan model.safetensors --html scan.html",
        "penultimate scan recogniser.onnx --json scan.json",
        "penultimate scan head.npz --fix drop --out smaller.npz",
        "penultimate scan model/ --key model.embed_tokens.weight --names tokenizer.json",
    ),
)
@click.argument("model")
@click.option("--key", metavar="NAME", help="Weight of the layer, where the file holds several candidates.")
@click.option("--names", "names_path", metavar="FILE", help="Class names, one a line, or a tokenizer.json.")
@click.option("--all-layers", is_flag=True, help="Scan every weight that may be a last layer or an embedding.")
@click.option(
    "--fix",
    type=click.Choice(["leave", "mask", "drop", "mean"]),
    help="What to do with untrained rows in the head that --out writes.",
)
@click.option("--out", metavar="HEAD.npz", help="Write W, b and class names of the head after --fix.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random sketch.")
@JSON
@HTML
def scan(
    model: str,
    key: str | None,
    names_path: str | None,
    all_layers: bool,
    fix: "Fix | None",
    out: str | None,
    seed: int,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Find the classes of MODEL's last layer that were never or hardly ever trained.

    MODEL is a .safetensors, .npz, .npy, .onnx, .gguf or PyTorch file (of tensors alone), a folder of shards, or their
    index. No sample and no count is needed: the rows of such classes are one vector and little noise.
    """
    from penultimate.features.sources.writing import check_head_name
    from penultimate.scans.reading import read_layers
    from penultimate.scans.scan import scan as make_scan

    if (fix is None) != (out is None):
        raise click.UsageError("--fix and --out go together: say what to do, and where to write the head")
    if all_layers:
        if key is not None or names_path is not None or html_path is not None or fix is not None:
            raise click.UsageError(
                "--all-layers goes without --key, --names, --html and --fix: scan one layer for these"
            )
        deliver_all((make_scan(layer, seed=seed) for layer in read_layers(model)), json_path)
        return
    if out is not None:
        check_head_name(out)
    found = make_scan(model, key=key, names=names_path, seed=seed)
    deliver(found, json_path, html_path)
    if fix is not None and out is not None:
        _write(found, fix, out)


def _write(found: "Scan", fix: "Fix", out: str) -> None:
    """Write the head after a fix, and say what a tie moves with it."""
    from penultimate.features.sources.writing import save_head

    head = found.fix(fix)
    save_head(head, head.names or (), out)
    note(f"wrote {out}, {head.origin}")
    if found.tied and fix in ("drop", "mean"):
        note("the rows are also an embedding of inputs: put them there too, or untie the two")
