"""Several labels a sample: what is compared, against scikit-learn's F1; files, names, groups, and what is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.sparse import csr_array
from sklearn.metrics import f1_score

import penultimate as pen
from penultimate.heads.comparison.label_comparison import BLEND, PRESENT, TUNED, best_thresholds

NAMES = ("cat", "dog", "newt", "eel")


def data(samples=900, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(samples, 6))
    return X, X @ rng.normal(size=(6, 4)) + 2 * rng.normal(size=(samples, 4)) > [0, 2, 4, 6]


X, Y = data()
TRAIN, VALID = (X[:600], Y[:600]), (X[600:], Y[600:])
FOUND = pen.compare_label_heads(TRAIN, VALID)


def test_figures_are_those_of_scikit_learn():
    answers = FOUND.fitted.predict(VALID[0])
    own = f1_score(VALID[1], answers, average=None)
    np.testing.assert_allclose(FOUND.results[0].f1, own)
    figures = FOUND.results[0].figures
    np.testing.assert_allclose(figures["macro_f1"], own.mean())
    np.testing.assert_allclose(figures["micro_f1"], f1_score(VALID[1], answers, average="micro"))
    order = np.argsort(FOUND.positives)
    assert [FOUND.thirds[k] for k in order] == ["few", "few", "medium", "many"]
    np.testing.assert_allclose(figures["few"], own[order[:2]].mean())


def test_gains_are_differences_within_their_intervals():
    for result in FOUND.results[1:]:
        for name, (gain, low, high) in result.gains.items():
            np.testing.assert_allclose(gain, FOUND.results[0].figures[name] - result.figures[name])
            assert (low - 0.02 <= gain <= high + 0.02 and low < high) or gain == 0.0
    assert not FOUND.results[0].gains and FOUND.results[0].name == BLEND


def test_tuned_thresholds_are_the_best_there_are():
    rng = np.random.default_rng(3)
    scores, truth = rng.normal(size=(50, 5)), rng.random((50, 5)) < 0.3
    bounds = best_thresholds(scores, truth)
    reached = f1_score(truth, scores >= bounds, average=None)
    tried = [f1_score(truth, scores >= cut, average=None) for cut in np.sort(scores.ravel())]
    np.testing.assert_allclose(reached, np.max(tried, axis=0))


def test_samples_of_one_group_are_drawn_together(tmp_path):
    """Every sample four times over: the intervals are those of the samples themselves, and not half as wide."""
    width = {}
    for name, repeats, groups in (("once", 1, False), ("known", 4, True), ("blind", 4, False)):
        arrays = {
            "H": np.repeat(VALID[0], repeats, axis=0),
            "y": np.repeat(VALID[1], repeats, axis=0).astype(np.int64),
        }
        if groups:
            arrays["groups"] = np.repeat(np.arange(len(VALID[0])), repeats)
        np.savez(tmp_path / f"{name}.npz", **arrays)
        found = pen.compare_label_heads(TRAIN, tmp_path / f"{name}.npz")
        assert [note.split(" samples")[0] for note in found.notes] == (["900 of 1,200"] if name == "blind" else [])
        _, low, high = found.results[-1].gains["macro_f1"]
        width[name] = high - low
    np.testing.assert_allclose(width["known"], width["once"], rtol=0.15)
    np.testing.assert_allclose(width["blind"], width["once"] / 2, rtol=0.2)


def test_samples_on_both_sides_are_said():
    both = [np.concatenate([own, other[:7]]) for own, other in zip(VALID, TRAIN, strict=True)]
    found = pen.compare_label_heads(TRAIN, tuple(both))
    (note,) = found.notes
    assert note.startswith("7 of 307 samples of VALID have exactly the features of one of TRAIN")
    assert found.verdict.startswith(note) and found.to_dict()["notes"] == [note]
    assert not FOUND.notes


def test_files_with_names_in_another_order_and_a_head(tmp_path):
    weights, bias = FOUND.head.product, FOUND.head.offset
    metadata = {"classes": json.dumps(NAMES)}
    save_file(
        {"H": TRAIN[0].astype(np.float32), "y": TRAIN[1].astype(np.uint8), "W": weights, "b": bias},
        tmp_path / "train.safetensors",
        metadata,
    )
    order = [2, 0, 3, 1]
    np.savez(tmp_path / "valid.npz", H=VALID[0], y=VALID[1][:, order].astype(int), classes=np.array(NAMES)[order])
    found = pen.compare_label_heads(tmp_path / "train.safetensors", tmp_path / "valid.npz")
    assert tuple(found.names) == NAMES
    np.testing.assert_allclose(found.results[0].f1, FOUND.results[0].f1, atol=1e-3)
    present = next(result for result in found.results if result.name == PRESENT)
    np.testing.assert_allclose(
        present.f1, f1_score(VALID[1], FOUND.fitted.predict_proba(VALID[0]) >= 0.5, average=None)
    )
    found.save_head(tmp_path / "head.npz")
    head = pen.Head.read(tmp_path / "head.npz")
    assert head.names == NAMES
    with np.load(tmp_path / "head.npz") as held:
        probabilities = 1 / (1 + np.exp(-head.logits(VALID[0])))
        np.testing.assert_array_equal(probabilities >= held["thresholds"], found.fitted.predict(VALID[0]) > 0)


def test_shards_and_sparse_labels_are_read(tmp_path):
    for name, (rows, labels) in {"train": TRAIN, "valid": VALID}.items():
        (tmp_path / name).mkdir()
        for shard, part in enumerate(np.array_split(np.arange(len(rows)), 2)):
            sparse = csr_array(labels[part].astype(int))
            np.savez(
                tmp_path / name / f"{shard}.npz",
                H=rows[part],
                indptr=sparse.indptr,
                indices=sparse.indices,
                shape=sparse.shape,
                groups=part,
            )
    found = pen.compare_label_heads(tmp_path / "train", tmp_path / "valid")
    np.testing.assert_array_equal(found.positives, FOUND.positives)
    np.testing.assert_allclose(found.results[0].f1, FOUND.results[0].f1, atol=0.02)
    np.savez(tmp_path / "train" / "2.npz", H=X[:3], y=Y[:3].astype(int))
    with pytest.raises(pen.FeaturesError, match="some shards have groups"):
        pen.compare_label_heads(tmp_path / "train", tmp_path / "valid")


def test_labels_that_cannot_be_judged_are_said_and_left_out():
    labels = (
        np.column_stack([TRAIN[1], np.zeros(600), np.ones(600)]),
        np.column_stack([VALID[1], np.ones(300), np.ones(300)]),
    )
    labels[1][:, 3] = 0
    found = pen.compare_label_heads((TRAIN[0], labels[0]), (VALID[0], labels[1]))
    assert found.thirds[[3, 4]].tolist() == ["", ""] and np.isnan(found.results[0].f1[3])
    assert "1 label is on in no sample of TRAIN and never answered ('4')" in found.verdict
    assert "1 label is on in no sample of VALID and not judged" in found.verdict


def test_training_features_that_are_too_easy_are_told():
    X, Y = data(400, seed=2)
    easy = np.hstack([X, 20.0 * Y + 0.1])  # as a network that knows these samples by heart has them
    hard = np.hstack([VALID[0], 20.0 * np.random.default_rng(0).permutation(VALID[1]) + 0.1])
    assert "If the network was trained on TRAIN" in pen.compare_label_heads((easy, Y), (hard, VALID[1])).verdict
    assert "If the network" not in FOUND.verdict


@pytest.mark.parametrize(
    ("valid", "said"),
    [
        ((VALID[0][:, :3], VALID[1]), "width 3 and TRAIN of 6"),
        ((VALID[0], VALID[1][:, :3]), "3 labels and TRAIN 4"),
        ((VALID[0], VALID[1] * 0), "no label of TRAIN is on in a sample of VALID"),
        ((VALID[0] * np.nan, VALID[1]), "NaN"),
        ((VALID[0], VALID[1][1:]), "299 rows for 300 samples"),
        ("cnn-ce-test", "VALID has not several labels a sample"),
    ],
)
def test_what_does_not_fit_is_refused(valid, said):
    with pytest.raises(pen.PenultimateError) as raised:
        pen.compare_label_heads(TRAIN, valid)
    assert said in str(raised.value)


def test_a_name_that_train_lacks_is_never_answered_and_said_unless_a_head_lacks_it():
    sets = [[["cat"], ["dog", "cat"], []][i % 3] for i in range(300)]
    strange = [*sets[1:], ["newt"]]
    found = pen.compare_label_heads((VALID[0], sets), (VALID[0], strange))
    assert found.names == ("cat", "dog", "newt") and found.thirds[2] == "" and found.head.classes == 3
    assert "1 label is on in no sample of TRAIN and never answered ('newt')" in found.verdict
    head = pen.Head((np.zeros((2, 6)),), np.zeros(2))
    with pytest.raises(pen.FeaturesError, match="'newt', which TRAIN and its head lack"):
        pen.compare_label_heads((VALID[0], sets), (VALID[0], strange), head=head)


def test_the_command_tells_several_labels_by_itself(tmp_path, penultimate):
    for name, (rows, labels) in {"train": TRAIN, "valid": VALID}.items():
        np.savez(tmp_path / f"{name}.npz", H=rows, y=labels.astype(int), classes=np.array(NAMES))
    train, valid, head = (tmp_path / f"{name}.npz" for name in ("train", "valid", "head"))
    status, out, err = penultimate("heads", train, valid, "--json", "-", "--out", head)
    record = json.loads(out)
    names = [one["name"] for one in record["heads"]]
    assert status == 0 and names[0] == BLEND and TUNED in names
    assert [label["label"] for label in record["labels"]] == list(NAMES)
    assert pen.Head.read(head).classes == 4 and "answer yes where" in err
    status, _, err = penultimate("heads", train)
    assert status == 2 and "need VALID" in err
    for option, says in (
        (("--costs", tmp_path / "costs.csv"), "leave --costs out"),
        (("--non-linear",), "their head is linear"),
        (("--many", "50"), "--many beside several labels a sample: gains are told by thirds of the labels"),
        (("--few", "5"), "--few beside several labels a sample"),
    ):
        status, _, err = penultimate("heads", train, valid, *option)
        assert status == 2 and says in " ".join(err.split()) and err.count("\n") == 1
