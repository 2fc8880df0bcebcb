"""The spiked discriminant: the model it is for, exact cases, and what it leaves out."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import penultimate as pen
from studies.few_samples_model import SparseModel

Head = pen.heads.SpikedDiscriminantHead


@pytest.mark.parametrize(
    ("width", "counts", "sparse", "spikes"), [(500, (100, 100), 8, 3), (500, (60, 40, 25, 15, 10), 15, 5)]
)
def test_in_the_sparse_model_it_errs_half_as_often_as_the_shrunk_discriminant(width, counts, sparse, spikes):
    ours, theirs, best = [], [], []
    for seed in range(3):
        model = SparseModel(width, len(counts), sparse, spikes, seed)
        X, y = model.draw(counts)
        tested, truth = model.draw([800] * len(counts))
        peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(len(counts), 1 / len(counts)))
        ours.append(np.mean(Head().fit(X, y).predict(tested) != truth))
        theirs.append(np.mean(peer.fit(X, y).predict(tested) != truth))
        best.append(np.mean(model.bayes(tested) != truth))
    assert np.mean(ours) <= 0.5 * np.mean(theirs)
    assert np.mean(ours) <= np.mean(best) + 0.03


def test_spikes_and_coordinates_are_those_of_the_model():
    model = SparseModel(400, 2, 6, 3, 0, distance=5.0)
    X, y = model.draw((150, 150))
    head = Head().fit(X, y)
    assert head.spikes_ == 3
    assert set(head.kept_) >= set(model.told[:3]) and len(head.kept_) <= 10


def test_with_every_spike_and_coordinate_it_is_the_discriminant():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    X = rng.normal(size=(120, 4)) @ rng.normal(size=(4, 4)) + 3 * rng.normal(size=(3, 4))[y]
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=np.full(3, 1 / 3)).fit(X, y).decision_function(X)
    # All directions but the last are spikes, and what is left is the last; equal counts have equal corrections.
    ours = Head(3, screen=None).fit(X, y).decision_function(X)
    scale = (120 - 3) / 120
    np.testing.assert_allclose(
        ours - ours.mean(axis=1, keepdims=True), scale * (theirs - theirs.mean(axis=1, keepdims=True)), rtol=1e-7
    )


def test_means_that_tell_nothing_keep_one_coordinate():
    rng = np.random.default_rng(1)
    head = Head().fit(rng.normal(size=(60, 100)) * np.r_[1.0, np.full(99, 1.0)], np.arange(60) % 2)
    assert 1 <= head.kept_.size <= 3 and head.spikes_ == 0


def test_as_many_coordinates_as_asked_for():
    X, y = SparseModel(60, 3, 5, 1, 0).draw((20, 10, 5))
    assert Head(screen=7).fit(X, y).kept_.size == 7
    assert Head(2, screen=None).fit(X, y).kept_.size == 60


def test_on_collapsed_features_it_is_behind_the_shrunk_discriminant():
    batches = list(pen.datasets.features("cnn-ce-test").batches())
    rows = np.concatenate([batch.features for batch in batches])
    labels = np.concatenate([batch.labels for batch in batches])
    recalls = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(labels))
        drawn = np.concatenate([order[labels[order] == k][:5] for k in range(10)])
        tested = order[-3000:]
        fitted = (one.fit(rows[drawn], labels[drawn]) for one in (Head(), pen.heads.DiscriminantHead()))
        recalls.append([np.mean(one.predict(rows[tested]) == labels[tested]) for one in fitted])
    spiked, shrunk = np.mean(recalls, axis=0)
    assert spiked < shrunk - 0.01
