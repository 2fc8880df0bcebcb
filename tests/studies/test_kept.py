"""Arrays that are kept are there whole or not at all, whoever asks for them meanwhile."""

import numpy as np
import pytest

from studies.kept import kept_arrays


def test_who_asks_while_arrays_are_written_makes_his_own(tmp_path, monkeypatch):
    """As of two processes: the second comes while the first is writing."""
    path, made = tmp_path / "some" / "rows.npz", []
    wanted = {"rows": np.arange(6.0), "labels": np.arange(3)}
    write = np.savez

    def slow(file, **arrays):
        if len(made) == 1:
            made.append("second")
            second = kept_arrays(path, lambda: wanted)
            np.testing.assert_array_equal(second["rows"], wanted["rows"])
        write(file, **arrays)

    monkeypatch.setattr(np, "savez", slow)
    first = kept_arrays(path, lambda: made.append("first") or wanted)
    assert made == ["first", "second"] and first.keys() == wanted.keys()
    again = kept_arrays(path, pytest.fail)
    assert all(np.array_equal(again[name], wanted[name]) for name in wanted)
    assert [file.name for file in path.parent.iterdir()] == ["rows.npz"]


def test_what_could_not_be_made_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        kept_arrays(tmp_path / "rows.npz", lambda: {}["nothing"])
    assert not list(tmp_path.iterdir())
