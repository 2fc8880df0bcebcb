"""Names decide which class is which, wherever two of features, head and counts name their classes."""

import itertools
import json
from functools import cache

import numpy as np
import pytest

import penultimate as pen
from command import run
from penultimate.features.naming import one_order
from penultimate.features.sources import ArraySource, Joined, open_features
from penultimate.report.audit.words import paragraphs

NAMES = ("newt", "cat", "axolotl")
LABELS = np.repeat([0, 1, 2], [60, 30, 10])
FEATURES = np.eye(3)[LABELS] * 5 + np.random.default_rng(0).standard_normal((100, 3))
ORDERS = list(itertools.permutations(range(3)))
HEAD = pen.Head((np.diag([3.0, 2.0, 1.0]),), np.array([0.3, 0.2, 0.1]), NAMES)


def turned(head, order, names):
    return pen.Head((head.weights[0][order],), head.bias[order], names)


def said(audit):
    return " ".join(paragraphs(audit))


def figures(audit):
    return {
        name: (n, recall)
        for name, n, recall in zip(audit.counts.names, audit.counts.values, audit.decisions.recall, strict=True)
    }


@cache
def in_order():
    return pen.audit(ArraySource(FEATURES, LABELS, HEAD)), pen.audit_head(HEAD, pen.ClassCounts([60, 30, 10], NAMES))


@pytest.mark.parametrize("of_head", ORDERS)
@pytest.mark.parametrize("of_counts", ORDERS)
def test_every_order_of_the_same_names_gives_the_same_audit(of_head, of_counts):
    expected, alone_expected = in_order()
    head = turned(HEAD, list(of_head), tuple(NAMES[k] for k in of_head))
    counts = pen.ClassCounts({NAMES[k]: [60, 30, 10][k] for k in of_counts})
    audit = pen.audit(ArraySource(FEATURES, LABELS, names=NAMES), head=head, counts=counts)
    assert figures(audit) == figures(expected) and audit.counts.names == NAMES
    np.testing.assert_array_equal(audit.last_layer.alignment.strength, expected.last_layer.alignment.strength)
    alone = pen.audit_head(head, counts)
    assert dict(zip(alone.counts.names, alone.norms, strict=True)) == pytest.approx(
        dict(zip(alone_expected.counts.names, alone_expected.norms, strict=True))
    )


def test_what_was_put_in_order_is_said():
    counts = pen.ClassCounts({"axolotl": 10, "cat": 30, "newt": 60})
    audit = pen.audit(ArraySource(FEATURES, LABELS, names=NAMES), counts=counts)
    assert audit.notes == ("The classes of the counts were put in the order of the features, by their names.",)
    assert audit.notes[0] in said(audit) and audit.to_dict()["notes"] == list(audit.notes)
    assert pen.audit(ArraySource(FEATURES, LABELS, names=NAMES)).notes == ()


def test_without_names_the_order_taken_is_said():
    counts = pen.ClassCounts(
        {
            "newt": 60,
            "cat": 30,
            "axolotl": 10,
        }
    )
    audit = pen.audit(FEATURES, LABELS, counts=counts)
    assert audit.notes == (
        "The features came without class names: 0 is taken as 'newt', 1 as 'cat', 2 as 'axolotl', in the order of the "
        "counts.",
    )
    audit = pen.audit(ArraySource(FEATURES, LABELS, names=NAMES), counts=pen.ClassCounts([60, 30, 10]))
    assert audit.notes[0].startswith("The counts came without class names: 0 is taken as 'newt'")
    assert audit.counts.names == NAMES
    bare = pen.audit_head(pen.Head(HEAD.weights, HEAD.bias), counts)
    assert bare.notes[0].startswith("The head came without class names") and bare.counts.names == NAMES
    assert pen.audit(FEATURES, LABELS, counts=pen.ClassCounts([60, 30, 10])).notes == ()


def test_other_names_are_refused_and_both_sides_are_told():
    source = ArraySource(FEATURES, LABELS, names=NAMES)
    counts = pen.ClassCounts({"newt": 60, "cat": 30, "frog": 10})
    with pytest.raises(pen.FeaturesError, match="'frog' only in the counts, and 'axolotl' only in the features"):
        pen.audit(source, counts=counts)
    with pytest.raises(pen.FeaturesError, match="different classes"):
        pen.audit(source, head=turned(HEAD, [0, 1, 2], ("a", "b", "c")))
    with pytest.raises(pen.FeaturesError, match="different classes"):
        pen.audit_head(HEAD, counts)


def test_numbers_as_names_are_labels():
    counts = pen.ClassCounts({2: 10, 0: 60, 1: 30})
    by_text = pen.ClassCounts([10, 60, 30], ["2", "0", "1"])
    for given_counts in (counts, by_text):
        order = one_order(None, None, given_counts)
        assert order.counts.values.tolist() == [60, 30, 10]
    head = turned(HEAD, [2, 0, 1], ("2", "0", "1"))
    np.testing.assert_array_equal(one_order(None, head, None).head.weights[0], HEAD.weights[0])
    assert (
        pen.audit(FEATURES, LABELS, head=head).decisions.accuracy
        == pen.audit(FEATURES, LABELS, head=HEAD).decisions.accuracy
    )


