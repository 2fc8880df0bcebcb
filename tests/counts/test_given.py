"""Whatever people have for counts goes wherever counts are taken."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import penultimate as pen
from penultimate.counts.given import counts_of
from penultimate.errors import CountsError, FileError

EXPECTED = pen.ClassCounts([100, 40, 7])

GIVEN = {
    "counts": EXPECTED,
    "list": [100, 40, 7],
    "tuple": (100, 40, 7),
    "array": np.array([100, 40, 7]),
    "mapping": {"0": 100, "1": 40, "2": 7},
    "counter": Counter([2] * 7 + [0] * 100 + [1] * 40),
    "generator": (n for n in (100, 40, 7)),
}


@pytest.mark.parametrize("value", GIVEN.values(), ids=GIVEN)
def test_what_is_counts(value):
    assert counts_of(value) == EXPECTED


def test_files_go_before_bundled_names(tmp_path, monkeypatch):
    assert counts_of("cifar10-lt") == pen.ClassCounts.long_tailed(10, 5000, 100)
    path = tmp_path / "train.csv"
    path.write_text("class,count\n0,100\n1,40\n2,7\n")
    assert counts_of(path) == counts_of(str(path)) == EXPECTED
    monkeypatch.chdir(tmp_path)
    for name, files in {"cat": 3, "dog": 1}.items():
        Path("lvis", name).mkdir(parents=True)
        for index in range(files):
            Path("lvis", name, f"{index}.png").touch()
    assert counts_of("lvis").names == ("cat", "dog")


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("imagenet", FileError, "no bundled counts of that name: the bundled ones are lvis"),
        (Path("missing.csv"), FileError, "missing.csv: there is no such file or folder"),
        (3, CountsError, "counts are of type int"),
        (None, CountsError, "counts are of type NoneType"),
        ([[1, 2], [3, 4]], CountsError, "of type list"),
        ({"cat": 3, "dog": "x"}, CountsError, "class 'dog'"),
    ],
)
def test_what_is_not(value, error, words):
    with pytest.raises(error, match=words):
        counts_of(value)


PROBLEM = pen.Problem.from_decays(1e-2)
CROSS_ENTROPY = pen.Problem.from_decays(1e-2, loss="ce")

TAKES_COUNTS = {
    "forecast": lambda counts: pen.forecast(counts, 1e-2, feature_ratio=1.0).counts,
    "compare_losses": lambda counts: pen.compare_losses(counts, ["mse"], 1e-2, feature_ratio=1.0).counts,
    "advise": lambda counts: pen.advise(counts, 1e-2, feature_ratio=1.0).counts,
    "minimise": lambda counts: pen.minimise(counts, PROBLEM).counts,
    "solution_path": lambda counts: pen.solution_path(counts, CROSS_ENTROPY, points=2).counts,
    "audit": lambda counts: pen.audit(np.eye(3).repeat(2, 0), np.arange(3).repeat(2), counts=counts).counts,
    "audit_head": lambda counts: pen.audit_head(pen.Head((np.eye(3),), np.zeros(3)), counts).counts,
    "general_orthogonal_frame": lambda counts: pen.frames.general_orthogonal_frame(counts).counts,
    "seli": lambda counts: pen.frames.seli(counts).counts,
}
SAME_FOR_ALL = {
    "LabelSpectrum": lambda counts: pen.LabelSpectrum(counts).count_above(3.0),
    "SquaredError": lambda counts: pen.losses.SquaredError.inverse(counts).weights,
    "CrossEntropy": lambda counts: pen.losses.CrossEntropy.logit_adjusted(counts).offsets,
    "ClassLoss": lambda counts: pen.torch.ClassLoss("la:1", counts).offsets.numpy(),
    "ClassDecay": lambda counts: pen.torch.ClassDecay(nn.Linear(4, 3), counts, 1e-2).decays,
}


@pytest.mark.parametrize("run", TAKES_COUNTS.values(), ids=TAKES_COUNTS)
def test_public_functions_take_them(run):
    assert run([100, 40, 7]) == run({"0": 100, "1": 40, "2": 7}) == run(np.array([100, 40, 7])) == EXPECTED


@pytest.mark.parametrize("run", SAME_FOR_ALL.values(), ids=SAME_FOR_ALL)
def test_public_classes_take_them(run):
    assert np.array_equal(run([100, 40, 7]), run(EXPECTED))
