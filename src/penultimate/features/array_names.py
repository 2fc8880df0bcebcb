"""What people call the arrays that hold features, labels, weights and ids of samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penultimate.errors import FileError

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive

FEATURES = ("H", "features", "feature", "embeddings", "embedding", "X")
LABELS = ("y", "labels", "label", "targets", "target")
WEIGHTS = ("weights", "sample_weight", "sample_weights")
# One for each sample, to find it again by.
IDS = ("ids", "id", "sample_ids", "sample_id", "paths", "path", "filenames", "filename", "files", "file")


def find_array(names: Sequence[str], usual: Sequence[str], what: str, path: Path) -> str:
    """The name of the array that holds features, or labels; the usual one goes before others.

    Parameters
    ----------
    names : sequence of str
        Of all arrays.
    usual : sequence of str
        The first is that of this project.
    what : str
        For the message.
    path : Path
        For the message.

    Returns
    -------
    str

    Raises
    ------
    FileError
        When there is none, or several.
    """
    if usual[0] in names:
        return usual[0]
    found = named_as(names, usual)
    there = ", ".join(names) or "nothing"
    if len(found) > 1:
        raise FileError(
            f"{path}: {' and '.join(found)} may both be the {what}: name them {usual[0]} (there is {there})"
        )
    if not found:
        raise FileError(f"{path}: there are no {what}: name them {usual[0]} or {usual[2]} (there is {there})")
    return found[0]


def named_as(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Those of the names that are a usual one, in any case.

    Parameters
    ----------
    names, usual : sequence of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> from penultimate.features.array_names import LABELS, named_as
    >>> named_as(["H", "Labels"], LABELS)
    ['Labels']
    """
    folded = [name.casefold() for name in usual]
    return [name for name in names if name.casefold() in folded]


def features_with_labels(archive: "Archive") -> list[str]:
    """Arrays that are features of samples, and no weights of a layer: labels for as many samples lie beside them.

    Parameters
    ----------
    archive : Archive
        Open; nothing is read but names and shapes.

    Returns
    -------
    list of str
    """
    names = archive.names()
    features, labels = named_as(names, FEATURES), named_as(names, LABELS)
    if not features or not labels:
        return []
    samples = {archive.layout(name).shape[:1] for name in labels}
    return [name for name in features if archive.layout(name).shape[:1] in samples]
