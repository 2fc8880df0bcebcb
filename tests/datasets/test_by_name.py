"""What a user gives as features is told apart without a look at what it holds."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.datasets.by_name import is_source, source_of


class Watched(pen.ArraySource):
    """A source that says when its fingerprint is taken."""

    @property
    def fingerprint(self):
        raise AssertionError("nobody needs it here")


def test_a_source_is_told_without_its_fingerprint_and_taken_as_it_is():
    assert is_source(Watched(np.eye(2), np.arange(2)))
    source = pen.ArraySource(np.eye(2), np.arange(2))
    assert source_of(source) is source


def test_an_array_is_no_source():
    assert not is_source(np.eye(2))
    with pytest.raises(pen.FeaturesError, match="needs labels"):
        source_of(np.eye(2))
