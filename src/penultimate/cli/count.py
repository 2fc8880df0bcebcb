"""``penultimate count``."""

import sys
from io import BufferedIOBase
from typing import cast

import click

from penultimate.cli.options import JSON, examples
from penultimate.cli.output import as_json, is_unicode, note, write
from penultimate.cli.outputs import STDOUT
from penultimate.cli.results import progress
from penultimate.files import write_whole


@click.command(
    short_help="How often each token of a tokenizer occurs in texts.",
    epilog=examples(
        "penultimate count --tokenizer tokenizer.json corpus/*.txt --json counts.json",
        "zcat corpus.gz | penultimate count --tokenizer tokenizer.json - --json counts.json",
        "penultimate forecast counts.json --loss ce --bias none",
    ),
)
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--tokenizer", required=True, metavar="FILE", help="A tokenizer.json, as the library tokenizers has it.")
@JSON
def count(texts: tuple[str, ...], tokenizer: str, json_path: str | None) -> None:
    """Count the tokens of TEXT files in UTF-8; - is standard input.

    The counts, those of tokens that never occur included, are in the order of a model's rows. Every command that takes
    COUNTS reads the file that --json writes.
    """
    from penultimate.counts.corpus import count_tokens

    if texts.count("-") > 1:
        raise click.UsageError("- is standard input, which can be read once: give it once")
    with progress("counting tokens", "bytes") as step:
        counts = count_tokens(
            [_standard_input() if text == "-" else text for text in texts], tokenizer, on_progress=step
        )
    record: dict[str, object] = {str(name): int(value) for name, value in zip(counts.names, counts.values, strict=True)}
    if json_path in STDOUT:
        write(as_json(record, ascii_only=not is_unicode(sys.stdout)) + "\n")
        return
    if json_path is not None:
        write_whole(json_path, as_json(record) + "\n")
        note(f"wrote {json_path}")
    write(
        f"{int(counts.samples):,} tokens in {len(texts)} text{'s' if len(texts) > 1 else ''}: {counts.seen:,} of "
        f"{counts.classes:,} in the vocabulary occur, {counts.unseen.size:,} never, {counts.distinct.size:,} distinct "
        f"counts, from {int(counts.largest):,} to {int(counts.smallest):,}\n"
    )


def _standard_input() -> BufferedIOBase:
    """What comes in, as bytes."""
    return cast(BufferedIOBase, sys.stdin.buffer)
