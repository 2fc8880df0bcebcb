"""What files of several labels a sample may hold, from the command line: said, or refused in one line."""

import json

import numpy as np
import pytest
from scipy import sparse

from command import run
from penultimate.minimisers import label_solution
from penultimate.spectrum import scatter_spectrum

Y = (np.random.default_rng(0).random((300, 5)) < [0.5, 0.3, 0.1, 0.4, 0.05]).astype(int)
NAMES = ["cat", "dog", "newt", "pet", "eel"]


def put(values, changed=None, names=None):
    """Write a matrix: an array, or a table with names; of one entry another value."""

    def write(path):
        held = np.array(values, dtype=float if changed is not None else None)
        if changed is not None:
            held[7, 2] = changed
        if names is None:
            np.save(path, held)
        else:
            np.savetxt(path, held, "%d", ",", header=",".join(names), comments="")

    return write


def text(made):
    return lambda path: path.write_text(made, encoding="utf-8")


FIXED = np.column_stack([Y[:, :3], np.zeros(300, int), np.ones(300, int)])
TWINS = np.column_stack([Y[:, :3], Y[:, 0], 1 - Y[:, 1]])
TAGS = "tags\n" + "".join(";".join(np.array(NAMES)[row > 0]) + ";\n" for row in Y)
CELLS = ("--separator", ";")
HELD = ("--holds", "label-sets")

SAID = {
    "rows without labels": ("a.csv", text(TAGS), CELLS, ["51 samples have no label"]),
    "they have no loss in a softmax": ("a.csv", text(TAGS), (*CELLS, "--loss", "ce"), ["have no loss in a softmax"]),
    "never on, or always": (
        "a.csv",
        put(FIXED, names=NAMES),
        HELD,
        ["1 label is on in no sample", "1 label never changes"],
    ),
    "one label in two columns": (
        "a.csv",
        put(TWINS, names=["cat", "dog", "newt", "cat2", "nodog"]),
        HELD,
        ["equal in every sample: cat and cat2", "opposite in every sample: dog and nodog"],
    ),
    "soft": ("a.npy", put(Y, 0.3), ("--loss", "bce"), ["Labels are soft"]),
    "numbers": ("a.npy", put(Y, 1.5), (), ["outputs", "5"]),
    "twice, blanks, a trailing mark": (
        "a.csv",
        text('tags\ncat;cat;dog\n" cat ; dog;"\n;\ndog;;\n'),
        CELLS,
        ["2 labels, 4 samples", "1 sample names a label twice, which counts once", "1 sample has no label"],
    ),
    "a blank line between others": (
        "a.txt",
        text("\ncat;dog\n\ncat\n  \ndog\n\n\n"),
        CELLS,
        ["2 labels, 5 samples", "2 samples have no label"],
    ),
    "a blank line between others, sets with commas": (
        "a.txt",
        text("cat,dog\n\ncat\n  \ndog\n\n\n"),
        ("--separator", ","),
        ["2 labels, 5 samples", "2 samples have no label"],
    ),
    "one label": (
        "a.json",
        text(json.dumps([["spam"] if row[0] else [] for row in Y])),
        (),
        ["the one direction survives"],
    ),
    "one column": ("a.npy", put(Y[:, :1]), (*HELD, "--loss", "bce"), ["sigmoids answer 1 of 1 label"]),
    "single entries": ("a.npz", lambda p: sparse.save_npz(p, sparse.coo_array(Y)), (), ["5 labels, 300 samples"]),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_odd_is_said(case, tmp_path, monkeypatch, capsys):
    name, write, options, words = SAID[case]
    write(tmp_path / name)
    status, out, err = run(monkeypatch, capsys, "forecast", tmp_path / name, *options)
    told = " ".join(f"{err} {out}".split())
    assert status == 0 and all(" ".join(word.split()) in told for word in words), told


REFUSED = {
    "not a number": ("a.npy", put(Y, np.nan), (), "the target of row 7, label 2 is nan"),
    "infinite": ("a.npy", put(Y, np.inf), ("--loss", "bce"), "the target of row 7, label 2 is inf"),
    "no probability": ("a.npy", put(Y, 1.5), ("--loss", "bce"), "say loss='mse' for real targets"),
    "padded ids": ("a.npy", put([[3, 7, -1], [2, -1, -1]] * 9), (), "ids of labels, padded with −1, or amounts"),
    "one sample": ("a.csv", text("tags\ncat;dog\n"), CELLS, "the targets are of 1 sample: give at least two"),
    "no samples": ("a.csv", text("tags\n"), CELLS, "there are no samples"),
    "no labels": ("a.csv", text("id,tags\n1,\n2,\n"), CELLS, "none of the 2 samples has a label"),
    "a width with sigmoids": ("a.csv", text(TAGS), (*CELLS, "--loss", "bce", "--width", "2"), "no width"),
    "no mark given": ("a.csv", text("id,tags\n1,cat;dog\n2,\n3,dog\n4,dog\n"), (), "FILE --separator ';'`"),
    "no list": ("a.json", text('[["a"], 3]'), HELD, "record 2 holds 3: give a list of labels"),
    "names and numbers": ("a.json", text('[["a"], [3], []]'), (), "some labels are whole numbers and some are text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_line(case, tmp_path, monkeypatch, capsys):
    name, write, options, words = REFUSED[case]
    write(tmp_path / name)
    status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / name, *options)
    assert status == 2 and words in err and "Traceback" not in err
    assert sum(line.startswith("penultimate:") for line in err.splitlines()) == 1


def test_no_weight_helps_a_label_that_is_never_on(tmp_path, monkeypatch, capsys):
    put(FIXED, names=NAMES)(tmp_path / "a.csv")
    status, _, err = run(monkeypatch, capsys, "advise", tmp_path / "a.csv", *HELD, "--pos-weight", tmp_path / "w.npy")
    assert status == 2 and "label 'pet' is on in no sample, and 1 more: no weight helps it" in err
    assert not (tmp_path / "w.npy").exists()


def test_above_so_many_labels_nothing_is_claimed_of_directions_that_were_not_sought(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scatter_spectrum, "MOST_DENSE", 4)
    monkeypatch.setattr(label_solution, "MOST_DENSE", 4)
    monkeypatch.setattr(scatter_spectrum, "_RANKS", (2, 3))
    put(Y)(tmp_path / "a.npy")
    status, out, _ = run(monkeypatch, capsys, "forecast", tmp_path / "a.npy", "--weight-decay", "1e-4")
    told = " ".join(out.split())
    assert status == 0 and "at least 3 directions survive" in told and "each label taken alone" in told
    assert "every label is answered" in told
