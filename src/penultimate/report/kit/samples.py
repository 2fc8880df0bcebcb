"""Samples that findings rest on, as records and as rows of a page's table."""

from collections.abc import Iterable, Sequence
from typing import Any

from penultimate.features.passes.worst import WorstSamples
from penultimate.features.sources.places import SamplePlaces
from penultimate.report.kit.numbers import finite


def sample_records(
    worst: WorstSamples | None, places: SamplePlaces | None, names: Sequence[str], index: int
) -> list[dict[str, object]] | None:
    """The samples of a class with the smallest margins, smallest first; None where none are kept."""
    if worst is None or places is None or not len(worst.row):
        return None
    kept = slice(0, int(worst.samples[index]))
    columns = (worst.row[index, kept], worst.margin[index, kept], worst.answer[index, kept])
    return [
        {**places.of(row), "margin": finite(margin), "answer": str(names[answer])}
        for row, margin, answer in zip(*(column.tolist() for column in columns), strict=True)
    ]


def behind_findings(
    worst: WorstSamples | None, places: SamplePlaces | None, names: Sequence[str], chosen: Iterable[int]
) -> dict[str, list[dict[str, Any]]]:
    """What a page shows of some classes: their samples, and the same as rows that are saved."""
    found = {index: sample_records(worst, places, names, index) for index in chosen}
    listed: list[dict[str, Any]] = [
        {"class": str(names[index]), "samples": samples} for index, samples in found.items() if samples
    ]
    rows = [{"class": of["class"], **sample} for of in listed for sample in of["samples"]]
    return {"samples": listed, "sample_rows": rows}
