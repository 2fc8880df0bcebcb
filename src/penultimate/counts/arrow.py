"""Counts from Parquet and Arrow files, read a batch at a time."""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import reporting_damage
from penultimate.counts.columns import is_training, label_rank
from penultimate.counts.counted import Counted, Wish, believe_labels, of_counts, of_labels
from penultimate.counts.deciding import Choice, Column, decide
from penultimate.counts.texts import number
from penultimate.errors import FileError
from penultimate.optional import needed

_SAMPLE, _BATCH = 2000, 1 << 16
_BUFFER = 4 << 20
_MOST_LABELS = 4_000_000


class Table(NamedTuple):
    """An open file: its schema, and its rows in batches of the columns asked for."""

    schema: Any
    batches: Callable[[Sequence[str], int], Iterator[Any]]


def read_parquet(path: Path, wish: Wish) -> Counted:
    """Read a column of counts (and one of class names), or one of labels, of a Parquet file.

    Parameters
    ----------
    path : Path
    wish : Wish

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When the file is damaged, has no such column, or it holds something else than numbers or labels.
    CountsError
        When the counts cannot be.
    MissingDependencyError
        When pyarrow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, pyarrow.parquet
    >>> from penultimate.counts.arrow import read_parquet
    >>> from penultimate.counts.counted import Wish
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.parquet")
    >>> pyarrow.parquet.write_table(pyarrow.table({"label": ["dog", "cat", "dog"]}), path)
    >>> read_parquet(path, Wish()).names
    ['cat', 'dog']
    """
    return _read(path, wish, parquet_table)


def read_arrow(path: Path, wish: Wish) -> Counted:
    """Read the same of an Arrow file or stream (Feather; Hugging Face's cache).

    Parameters
    ----------
    path : Path
    wish : Wish

    Returns
    -------
    Counted

    Raises
    ------
    FileError, CountsError, MissingDependencyError
        As `read_parquet`.
    """
    return _read(path, wish, arrow_table)


@contextmanager
def parquet_table(path: Path) -> Generator[Table]:
    """Open a Parquet file."""
    parquet = needed("pyarrow.parquet", "parquet", "a Parquet file")
    with reporting_damage(path, "a Parquet file"):
        schema = parquet.read_schema(path)
        # As dictionaries, texts that repeat take no room, however often and however long they are.
        texts = [field.name for field in schema if _is_text(field.type)]
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER, read_dictionary=texts) as file:

            def batches(names: Sequence[str], size: int) -> Iterator[Any]:
                return file.iter_batches(batch_size=size, columns=list(names), use_threads=False)

            yield Table(schema, batches)


@contextmanager
def arrow_table(path: Path) -> Generator[Table]:
    """Open an Arrow file or stream."""
    arrow = needed("pyarrow", "parquet", "an Arrow file")
    with reporting_damage(path, "an Arrow file"), arrow.OSFile(str(path)) as file:
        whole = file.read(6) == b"ARROW1"
        file.seek(0)
        reader = (arrow.ipc.open_file if whole else arrow.ipc.open_stream)(file)

        def batches(names: Sequence[str], size: int) -> Iterator[Any]:
            nonlocal reader
            if not whole:
                file.seek(0)
                reader = arrow.ipc.open_stream(file)
            every = (reader.get_batch(i) for i in range(reader.num_record_batches)) if whole else iter(reader)
            for batch in every:
                yield from (batch.select(list(names)).slice(i, size) for i in range(0, batch.num_rows, size))

        yield Table(reader.schema, batches)


def _read(path: Path, wish: Wish, opening: Callable[[Path], Any]) -> Counted:
    with opening(path) as table:
        usable = [field.name for field in table.schema if _usable(field, wish)]
        if not usable:
            held = ", ".join(f"{field.name!r} ({field.type})" for field in table.schema)
            raise FileError(
                f"no column holds whole numbers or text, as labels and counts are: {held or 'there are none'}"
            )
        first = next(table.batches(usable, _SAMPLE), None)
        if first is None or not first.num_rows:
            raise FileError("the table has no rows: give one for each class, or one for each sample")
        columns = [
            Column(name, [_text(v) for v in first.column(i).to_pylist()], i + 1) for i, name in enumerate(usable)
        ]
        choice = decide(columns, wish.column, wish.holds)
        wanted = [usable[i] for i in (choice.column, choice.names, choice.split) if i is not None]
        batches = table.batches(wanted, _BATCH)
        kinds = [table.schema.field(name).type for name in wanted]
        if choice.holds == "counts":
            return _counts(batches, wanted, kinds, wish, choice)
        return _labels(batches, wanted, kinds, wish, choice, class_names(table.schema, wanted[0]))


def _usable(field: Any, wish: Wish) -> bool:
    """Whether a column may hold labels or counts: no struct, and no bytes unless it is named like labels."""
    types = needed("pyarrow", "parquet", "a Parquet file").types
    kind = field.type
    if field.name == wish.column:
        return True
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return label_rank(field.name) is not None
    return not (types.is_struct(kind) or types.is_temporal(kind) or types.is_null(kind) or types.is_map(kind))


