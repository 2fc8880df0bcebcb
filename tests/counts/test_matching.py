"""Names decide which class is which."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.counts.matching import compared, places
from penultimate.errors import CountsError, FeaturesError

NAMES = st.lists(st.text(max_size=5), min_size=2, max_size=8, unique=True)


@given(NAMES, st.randoms(use_true_random=False))
def test_labels_and_values_end_where_their_names_are(names, random):
    wanted = random.sample(names, len(names))
    found = places(names, wanted, "one", "other")
    assert [wanted[place] for place in found] == names
    assert np.array(names, dtype=object)[np.argsort(found)].tolist() == wanted
    some = names[: len(names) - 1]
    assert [wanted[place] for place in places(some, wanted, "VALID", "TRAIN", all_of_them=False)] == some


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (NumberedNames(3), ("ant", "bee", "cat")),
        (("ant", "bee", "cat"), NumberedNames(3)),
        (NumberedNames(3), NumberedNames(3)),
        (("a", "b", "c"), ("a", "b", "c")),
    ],
)
def test_without_names_on_both_sides_the_order_is_taken(names, wanted):
    assert places(names, wanted, "one", "other").tolist() == [0, 1, 2]


def test_numbers_as_names_mean_that_class():
    assert places(("2", "0", "1"), NumberedNames(3), "the counts", "the features").tolist() == [2, 0, 1]
    assert places(NumberedNames(3), ("2", "0", "1"), "the counts", "the features").tolist() == [1, 2, 0]
    assert compared(("2", "0", "1"), NumberedNames(3))


def test_whether_names_were_compared():
    assert compared(("a", "b"), ("b", "a"))
    assert not compared(("a", "b"), NumberedNames(2))
    assert not compared(None, ("a", "b"))


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (("a", "b"), ("a", "c"), "with 'b' only in the counts, and 'c' only in the head"),
        (("a", "b"), ("a", "b", "c"), "there are 2 classes in the counts and 3 in the head, with 'c' only in the head"),
        (("a", "b"), NumberedNames(3), "there are 2 classes in the counts and 3 in the head: give"),
        (("a", "b", "c"), ("a", "b"), "3 classes"),
        (tuple("abcdefg"), tuple("ABCDEFG"), "'a', 'b', 'c' and 4 more"),
    ],
)
def test_other_classes_are_refused_by_name(names, wanted, message):
    with pytest.raises(FeaturesError, match=message):
        places(names, wanted, "the counts", "the head")


def test_some_of_the_classes_will_do_where_that_is_said_but_no_others():
    with pytest.raises(FeaturesError, match="with 'd' only in VALID, and"):
        places(("a", "d"), ("a", "b", "c"), "VALID", "TRAIN", all_of_them=False)


@pytest.mark.parametrize("names", [{"dog": 1, "cat": 0}, {0: "cat", 1: "dog"}, {"cat", "dog"}, frozenset("ab"), 2.0])
def test_names_that_stand_in_no_order_are_refused_wherever_they_are_given(names):
    with pytest.raises(CountsError, match=r"names is .*: give"):
        as_names(names)
    with pytest.raises(CountsError, match=r"names is .*: give"):
        pen.ClassCounts.from_labels([0, 1, 1], classes=names)
    assert as_names({"dog": 1, "cat": 0}.keys()) == ("dog", "cat")  # a mapping's keys have its order
