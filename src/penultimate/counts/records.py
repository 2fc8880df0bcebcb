"""Counts from JSON: mappings, records, columns, lists, lines of JSON, and COCO or LVIS annotations."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from penultimate.counts.class_names import is_whole
from penultimate.counts.counted import Counted, Wish, of_counts, refuse_choices
from penultimate.counts.tables import Lines, Rows, count_rows
from penultimate.counts.texts import is_file
from penultimate.errors import CountsError, FileError, PenultimateError


def read_json(text: str, wish: Wish) -> Counted:
    """Read counts from a JSON document.

    Parameters
    ----------
    text : str
    wish : Wish

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When it is no JSON, or its form is not known.
    CountsError
        When what it holds cannot be class counts.

    Examples
    --------
    >>> from penultimate.counts.counted import Wish
    >>> from penultimate.counts.records import read_json
    >>> read_json('{"cat": 100, "dog": 40}', Wish())
    Counted(values=array([100.,  40.]), names=['cat', 'dog'], origin='counts of a mapping')
    """
    content = _parsed(text)
    if isinstance(content, list):
        return _of_list(cast(list[Any], content), wish)
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise FileError(f"the JSON is of type {kind}: give a mapping of names to counts, or COCO/LVIS annotations")
    mapping = cast(dict[str, Any], content)
    if isinstance(mapping.get("annotations"), list):
        refuse_choices("a file of annotations", wish)
        return _count_annotations(mapping)
    if mapping and all(map(is_file, mapping)):  # a label for each file
        return _of_table(["", ""], mapping.items(), wish)
    return _of_mapping(mapping, wish)


def read_json_lines(lines: Iterable[str], wish: Wish) -> Counted:
    r"""Read a record, or a label, from each line.

    Parameters
    ----------
    lines : iterable of str
    wish : Wish

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When a line is no JSON.
    CountsError
        When the labels or counts cannot be.

    Examples
    --------
    >>> from penultimate.counts.counted import Wish
    >>> from penultimate.counts.records import read_json_lines
    >>> read_json_lines(['{"label": 1}\n', '{"label": 0}\n', '{"label": 1}\n'], Wish()).values
    [1, 2]
    """
    counted = Lines(lines)

    def items() -> Iterator[Any]:
        for line in counted:
            if line.strip():
                try:
                    yield _parsed(line)
                except FileError as error:
                    raise FileError(f"line {counted.read}: {error}") from None

    return _of_items(items(), counted, wish)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except PenultimateError:  # these are ValueErrors too, and say what is wrong already
        raise
    except (ValueError, RecursionError) as error:
        raise FileError(f"the file is no JSON ({error}): check that it was written to its end") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise CountsError(f"{max(times, key=times.__getitem__)!r} is given twice: give every class its own name")
    return mapping


def _of_list(content: list[Any], wish: Wish) -> Counted:
    if not content:
        raise FileError("the JSON is an empty list: give counts, labels, or records of them")
    return _of_items(iter(content), Lines(()), wish)


def _of_items(items: Iterator[Any], lines: Lines, wish: Wish) -> Counted:
    first = next(items, None)
    if first is None:
        raise FileError("the file is empty: give one record, or one label a line")
    if isinstance(first, dict):
        names = list(cast(dict[str, Any], first))
        return count_rows(Rows(_rows_of_records(first, items, names), lines), wish, ",", names)
    width = len(cast(list[Any], first)) if isinstance(first, list) else 1
    return count_rows(Rows(_rows_of_lists(first, items, width), lines), wish, ",", [""] * width)


def _rows_of_records(first: Any, items: Iterator[Any], names: Sequence[str]) -> Iterator[list[str]]:
    for index, item in enumerate(_chain(first, items), start=1):
        if not isinstance(item, dict):
            raise FileError(f"record {index} is of type {type(item).__name__}, the first is a mapping: make all alike")
        record = cast(dict[str, Any], item)
        yield [_text(record.get(name)) for name in names]


def _rows_of_lists(first: Any, items: Iterator[Any], width: int) -> Iterator[list[str]]:
    for index, item in enumerate(_chain(first, items), start=1):
        row = cast(list[Any], item) if isinstance(item, list) else [item]
        if len(row) != width or isinstance(item, dict):
            raise FileError(f"entry {index} is {_text(item)[:60]}, unlike the first: make all alike")
        yield [_text(value) for value in row]


def _chain(first: Any, items: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from items


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and len(cast(list[Any], value)) == 1:
        return _text(value[0])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_mapping(mapping: dict[str, Any], wish: Wish) -> Counted:
    values = list(mapping.values())
    if isinstance(mapping.get("columns"), list) and isinstance(mapping.get("data"), list):  # pandas, orient="split"
        index = mapping.get("index") or range(len(mapping["data"]))
        rows = ([name, *row] for name, row in zip(index, mapping["data"], strict=True))
        return _of_table(["", *mapping["columns"]], rows, wish)
    if values and all(isinstance(value, list) for value in values):
        lengths = {key: len(value) for key, value in mapping.items()}
        if len(set(lengths.values())) > 1:
            raise FileError(f"the lists of the JSON are of different lengths {lengths}: give columns of one length")
        return _of_table(list(mapping), zip(*values, strict=True), wish)
    if values and all(isinstance(value, dict) for value in values):
        return _of_nested(cast(dict[str, dict[str, Any]], mapping), wish)
    if isinstance(mapping.get("data"), list) and isinstance(mapping.get("schema"), dict):  # orient="table"
        return _of_list(mapping["data"], wish)
    _refuse_maps(mapping)
    if wish.column is not None:
        refuse_choices("a mapping of names to counts", wish._replace(holds=None))
    if wish.holds == "labels":
        raise FileError("a mapping of names to numbers holds counts: leave out holds='labels'")
    for index, (name, value) in enumerate(mapping.items()):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CountsError(
                f"class {name!r} (index {index}) has count {value!r} of type {type(value).__name__}: give a whole or "
                "fractional number of samples"
            )
    return of_counts(values, list(mapping), wish, "counts of a mapping", wish.holds == "counts")


def _of_table(names: Sequence[str], rows: Iterable[Iterable[Any]], wish: Wish) -> Counted:
    return count_rows(Rows(([_text(value) for value in row] for row in rows), Lines(())), wish, ",", list(names))


def _of_nested(mapping: dict[str, dict[str, Any]], wish: Wish) -> Counted:
    """Mappings of mappings: of columns, or of rows."""
    inner = list(next(iter(mapping.values())))
    if any(list(value) != inner for value in mapping.values()):
        raise FileError(
            f"the mappings under {', '.join(map(repr, list(mapping)[:4]))} have different keys: give one mapping of "
            "names to counts"
        )
    by_column = len(mapping) <= len(inner) if len(mapping) != len(inner) else all(map(is_whole, inner))
    if by_column:  # pandas' own way: {column: {row: value}}
        index = [] if inner == [str(i) for i in range(len(inner))] else [""]
        rows = ([*([key] if index else []), *(column[key] for column in mapping.values())] for key in inner)
        return _of_table([*index, *mapping], rows, wish)
    return _of_table(["", *inner], ([name, *row.values()] for name, row in mapping.items()), wish)


def _refuse_maps(mapping: Mapping[str, Any]) -> None:
    """Refuse a map from ids to names, and files that hold one among much else."""
    if mapping and all(isinstance(value, str) for value in mapping.values()):
        raise FileError("the JSON maps classes to names, not to counts: give a mapping of names to counts")
    if isinstance(mapping.get("penultimate"), str):  # a version: a class may be called so
        raise FileError("this is a result of penultimate, and no counts: give the counts that it was made of")
    model = mapping.get("model")
    if isinstance(model, dict) and "vocab" in model:
        raise FileError(
            "this is a tokenizer, and no counts: `penultimate count --tokenizer` counts its tokens in texts"
        )
    for key in ("label2id", "id2label", "class_to_idx"):
        if isinstance(mapping.get(key), dict):
            raise FileError(f"the JSON has a {key!r}, which numbers the classes, and no counts: give their counts")


def _count_annotations(content: dict[str, Any]) -> Counted:
    try:
        names = {category["id"]: category["name"] for category in content["categories"]}
        listed = len(content["categories"])
        counts = Counter(annotation["category_id"] for annotation in content["annotations"])
    except (KeyError, TypeError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise FileError(
            f"these are no COCO/LVIS annotations ({reason}): annotations need category_id, categories id and name"
        ) from None
    if len(names) < listed:
        raise FileError("two categories have the same id: give every category its own")
    unknown = next((category for category in counts if category not in names), None)
    if unknown is not None:
        raise FileError(f"an annotation has category_id {unknown!r}, which is none of the {len(names)} categories")
    return Counted([counts[category] for category in names], list(names.values()), "annotations of each category")
