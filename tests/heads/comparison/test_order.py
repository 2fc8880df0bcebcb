"""Which class is which in TRAIN, VALID and the head: by name, and said where nobody names them."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.heads.comparison.samples import held_out, order_notes

NAMES = ("ant", "bee", "cat", "dog")
HEAD = pen.Head((3 * np.eye(4),), np.array([1.0, 0.5, 0.0, -0.5]), NAMES)

NAMELESS = pen.Head(HEAD.weights, HEAD.bias)


def features(true, seed):
    return np.eye(4)[true] + 0.4 * np.random.default_rng(seed).normal(size=(len(true), 4))


def sources(kept=(0, 1, 2, 3), labels=None, names=None, head=HEAD, train_names=NAMES):
    """Training features of four classes, and held-out ones of those that are kept, labelled as `labels` says."""
    train, valid = np.repeat(np.arange(4), [80, 40, 20, 10]), np.repeat(kept, 40)
    given = np.arange(4) if labels is None else np.asarray(labels)
    return (
        pen.ArraySource(features(train, 0), train, head=head, names=train_names),
        pen.ArraySource(features(valid, 1), given[valid], names=names),
    )


def looked_at(train, valid):
    """What a comparison knows of VALID before it begins: labels in TRAIN's order, and notes."""
    counts = pen.ClassCounts([80, 40, 20, 10], train.names)
    samples = held_out(valid, train.head, counts, 4)
    return samples.labels, order_notes(valid, samples, train.head, counts)


def test_names_in_another_order_are_put_in_order():
    plain, none = looked_at(*sources(names=NAMES))
    turned, notes = looked_at(*sources(labels=(3, 0, 2, 1), names=("bee", "dog", "cat", "ant")))
    np.testing.assert_array_equal(turned, plain)
    assert none == ()
    assert notes == ("The classes of VALID were put in the order of TRAIN, by their names.",)


def test_a_validation_set_encoded_by_itself_with_names():
    labels, _ = looked_at(*sources(kept=(0, 2, 3), labels=(0, -1, 1, 2), names=("ant", "cat", "dog")))
    np.testing.assert_array_equal(labels, np.repeat([0, 2, 3], 40))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("ant", "bee", "cat", "eel"), "VALID and TRAIN name different classes, with 'eel' only in VALID"),
        (
            ("ant", "bee", "cat", "dog", "eel"),
            "5 classes in VALID and 4 in TRAIN, with 'eel' only in VALID: leave their",
        ),
        (("ant", "bee", "cat"), "VALID has label 3 and names 3 classes"),
    ],
)
def test_other_names_are_refused(names, message):
    with pytest.raises(pen.FeaturesError, match=message):
        looked_at(*sources(names=names))


def test_without_names_the_order_taken_is_said():
    _, notes = looked_at(*sources())
    assert notes == (
        "VALID came without class names: 0 is taken as 'ant', 1 as 'bee', 2 as 'cat', …, in the order of TRAIN.",
    )
    assert looked_at(*sources(head=NAMELESS, train_names=None))[1] == ()


def test_names_on_the_side_of_valid_alone_are_not_said_to_have_put_it_in_order():
    labels, notes = looked_at(*sources(head=NAMELESS, train_names=None, names=NAMES))
    np.testing.assert_array_equal(labels, np.repeat(np.arange(4), 40))
    assert notes == (
        "TRAIN came without class names: 0 is taken as 'ant', 1 as 'bee', 2 as 'cat', …, in the order of VALID.",
    )


def test_some_names_of_a_side_whose_other_only_numbers_its_classes_say_nothing():
    """The third of three names is the fourth class, and was taken as the third."""
    given = sources(kept=(0, 1, 3), labels=(0, 1, -1, 2), names=("ant", "bee", "dog"), head=NAMELESS, train_names=None)
    with pytest.raises(pen.FeaturesError, match="VALID names 3 classes, and TRAIN has 4 without names"):
        looked_at(*given)


TEXTS = ("0", "10", "2", "3")  # as texts are sorted


@pytest.mark.parametrize("kept", [(0, 1, 2, 3), (0, 2, 3), (0, 2)])
def test_numbers_mean_the_classes_that_are_called_so(kept):
    head = pen.Head(HEAD.weights, HEAD.bias, TEXTS)
    labels, notes = looked_at(*sources(kept, (0, 10, 2, 3), head=head, train_names=TEXTS))
    np.testing.assert_array_equal(labels, np.repeat(kept, 40))
    (note,) = notes
    assert note == "VALID came without class names: its labels are taken as the names of TRAIN, which are numbers too."


def test_numbers_that_some_class_is_called_are_no_places_in_other_samples():
    head = pen.Head(HEAD.weights, HEAD.bias, TEXTS)
    with pytest.raises(pen.FeaturesError, match="VALID has label 1, which is none of the names of TRAIN, all of them"):
        looked_at(*sources(labels=(0, 1, 2, 3), head=head, train_names=TEXTS))
    tens = ("10", "20", "30", "40")
    labels, notes = looked_at(*sources(head=pen.Head(HEAD.weights, HEAD.bias, tens), train_names=tens))
    np.testing.assert_array_equal(labels, np.repeat(np.arange(4), 40))
    assert notes[0].startswith("VALID came without class names: 0 is taken as '10'")


@pytest.mark.parametrize(
    ("kept", "labels"), [((0, 2, 3), (0, -1, 1, 2)), ((0, 1, 2, 3), (1, 2, 3, 0)), ((0, 1, 2, 3), (3, 2, 1, 0))]
)
def test_labels_that_look_permuted_are_said(kept, labels):
    train, valid = sources(kept, labels, head=NAMELESS, train_names=None)
    _, (note,) = looked_at(train, valid)
    assert note.startswith("The labels of VALID and head seem to number the classes in different orders")
    true = np.repeat(kept, 40)
    answers = HEAD.predict(features(true, 1))
    right, wrong = np.mean(answers == true), np.mean(answers == np.asarray(labels)[true])
    assert f"right on {100 * right:.1f} % of the samples instead of {100 * wrong:.1f} %" in note


def test_a_comparison_puts_the_head_in_order_and_says_what_it_doubts():
    rows = np.array([2, 0, 3, 1])
    turned = pen.Head((HEAD.product[rows],), HEAD.offset[rows], tuple(NAMES[k] for k in rows))
    train, valid = sources(labels=(3, 2, 1, 0), head=None)
    comparison = pen.compare_heads(train, valid, head=turned)
    ordered, taken, doubt = comparison.notes
    assert "The classes of the head were put in the order of the features" in ordered
    assert "VALID came without class names" in taken and "different orders" in doubt
    assert comparison.verdict.startswith(ordered) and doubt in comparison.verdict
    assert comparison.to_dict()["notes"] == list(comparison.notes)
    assert comparison.head.names == NAMES


def test_the_command_says_it_on_stderr_too(penultimate, tmp_path):
    train, _ = sources()
    batch = next(iter(train.batches()))
    classes = np.array(NAMES)[[2, 0, 3, 1]]
    np.savez(tmp_path / "head.npz", W=HEAD.product, b=HEAD.offset, classes=classes)
    np.savez(tmp_path / "train.npz", H=batch.features, y=batch.labels, classes=np.array(NAMES))
    status, _, err = penultimate("heads", tmp_path / "train.npz", "--head", tmp_path / "head.npz", "--json", "-")
    assert status == 0 and "The classes of the head were put in the order of the features" in err
