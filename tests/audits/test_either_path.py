"""A whole audit without Numba and with it: the same figures."""

import numpy as np
import pytest

import penultimate as pen
from penultimate import kernels


def numbers(record, place=()):
    """Every number of a record, by where it stands."""
    if isinstance(record, dict):
        return [found for key, value in record.items() for found in numbers(value, (*place, key))]
    if isinstance(record, list):
        return [found for key, value in enumerate(record) for found in numbers(value, (*place, key))]
    return [(place, record)]


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("gaps", ["refuse", "observed"])
def test_figures_are_the_same(loss, gaps, monkeypatch):
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(5), (90, 40, 40, 9, 4))
    features = rng.normal(size=(5, 6))[labels] + 0.4 * rng.normal(size=(labels.size, 6))
    if gaps == "observed":
        features[rng.random(features.shape) < 0.05] = np.nan
    head = pen.Head((rng.normal(size=(5, 6)),), rng.normal(size=5))
    found = []
    for few in (1000, -1):
        monkeypatch.setattr(kernels, "FEW_CLASSES", few)
        audit = pen.audit(features, labels, head=head, loss=loss, weight_decay=1e-3, gaps=gaps)
        found.append(numbers(audit.to_dict()))
    for (place, one), (where, other) in zip(*found, strict=True):
        assert place == where
        if isinstance(one, float) and isinstance(other, float):
            assert one == pytest.approx(other, rel=1e-6, abs=1e-6), place
        else:
            assert one == other, place