def test_counts_that_are_those_of_the_features_in_another_order_are_doubted():
    audit = pen.audit(FEATURES, LABELS, counts=pen.ClassCounts([10, 30, 60]))
    assert "The counts are those of the features in another order" in audit.notes[0]


def test_labels_that_fit_the_head_far_better_in_another_order_are_doubted():
    audit = pen.audit(FEATURES, np.array([1, 2, 0])[LABELS], head=pen.Head(HEAD.weights, HEAD.bias))
    assert audit.notes[0].startswith("Labels and head seem to number the classes in different orders")
    assert "instead of" in said(audit)
    # What follows from an order that may be wrong would only mislead.
    assert audit.verdict.startswith(audit.doubts[0]) and "holds" not in audit.verdict


@pytest.mark.parametrize("top", [1000, 10**6, 2**62])
def test_one_damaged_label_does_not_make_a_million_classes(top):
    labels = LABELS.copy()
    labels[-1] = top
    with pytest.raises(pen.FeaturesError, match=f"the largest is {top}, and there are {labels.size} samples in all"):
        pen.audit(FEATURES, labels)
    with pytest.raises(pen.PenultimateError):
        pen.audit(FEATURES, labels, head=HEAD)


def test_classes_that_only_the_largest_label_speaks_for_are_doubted():
    labels = LABELS.copy()
    labels[-1] = 255
    audit = pen.audit(FEATURES, labels)
    assert audit.verdict.startswith("Only 4 of 256 classes have samples: the largest label, 255")
    assert pen.audit(FEATURES, LABELS).doubts == ()


def test_shards_may_count_in_different_orders(tmp_path):
    whole = pen.audit(ArraySource(FEATURES, LABELS, names=NAMES))
    for shard, order in enumerate(([0, 1, 2], [2, 0, 1])):
        rows = slice(shard, None, 2)
        place = np.argsort(order)
        names = np.array([NAMES[k] for k in order])
        np.savez(tmp_path / f"{shard}.npz", H=FEATURES[rows], y=place[LABELS[rows]], classes=names)
    source = open_features(tmp_path)
    assert isinstance(source, Joined) and source.names == NAMES
    audit = pen.audit(source)
    assert audit.counts.values.tolist() == [60, 30, 10]
    np.testing.assert_allclose(audit.statistics.means, whole.statistics.means)
    for one in [source, *source.shards()]:
        batches = [batch.labels for batch in one.batches(3)]
        np.testing.assert_array_equal(np.concatenate(batches), np.concatenate(list(one.labels(3))))


def test_a_checkpoint_of_a_head_in_another_order_is_refused(tmp_path):
    path = tmp_path / "audit.ck"

    def stop(stage, rows):
        if stage == "answers":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pen.audit(FEATURES, LABELS, head=pen.Head(HEAD.weights), checkpoint=path, progress=stop)
    other = pen.Head((HEAD.weights[0][[1, 0, 2]],))
    with pytest.raises(pen.FileError, match=r"of another run \(head differ\)"):
        pen.audit(FEATURES, LABELS, head=other, checkpoint=path)


def test_advice_holds_an_audit_against_counts_by_name(tmp_path):
    audit = pen.audit(ArraySource(FEATURES, LABELS, HEAD))
    counts = pen.ClassCounts({"axolotl": 10, "cat": 30, "newt": 60})
    (tmp_path / "audit.json").write_text(json.dumps(audit.to_dict()))
    for one in (audit, tmp_path / "audit.json"):
        assert pen.advise(counts, audit=one).audited is not None
        with pytest.raises(pen.ProblemError, match="class 'newt' has 60 samples there, 10 here"):
            pen.advise(pen.ClassCounts({"axolotl": 60, "cat": 30, "newt": 10}), audit=one)
        with pytest.raises(pen.FeaturesError, match="different classes"):
            pen.advise(pen.ClassCounts({"a": 60, "b": 30, "c": 10}), audit=one)


def test_the_command_says_it_on_stderr(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "f.npz", H=FEATURES, y=LABELS, classes=np.array(NAMES))
    (tmp_path / "c.csv").write_text("class,count\naxolotl,10\ncat,30\nnewt,60\n")
    status, out, err = run(
        monkeypatch, capsys, "audit", tmp_path / "f.npz", "--counts", tmp_path / "c.csv", "--json", "-"
    )
    assert status == 0 and "put in the order of the features" in err
    rows = {row["class"]: row["count"] for row in json.loads(out)["classes"]}
    assert rows == {"newt": 60, "cat": 30, "axolotl": 10}
