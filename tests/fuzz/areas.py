"""What is fuzzed: an area has small good files, a way to spoil them, and what a user does with them."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import penultimate as pen
from penultimate.audits.calibration import Calibration
from tests.fuzz.mutations import mutated, mutated_json, mutated_zip


class Area(NamedTuple):
    """A kind of file."""

    kind: str
    suffix: str
    number: int
    seeds: list[bytes]
    use: Callable[[Path, random.Random], object]
    spoil: Callable[[bytes, random.Random], bytes] = mutated


_COUNTS = pen.ClassCounts([30, 20, 10, 5, 5], ["a", "b", "c", "d", "e"])
_LABELS = np.repeat(np.arange(5), [30, 20, 10, 5, 5])
_RNG = np.random.default_rng(0)
_FEATURES = (3.0 * np.eye(5, 6)[_LABELS] + _RNG.standard_normal((70, 6))).astype(np.float32)
_WEIGHTS = _RNG.standard_normal((5, 6)).astype(np.float32)
_NAMES = np.array(list("abcde"))


def areas(folder: Path) -> list[Area]:
    """All areas; good files are made in a folder."""
    return [*_counts(folder), *_features(folder), *_heads(folder), *_audits()]


def _read_counts(path: Path, rng: random.Random) -> None:
    counts = pen.ClassCounts.read(path)
    if counts.classes < 10_000 and rng.random() < 0.2:
        pen.forecast(counts, 1e-3, feature_ratio=1.0).to_dict()


def _counts(folder: Path) -> list[Area]:
    table = 'class,count\nçat,600\n"d,og",300\nnewt,12\naxolotl,9\n'
    labels = "file,label\n" + "".join(f"{index}.png,{'ab'[index % 2]}\n" for index in range(8))
    coco = {
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [{"id": index, "category_id": 3 + 4 * (index % 2)} for index in range(6)],
    }
    mapping = json.dumps({"cat": 600, "dog": 30, "newt": 1.5}).encode()
    lines = "".join(json.dumps({"path": f"{index}.png", "label": index % 3}) + "\n" for index in range(6))
    use = _read_counts
    return [
        Area("counts", ".csv", 1800, [table.encode(), labels.encode(), b"10\n20\n30\n"], use),
        Area("counts", ".tsv", 1000, [table.replace(",", "\t").encode(), labels.replace(",", "\t").encode()], use),
        Area(
            "counts",
            ".txt",
            1000,
            [b"cat\ndog\ncat\n", "".join(f"img/{i}.jpg {i % 4}\n" for i in range(9)).encode()],
            use,
        ),
        Area(
            "counts", ".json", 1600, [mapping, json.dumps(coco).encode()], use, lambda c, r: mutated_json(c.decode(), r)
        ),
        Area("counts", ".jsonl", 800, [lines.encode()], use),
        Area("counts", ".npy", 1500, [_npy(_LABELS), _npy(_LABELS.astype(np.uint8)), _npy(_NAMES[_LABELS])], use),
        Area(
            *("counts", ".npz", 1500),
            [_npz(counts=[3, 2, 1], classes=["a", "b", "c"]), _npz(deflated=True, y=_LABELS)],
            use,
            mutated_zip,
        ),
        Area("counts", ".parquet", 1800, _parquets(folder), use),
    ]


def _read_features(path: Path, rng: random.Random) -> None:
    source = pen.open_features(path)
    for _ in source.batches():
        pass
    if rng.random() < 0.2:
        pen.audit(source).to_dict(classes=20)


def _read_logged(path: Path, rng: random.Random) -> None:
    source = pen.open_features(path)
    for _ in source.batches():
        pass
    if rng.random() < 0.2:
        pen.audit(source, gaps="observed").to_dict(classes=20)


def _read_label_sets(path: Path, _: random.Random) -> None:
    pen.audit_label_sets(path).to_dict(classes=20)


def _features(folder: Path) -> list[Area]:
    whole = {"H": _FEATURES, "y": _LABELS, "W": _WEIGHTS, "b": np.zeros(5, np.float32)}
    stored, packed = _npz(**whole, classes=_NAMES), _npz(deflated=True, **whole)
    by_column = _npz(H=np.asfortranarray(_FEATURES), y=_LABELS)
    several = np.eye(5, dtype=np.uint8)[_LABELS] | np.eye(5, dtype=np.uint8)[_LABELS[::-1]]
    columns = np.concatenate([np.flatnonzero(row) for row in several])
    ends = np.append(0, np.cumsum(several.sum(axis=1, dtype=np.int64)))
    tagged = [_npz(**{**whole, "y": several}), _npz(H=_FEATURES, indptr=ends, indices=columns)]
    rows = [_npy(_FEATURES), _npy(np.asfortranarray(_FEATURES.astype(np.float16)))]
    return [
        Area("features", ".npz", 1500, [stored, packed, by_column], _read_features, mutated_zip),
        Area("logs", ".npz", 400, [_logged()], _read_logged, mutated_zip),
        Area("label sets", ".npz", 800, tagged, _read_label_sets, mutated_zip),
        Area(
            "features",
            ".safetensors",
            1200,
            [_safetensors(whole, {"classes": json.dumps(list("abcde"))})],
            _read_features,
        ),
        Area("features", ".parquet", 1200, [_parquet_features(folder)], _read_features),
        Area("features", ".h5", 1000, [_hdf5(folder, whole)], _read_features),
        Area("features", "_H.npy", 1000, rows, _read_set),
    ]


def _logged() -> bytes:
    columns = np.argsort(_RNG.random(_FEATURES.shape), axis=1)[:, :5]
    return _npz(columns=columns, values=np.take_along_axis(_FEATURES, columns, axis=1), y=_LABELS)


def _read_set(path: Path, rng: random.Random) -> None:
    np.save(path.with_name(path.name.replace("_H.", "_y.")), _LABELS)
    _read_features(path, rng)


def _read_head(path: Path, rng: random.Random) -> None:
    head = pen.Head.read(path)
    if head.classes == 5 and rng.random() < 0.4:
        pen.audit_head(head, _COUNTS).to_dict()


def _heads(folder: Path) -> list[Area]:
    plain = {"W": _WEIGHTS, "b": np.zeros(5, np.float32)}
    checkpoint = {
        "conv.weight": np.ones((2, 2, 3, 3), np.float32),
        "fc.weight": _WEIGHTS,
        "fc.bias": np.ones(5, np.float32),
    }
    deep = {"W_1": np.eye(6), "W_2": _WEIGHTS.astype(np.float64)}
    return [
        Area(
            "head",
            ".npz",
            2500,
            [_npz(**plain, classes=_NAMES), _npz(deflated=True, **checkpoint), _npz(**deep)],
            _read_head,
            mutated_zip,
        ),
        Area("head", ".safetensors", 2500, [_safetensors(plain), _safetensors(checkpoint)], _read_head),
    ]


def _read_record(path: Path, rng: random.Random) -> None:
    if rng.random() < 0.85:
        Calibration.read(path).forecast(_COUNTS)
    else:
        pen.advise(_COUNTS, audit=path)


def _audits() -> list[Area]:
    whole = pen.audit(_FEATURES, _LABELS, head=pen.Head((_WEIGHTS,), np.zeros(5)), counts=_COUNTS).to_dict()
    head = pen.audit_head(pen.Head((_WEIGHTS,), np.zeros(5)), _COUNTS).to_dict()
    # Most of an audit is not read back; what is, is changed the more often.
    brief = {key: value for key, value in whole.items() if key in ("penultimate", "counts", "calibration", "alignment")}
    texts = [json.dumps(record).encode() for record in (whole, brief, {"calibration": whole["calibration"]}, head)]
    return [Area("audit", ".json", 3000, texts, _read_record, lambda content, rng: mutated_json(content.decode(), rng))]


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _npz(*, deflated: bool = False, **arrays: object) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if deflated else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def _safetensors(arrays: dict[str, np.ndarray], note: dict[str, str] | None = None) -> bytes:
    from safetensors.numpy import save

    return save(arrays, metadata=note)


def _parquets(folder: Path) -> list[bytes]:
    import pyarrow
    import pyarrow.parquet as parquet

    tables = [
        pyarrow.table({"class": ["a", "b", "c"], "count": [3, 2, 1]}),
        pyarrow.table({"label": pyarrow.array(["a", "b", "a"] * 9).dictionary_encode()}),
    ]
    return [
        _written(folder / "t.parquet", lambda path, table=table: parquet.write_table(table, path)) for table in tables
    ]


def _parquet_features(folder: Path) -> bytes:
    import pyarrow
    import pyarrow.parquet as parquet

    table = pyarrow.table({"H": list(_FEATURES), "y": _LABELS})
    return _written(folder / "f.parquet", lambda path: parquet.write_table(table, path))


def _hdf5(folder: Path, arrays: dict[str, np.ndarray]) -> bytes:
    import h5py

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, compression="gzip" if name == "H" else None)

    return _written(folder / "f.h5", write)


def _written(path: Path, write: Callable[[Path], object]) -> bytes:
    write(path)
    return path.read_bytes()
