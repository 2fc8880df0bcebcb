"""What a user gives that cannot be compared: on the command line one line and exit 2, or a named outcome."""

import json

import numpy as np
import pytest

import penultimate as pen
from command import run

K, WIDTH, EACH = 4, 6, 40
MEANS = 5.0 * np.eye(K, WIDTH)
LABELS = np.repeat(np.arange(K), EACH)
NAMES = np.array(["ant", "bee", "cat", "dog"])


def features(seed, width=WIDTH, labels=LABELS):
    return MEANS[labels][:, :width] + np.random.default_rng(seed).normal(size=(len(labels), width))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files by what is wrong with them, or nothing."""
    folder = tmp_path_factory.mktemp("drift")
    hole = features(1)
    hole[7, 2] = np.nan
    over = features(1)
    over[7, 2] = np.inf
    some = np.flatnonzero((LABELS != 2) & ((LABELS != 1) | (np.arange(len(LABELS)) == EACH)))
    rng = np.random.default_rng(5)
    content = {
        "before": {"H": features(0), "y": LABELS, "classes": NAMES},
        "after": {"H": features(1), "y": LABELS, "classes": NAMES},
        "narrow": {"H": features(1, width=5), "y": LABELS, "classes": NAMES},
        "renamed": {"H": features(1), "y": LABELS, "classes": np.array(["ant", "bee", "cat", "eel"])},
        "fewer": {"H": features(1)[: 3 * EACH], "y": LABELS[: 3 * EACH], "classes": NAMES[:3]},
        "hole": {"H": hole, "y": LABELS, "classes": NAMES},
        "over": {"H": over, "y": LABELS, "classes": NAMES},
        "unlabelled": {"H": features(1)},
        "single": {"H": features(1)[::EACH], "y": LABELS[::EACH], "classes": NAMES},
        "absent": {"H": features(1)[some], "y": LABELS[some], "classes": NAMES},
        "one head": {"H": features(0), "y": LABELS, "W": rng.normal(size=(K, WIDTH))},
        "another head": {"H": features(1), "y": LABELS, "W": rng.normal(size=(K, WIDTH))},
        "wide head": {"W": rng.normal(size=(K, WIDTH + 1))},
    }
    for name, arrays in content.items():
        np.savez(folder / f"{name}.npz", **arrays)
    (folder / "damaged.npz").write_bytes(b"PK\x03\x04 no archive")
    return folder


BAD = {
    "other widths": (("before", "narrow"), "width 6 and the current side 5"),
    "other names": (("before", "renamed"), "eel"),
    "fewer classes": (("before", "fewer"), "the current side"),
    "NaN": (("before", "hole"), "hold NaN"),
    "infinity": (("over", "after"), "hold NaN or infinity"),
    "no labels": (("before", "unlabelled"), "there are no labels"),
    "one sample a class": (("before", "single"), "no class has two samples on both sides"),
    "two networks": (("one head", "another head"), "two networks"),
    "a head of another width": (("before", "after", "--head", "wide head"), "width"),
    "damaged": (("before", "damaged"), "damaged"),
    "no file": (("before", "none"), "no such file"),
    "no level": (("before", "after", "--level", "0"), "--level"),
    "too little epsilon": (("before", "after", "--shape", "sinkhorn", "--epsilon", "0.01"), "below 0.3"),
    "no groups": (("before", "after", "--groups", "video"), "no array 'video'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_compared_is_one_line(case, files, monkeypatch, capsys):
    (one, other, *given), message = BAD[case]
    given = [str(files / f"{word}.npz") if word == "wide head" else word for word in given]
    code, out, err = run(monkeypatch, capsys, "drift", files / f"{one}.npz", files / f"{other}.npz", *given)
    assert code == 2 and not out and message in err
    assert len(err.strip().splitlines()) == 1 or "--level" in message  # click's own usage lines


def test_classes_that_cannot_be_judged_are_named(files, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "drift", files / "before.npz", files / "absent.npz", "--json", "-")
    rows = {row["class"]: row for row in json.loads(out)["classes"]}
    assert code == 0 and rows["cat"]["outcome"] == "absent" and rows["bee"]["outcome"] == "too_few"
    assert rows["cat"]["p"] is None and rows["ant"]["outcome"] == "within_noise"


def test_a_file_with_itself_has_not_drifted(files, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "drift", files / "before.npz", files / "before.npz", "--json", "-")
    record = json.loads(out)
    assert code == 0 and record["identical"] and record["classes_moved"] == 0
    assert "the same samples" in record["verdict"]


def test_json_has_the_keys_that_are_documented(files, monkeypatch, capsys):
    _, out, _ = run(monkeypatch, capsys, "drift", files / "before.npz", files / "after.npz", "--json", "-")
    wanted = {"class", "reference", "current", "p", "p_adjusted", "moved", "of_the_way", "towards", "recall"}
    record = json.loads(out)
    assert {"classes", "verdict", "moved", "identical", "fitted", "classes_moved"} <= set(record)
    assert wanted | {"recall_interval", "divergence", "shape_p"} <= set(record["classes"][0])


def test_a_column_never_seen_in_a_class_is_one_line(files, tmp_path, monkeypatch, capsys):
    holes = features(0)
    holes[LABELS == 3, 4] = np.nan
    holes[::9, 1] = np.nan
    np.savez(tmp_path / "holes.npz", H=holes, y=LABELS)
    code, _, err = run(monkeypatch, capsys, "audit", tmp_path / "holes.npz", "--gaps", "observed")
    assert code == 2 and "column 4 was never seen in class 3" in err and len(err.strip().splitlines()) == 1


def test_a_rare_class_that_moved_is_named_with_its_p_and_its_cost(tmp_path, monkeypatch, capsys):
    """A planted drift in a bundled set, on the command line."""
    source = pen.datasets.features("cnn-mse-test")
    batches = list(source.batches())
    held, labels = (np.concatenate([getattr(batch, part) for batch in batches]) for part in ("features", "labels"))
    keep = np.concatenate([np.flatnonzero(labels == k)[: 80 if k == 9 else 400] for k in range(10)])
    means = np.stack([held[labels == k].mean(axis=0) for k in (7, 9)])
    sides = np.split(np.random.default_rng(0).permutation(keep), [len(keep) // 2])
    for name, rows, way in (("before", sides[0], 0.0), ("now", sides[1], 0.7)):
        moved = held[rows] + np.where((labels[rows] == 9)[:, None], way * (means[0] - means[1]), 0.0)
        np.savez(tmp_path / f"{name}.npz", H=moved, y=labels[rows], W=source.head.product, b=source.head.offset)
    code, out, _ = run(monkeypatch, capsys, "drift", tmp_path / "before.npz", tmp_path / "now.npz")
    said = " ".join(out.split())
    assert code == 0 and "Class 9 moved 0." in said and "(p " in said and "towards 7" in said
    assert "its recall fell from" in said
