"""Label sets from JSON: lists of lists, records with a list, one record a line, and the images of COCO annotations."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from penultimate.errors import FileError
from penultimate.targets.found import Found
from penultimate.targets.label_sets import checked_sets, names_sets, split


def read_json(text: str, separator: str | None, column: str | None) -> Found:
    """Read the label sets of a JSON document.

    Parameters
    ----------
    text : str
    separator : str or None
        What stands between the labels of a text.
    column : str or None
        Of records: which entry holds the labels.

    Returns
    -------
    Found

    Raises
    ------
    FileError
        When it is no JSON, or its form is not known.

    Examples
    --------
    >>> from penultimate.targets.records import read_json
    >>> list(read_json('[{"id": 1, "tags": ["cat"]}, {"id": 2, "tags": []}]', None, None).sets)
    [(('cat',), 1.0), ((), 1.0)]
    """
    content = _parsed(text, "the file")
    if isinstance(content, dict):
        mapping = cast(dict[str, Any], content)
        if isinstance(mapping.get("annotations"), list):
            return _annotated(mapping)
        if column is not None and isinstance(mapping.get(column), list):
            return _found(_sets(mapping[column], separator, None), f"label sets in {column!r}")
        if mapping and all(isinstance(value, list) for value in mapping.values()):
            return _found(_sets(mapping.values(), separator, None), "label sets of a mapping")
    if not isinstance(content, list):
        raise FileError('the JSON holds no list of label sets: give [["cat", "pet"], [], …], or records with a list')
    return _found(_sets(cast(list[Any], content), separator, column), "label sets")


def read_json_lines(lines: Iterable[str], separator: str | None, column: str | None) -> Found:
    r"""Read a label set, or a record with one, from each line.

    Parameters
    ----------
    lines : iterable of str
    separator, column : str or None
        As for `read_json`.

    Returns
    -------
    Found

    Examples
    --------
    >>> from penultimate.targets.records import read_json_lines
    >>> list(read_json_lines(['["cat", "pet"]\n', '[]\n'], None, None).sets)
    [(('cat', 'pet'), 1.0), ((), 1.0)]
    """
    items = (_parsed(line, f"line {number}") for number, line in enumerate(lines, start=1) if line.strip())
    return _found(_sets(items, separator, column), "label sets, one a line")


def _found(sets: Iterable[Any], origin: str, names: Sequence[str] | None = None) -> Found:
    return Found(checked_sets(sets), (), names, origin)


def label_entry(record: dict[str, Any], column: str | None) -> str:
    """Name of the entry of a record that holds its labels.

    Parameters
    ----------
    record : dict
    column : str or None
        The one asked for.

    Returns
    -------
    str

    Raises
    ------
    FileError
        When it is not there, or several may be meant.
    """
    if column is not None:
        if column not in record:
            raise FileError(f"there is no entry {column!r}: choose one of {', '.join(map(repr, record))}")
        return column
    lists = [name for name, value in record.items() if isinstance(value, list)]
    named = [name for name in record if names_sets(name)]
    for fitting in ([name for name in lists if name in named], lists, named):
        if len(fitting) == 1:
            return fitting[0]
    raise FileError(f"it cannot be told which entry holds the labels: choose with --column one of {', '.join(record)}")


def _sets(items: Iterable[Any], separator: str | None, column: str | None) -> Iterator[Any]:
    entry: str | None = None
    for number, item in enumerate(items, start=1):
        if isinstance(item, dict):
            record = cast(dict[str, Any], item)
            entry = label_entry(record, column) if entry is None else entry
            if entry not in record:
                raise FileError(
                    f"record {number} has no {entry!r}: give every sample a list, an empty one without labels"
                )
            item = record[entry]
        if isinstance(item, str) and separator is not None:
            item = split(item, separator)
        elif isinstance(item, str):
            raise FileError(
                f"record {number} holds the text {item!r}: if it holds several labels, say what stands between them "
                "with --separator, as in --separator ';'"
            )
        if not isinstance(item, list):
            raise FileError(f"record {number} holds {item!r}: give a list of labels, an empty one for none")
        yield item


def _annotated(content: dict[str, Any]) -> Found:
    """The categories that occur in each image; images without annotations have none."""
    try:
        names = {category["id"]: str(category["name"]) for category in content["categories"]}
        sets: dict[Any, dict[str, None]] = {image["id"]: {} for image in content["images"]}
        for annotation in content["annotations"]:
            sets.setdefault(annotation["image_id"], {})[names[annotation["category_id"]]] = None
    except (KeyError, TypeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise FileError(
            f"these are no COCO/LVIS annotations ({reason}): they need images with id, annotations with image_id and "
            "category_id, categories with id and name"
        ) from None
    return _found((list(held) for held in sets.values()), "categories of each image", list(names.values()))


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{what} is no JSON ({error}): check that it was written to its end") from None