def _counts(batches: Iterator[Any], wanted: list[str], kinds: list[Any], wish: Wish, choice: Choice) -> Counted:
    # Ten million classes: numbers stay arrays, and only texts become texts.
    values: list[NDArray[Any]] = []
    names: list[NDArray[Any]] = []
    named = choice.names is not None
    rows = 0
    for batch in batches:
        for i, column in enumerate(batch.columns[: 1 + named]):
            _refuse_nulls(column, wanted[i], rows)
        values.append(_numbers(batch.column(0), wanted[0], kinds[0], rows))
        if named:
            names.append(_whole_or_text(batch.column(1)))
        rows += batch.num_rows
    origin = f"counts in column {wanted[0]!r}" + (f", classes in column {wanted[1]!r}" if named else "")
    found = np.concatenate(values)
    if not named:
        return of_counts(found, None, wish, origin, choice.certain)
    held = np.concatenate(names)
    return of_counts(found, held if held.dtype.kind == "i" else held.tolist(), wish, origin, choice.certain)


def _numbers(column: Any, name: str, kind: Any, before: int) -> NDArray[Any]:
    types = needed("pyarrow", "parquet", "a Parquet file").types
    if types.is_integer(kind) or types.is_floating(kind):
        return column.to_numpy(zero_copy_only=False)
    found: list[float] = []
    for text in map(_text, column.to_pylist()):
        value = number(text)
        if value is None:
            raise FileError(
                f"column {name!r} holds {kind}, not numbers (row {before + len(found) + 1}: {text!r}): choose another "
                "with --column"
            )
        found.append(value)
    return np.array(found)


def _whole_or_text(column: Any) -> NDArray[Any]:
    types = needed("pyarrow", "parquet", "a Parquet file").types
    if types.is_signed_integer(column.type):
        return column.to_numpy(zero_copy_only=False).astype(np.int64)
    return np.array([_text(name) for name in column.to_pylist()], dtype=object)


def _labels(
    batches: Iterator[Any], wanted: list[str], kinds: list[Any], wish: Wish, choice: Choice, classes: list[str] | None
) -> Counted:
    name, types = wanted[0], needed("pyarrow", "parquet", "a Parquet file").types
    if types.is_temporal(kinds[0]) or types.is_null(kinds[0]) or types.is_struct(kinds[0]):
        raise FileError(
            f"column {name!r} holds {kinds[0]}, neither whole numbers nor text: choose another with --column"
        )
    tallied, categories = _tallied(batches, name, choice.split is not None, types)
    if types.is_floating(kinds[0]) and any((number(text) or 0) % 1 for text in tallied):
        raise FileError(f"column {name!r} holds {kinds[0]} with fractions, which are no labels: choose another")
    note = f", of the rows whose {wanted[1]} is train" if choice.split is not None else ""
    where = f" in column {name!r}"
    if classes is not None and all(text.isdecimal() and int(text) < len(classes) for text in tallied):
        return Counted([tallied[str(k)] for k in range(len(classes))], classes, f"labels{where}{note}")
    if not types.is_dictionary(kinds[0]):
        return of_labels(tallied, wish, where, note)
    if wish.holds is None:
        believe_labels(tallied, where)
    origin = f"labels{where}, in the order of its categories{note}"
    return Counted([tallied[label] for label in categories], categories, origin)


def _tallied(batches: Iterator[Any], name: str, split: bool, types: Any) -> tuple[Counter[str], list[str]]:
    """Labels and how often each occurs; and the categories of a column of such."""
    tallied: Counter[str] = Counter()
    categories: dict[str, None] = {}
    rows = 0
    for batch in batches:
        labels = batch.column(0)
        if split:
            mask = needed("pyarrow", "parquet", "a Parquet file").array(map(is_training, batch.column(1).to_pylist()))
            labels = labels.filter(mask)
        _refuse_nulls(labels, name, rows)
        rows += len(labels)
        if types.is_dictionary(labels.type):
            categories.update(dict.fromkeys(map(_label, labels.dictionary.to_pylist())))
        for value, count in _value_counts(labels, types):
            tallied[_label(value)] += count
        if len(tallied) > _MOST_LABELS:
            raise FileError(f"there are more than {_MOST_LABELS:,} different labels: choose another column")
    if not tallied:
        raise FileError(f"column {name!r} has no rows: give one for each sample")
    return tallied, list(categories)


def _value_counts(labels: Any, types: Any) -> list[tuple[Any, int]]:
    if types.is_list(labels.type) or types.is_large_list(labels.type) or types.is_fixed_size_list(labels.type):
        return [(value, 1) for value in labels.to_pylist()]
    if types.is_string_view(labels.type) or types.is_binary_view(labels.type):
        labels = labels.cast("string")
    counted = labels.value_counts()
    return list(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def class_names(schema: Any, column: str) -> list[str] | None:
    """The names that Hugging Face's data sets keep beside the numbers of classes, or beside lists of such."""
    try:
        held: dict[bytes, bytes] = schema.metadata or {}
        feature: Any = json.loads(held[b"huggingface"])["info"]["features"][column]
        names: Any = feature.get("feature", feature)["names"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return list(map(str, cast(list[object], names))) if isinstance(names, list) else None


def _refuse_nulls(column: Any, name: str, before: int) -> None:
    if column.null_count:
        row = before + column.is_null().index(True).as_py() + 1
        raise FileError(f"column {name!r} has nothing in row {row}: fill it in or drop the row")


def _is_text(kind: Any) -> bool:
    return str(kind) in ("string", "large_string")


def _label(value: Any) -> str:
    return _text(int(value) if isinstance(value, bool) else value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, list | tuple):
        return _text(value[0]) if len(value) == 1 else json.dumps(value, default=str)  # pyright: ignore[reportUnknownArgumentType]
    return str(value)
