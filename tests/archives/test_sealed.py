"""Files with a check sum: any byte that differs is noticed, and so is any other kind of file."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.archives.sealed import seal, unseal
from penultimate.features.passes.accumulator import Accumulator
from penultimate.features.passes.checkpoint import Checkpoint

KIND = "test sums 1"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "sums"
    path.write_bytes(seal(KIND, {"a": np.arange(3.0), "b": np.array([7])}, {"of": "three"}))
    return path


def test_what_was_sealed_comes_back(path):
    arrays, note = unseal(path, KIND)
    assert arrays["a"].tolist() == [0.0, 1.0, 2.0]
    assert arrays["b"].tolist() == [7]
    assert note == {"of": "three"}


def test_any_byte_that_differs_is_noticed(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        for mask in (1, 16, 128, 255):
            damaged = bytearray(whole)
            damaged[place] ^= mask
            path.write_bytes(damaged)
            with pytest.raises(pen.FileError):
                unseal(path, KIND)


def test_any_missing_or_added_end_is_noticed(path):
    whole = path.read_bytes()
    for content in [*(whole[:length] for length in range(len(whole))), whole + b"\0"]:
        path.write_bytes(content)
        with pytest.raises(pen.FileError):
            unseal(path, KIND)


@pytest.mark.parametrize(("kind", "said"), [("other sums 1", "no other sums"), ("test sums 2", "another version")])
def test_other_kinds_and_versions(path, kind, said):
    with pytest.raises(pen.FileError, match=said):
        unseal(path, kind)


class Sums(Accumulator):
    """Three numbers."""

    def __init__(self):
        self.numbers = np.arange(3.0)

    def arrays(self):
        return {"numbers": self.numbers}

    def restore(self, arrays):
        self.numbers = arrays["numbers"]


def test_a_checkpoint_with_one_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "c"
    Checkpoint(path, {"data": "a"}, seconds=0).keep("features", Sums(), 5)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(pen.FileError, match="delete it"):
            Checkpoint(path, {"data": "a"})
