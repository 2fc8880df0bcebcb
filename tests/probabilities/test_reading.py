import numpy as np
import pytest

from penultimate.counts.class_names import NumberedNames
from penultimate.errors import PenultimateError
from penultimate.probabilities.given import probabilities_of

VALUES = np.array([[0.25, 0.75], [0.5, 0.125], [1.0, 0.0]])


def written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat,dog\n0.25,0.75\n0.5,0.125\n1,0\n", ["cat", "dog"]),
        (",cat,dog\n0,0.25,0.75\n1,0.5,0.125\n2,1,0\n", ["cat", "dog"]),  # pandas with its index
        ("id\tcat\tdog\na.png\t0.25\t0.75\nb.png\t0.5\t0.125\nc.png\t1\t0\n", ["cat", "dog"]),
        ("cat;dog\n0,25;0,75\n0,5;0,125\n1;0\n", ["cat", "dog"]),  # a comma for the point
        ("0.25 0.75\n0.5 0.125\n1.0 0.0\n", ["0", "1"]),
        ("0.25,0.75\n0.5,0.125\n1,0\n\n", ["0", "1"]),
        ("cat,dog,y\n0.25,0.75,1\n0.5,0.125,0\n1,0,0\n", ["cat", "dog"]),
        ("\ufeff2.5e-1,7.5e-1\r\n0.5,0.125\r\n1,0\r\n", ["0", "1"]),
        # As pandas writes columns without a name, with its index and without.
        ("0,1\n0.25,0.75\n0.5,0.125\n1.0,0.0\n", ["0", "1"]),
        (",0,1\n0,0.25,0.75\n1,0.5,0.125\n2,1.0,0.0\n", ["0", "1"]),
    ],
)
def test_tables(tmp_path, text, names):
    found = probabilities_of(written(tmp_path / "p.csv", text))
    np.testing.assert_array_equal(found.values, VALUES)
    assert list(found.names) == names
    assert (found.labels is None) == ("y" not in text)


def test_arrays_in_files(tmp_path):
    np.savez(tmp_path / "a.npz", probs=VALUES, y=np.array([1, 0, 0]), classes=np.array(["cat", "dog"]), H=np.eye(3))
    found = probabilities_of(tmp_path / "a.npz")
    assert list(found.names) == ["cat", "dog"] and found.labels.tolist() == [1, 0, 0]
    np.savez_compressed(tmp_path / "b.npz", whatever=VALUES.astype(np.float32), n=np.arange(3))
    np.save(tmp_path / "run_probs.npy", VALUES)
    for name in ("b.npz", "run_probs.npy"):
        np.testing.assert_array_equal(probabilities_of(tmp_path / name).values, VALUES)
    np.savez(tmp_path / "c.npz", one=VALUES, two=VALUES)
    with pytest.raises(PenultimateError, match="which array holds the probabilities"):
        probabilities_of(tmp_path / "c.npz")


def test_parquet_by_columns_and_by_lists(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"id": [5, 6, 7], "cat": VALUES[:, 0], "dog": VALUES[:, 1]}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"probs": VALUES.tolist(), "y": [0, 1, 1]}), tmp_path / "l.parquet")
    assert list(probabilities_of(tmp_path / "c.parquet").names) == ["cat", "dog"]
    for name in ("c.parquet", "l.parquet"):
        np.testing.assert_array_equal(probabilities_of(tmp_path / name).values, VALUES)


def test_numbers_of_columns_are_no_names_and_a_sample_is_no_header(tmp_path):
    three = written(tmp_path / "p.csv", "0,1,2\n0.5,0.25,0.25\n")
    assert isinstance(probabilities_of(three).names, NumberedNames) and len(probabilities_of(three).values) == 1
    assert isinstance(probabilities_of(Frame((0, 1))).names, NumberedNames)
    certain = written(tmp_path / "q.csv", "0,1\n1,0\n1,0\n0,1\n")
    assert len(probabilities_of(certain).values) == 4


class Frame:
    """What pandas and polars have in common here."""

    def __init__(self, columns=("cat", "dog")):
        self.columns = columns

    def __array__(self, dtype=None, copy=None):
        return VALUES


def test_data_frames_name_their_columns():
    assert list(probabilities_of(Frame()).names) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("cat,dog\n", "nothing below"),
        ("cat,dog\n0.1,0.2\n0.3\n", "fields"),
        ("cat,dog\n0.1,x\n0.3,0.2\n", "row 2, column 'dog', holds 'x'"),
        ("y\n1\n0\n", "no column of probabilities"),
    ],
)
def test_a_bad_table_is_one_error_that_names_the_file(tmp_path, text, says):
    with pytest.raises(PenultimateError, match=f"p.csv: .*{says}"):
        probabilities_of(written(tmp_path / "p.csv", text))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(PenultimateError, match="there is no such file"):
        probabilities_of(tmp_path / "absent.npy")
    (tmp_path / "p.csv").write_bytes(b"\xff\xd8\x00\x01" * 50)
    with pytest.raises(PenultimateError, match=r"p\.csv: the file"):
        probabilities_of(tmp_path / "p.csv")
    with pytest.raises(PenultimateError, match="come as"):
        probabilities_of(written(tmp_path / "p.json", "[[0.5]]"))
    with pytest.raises(PenultimateError, match="3 names for 2 columns"):
        probabilities_of(VALUES, names=["a", "b", "c"])
    with pytest.raises(PenultimateError, match="twice"):
        probabilities_of(VALUES, names=["a", "a"])
