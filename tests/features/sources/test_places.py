"""Where samples are to be found again, in one file or several, by row or by id."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.features.sources.places import places_of


def shard(path, rows, **beside):
    rng = np.random.default_rng(rows)
    np.savez(path, H=rng.normal(size=(rows, 3)), y=np.arange(rows) % 2, **beside)


def test_rows_of_arrays_and_of_one_file(tmp_path):
    shard(tmp_path / "a.npz", 5)
    for source in (pen.ArraySource(np.eye(5), np.zeros(5, dtype=int)), pen.open_features(tmp_path / "a.npz")):
        assert places_of(source, np.array([3, -1])).of(3) == {"row": 3}


def test_files_are_named_and_rows_counted_in_each(tmp_path):
    (tmp_path / "more").mkdir()
    shard(tmp_path / "a.npz", 5, classes=np.array(["p", "q"]))
    shard(tmp_path / "more" / "b.npz", 4, classes=np.array(["q", "p"]))  # read in the order of the first
    source = pen.open_features([tmp_path / "a.npz", tmp_path / "more" / "b.npz"])
    places = places_of(source, np.array([4, 5, 8]))
    assert [places.of(row) for row in (4, 5, 8)] == [
        {"file": "a.npz", "row": 4},
        {"file": "more/b.npz", "row": 0},
        {"file": "more/b.npz", "row": 3},
    ]


@pytest.mark.parametrize("ids", [np.array(["x", "é", "<b>", "c", "d"]), np.arange(10, 15)])
def test_ids_are_those_of_the_file(tmp_path, ids):
    shard(tmp_path / "a.npz", 5, ids=ids)
    shard(tmp_path / "b.npz", 4)
    places = places_of(pen.open_features(tmp_path), np.array([2, 5]))
    assert places.of(2) == {"file": "a.npz", "row": 2, "id": str(ids[2])}
    assert places.of(5) == {"file": "b.npz", "row": 0}
    assert places_of(pen.open_features(tmp_path), np.array([], dtype=np.int64)).ids == {}


def test_ids_of_parquet(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = {"H": list(np.eye(3)), "y": [0, 1, 1], "path": ["a/1.png", "a/2.png", "b.png"]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    assert places_of(pen.open_features(tmp_path / "a.parquet"), np.array([1])).of(1) == {"row": 1, "id": "a/2.png"}


@pytest.mark.parametrize("ids", [np.arange(3), np.array(["x"] * 5, dtype=object), np.zeros((5, 2))])
def test_what_is_no_id_a_sample_is_left_alone(tmp_path, ids):
    """Objects are never unpickled."""
    shard(tmp_path / "a.npz", 5, ids=ids)
    assert places_of(pen.open_features(tmp_path / "a.npz"), np.array([1])).of(1) == {"row": 1}


def test_an_audit_of_shards_in_any_order_finds_the_same_samples(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    features = rng.normal(size=(3, 4))[labels] + rng.normal(size=(200, 4))
    ids = np.array([f"s{i}" for i in range(200)])
    whole = pen.audit(features, labels)
    expected = [[f"s{row}" for row in rows if row >= 0] for rows in whole.worst.row.tolist()]
    order = rng.permutation(200)
    for shard, rows in enumerate(np.array_split(order, 3)):
        np.savez(tmp_path / f"{shard}.npz", H=features[rows], y=labels[rows], ids=ids[rows])
    records = pen.audit(tmp_path).to_dict()["classes"]
    assert [[sample["id"] for sample in record["worst_samples"]] for record in records] == expected
    for record in records:
        for sample in record["worst_samples"]:
            with np.load(tmp_path / sample["file"]) as file:
                assert file["ids"][sample["row"]] == sample["id"]
