"""``penultimate scan``."""

import click

from penultimate.cli.options import HTML, JSON, examples
from penultimate.cli.results import deliver


@click.command(
    short_help="Which classes of a last layer were never trained.",
    epilog=examples(
        "penultimate scan model.safetensors --html scan.html",
        "penultimate scan model/ --key model.embed_tokens.weight --names tokenizer.json",
    ),
)
@click.argument("model")
@click.option("--key", metavar="NAME", help="Weight of the layer, where the file holds several candidates.")
@click.option("--names", "names_path", metavar="FILE", help="Class names, one a line, or a tokenizer.json.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random sketch.")
@JSON
@HTML
def scan(
    model: str, key: str | None, names_path: str | None, seed: int, json_path: str | None, html_path: str | None
) -> None:
    """Find the classes of MODEL's last layer that were never or hardly ever trained.

    MODEL is a checkpoint as for `penultimate audit --head-only`: a .safetensors or .npz file, a folder of shards, or
    their index. No sample and no count is needed: the rows of such classes are one vector and little noise.
    """
    from penultimate.scans.scan import scan as make_scan

    deliver(make_scan(model, key=key, names=names_path, seed=seed), json_path, html_path)
