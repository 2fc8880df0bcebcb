"""Samples in groups: the test keeps its level where frames of videos break it, and is the same for single samples."""

import numpy as np
import pytest

import penultimate as pen
from command import run
from penultimate.drifts.groups import design_effect, one_of_each
from seeds import SEED

K, WIDTH, FRAMES = 3, 5, 6
MEANS = 4 * np.eye(K, WIDTH)


def videos(number, seed, frames=FRAMES, alike=0.8, shift=0.0):
    """Frames of so many videos of each class, their features and groups; `alike` of the variance is the video's."""
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(K), number)
    own = MEANS[labels] + np.sqrt(alike) * rng.normal(size=(len(labels), WIDTH))
    own[labels == 2] += shift * (MEANS[0] - MEANS[2])
    rows = np.repeat(np.arange(len(labels)), frames)
    features = own[rows] + np.sqrt(1 - alike) * rng.normal(size=(len(rows), WIDTH))
    return pen.ArraySource(features, labels[rows]), rows


def test_a_design_effect_is_that_of_the_variance_of_a_mean():
    """Of equal groups 1 + (frames − 1) ρ (Kish 1965), over many groups; never below 1."""
    rng = np.random.default_rng(SEED)
    for alike in (0.0, 0.5, 1.0):
        z = np.sqrt(alike) * np.repeat(rng.normal(size=(4000, 2)), FRAMES, axis=0)
        z = z + np.sqrt(1 - alike) * rng.normal(size=z.shape)
        found = design_effect(z, np.repeat(np.arange(4000), FRAMES))
        assert found == pytest.approx(1 + (FRAMES - 1) * alike, rel=0.1)
    assert design_effect(z, np.arange(len(z))) == 1.0
    assert design_effect(np.array([[1.0], [-1.0]]), np.array([7, 7])) == 1.0
    assert design_effect(np.zeros((6, 1)), np.array([0, 0, 0, 1, 1, 1])) == 3.0
    assert one_of_each(np.array([3, 1, 3, 1, 2])).tolist() == [0, 1, 4]


def test_groups_keep_the_level_that_frames_of_videos_break():
    """Bounds of three standard errors of 90 classes."""
    found = {"groups": [], "none": []}
    for draw in range(30):
        (one, first), (other, second) = videos(30, 2 * draw + 999 * SEED), videos(20, 2 * draw + 1 + 999 * SEED)
        found["groups"].append(pen.drift(one, other, groups=(first, second)).p)
        found["none"].append(pen.drift(one, other).p)
    share = {how: np.mean(np.array(p) < 0.05) for how, p in found.items()}
    assert share["groups"] < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 90) and share["none"] > 0.3


def test_a_shift_of_many_videos_is_found():
    (one, first), (other, second) = videos(60, SEED), videos(60, SEED + 1, shift=0.4)
    drift = pen.drift(one, other, groups=(first, second))
    assert drift.moved.tolist() == [False, False, True] and drift.of_the_way[2] == pytest.approx(0.4, abs=0.12)
    assert "180 groups of 1,080 samples in the reference" in drift.notes[-1]
    assert drift.p[2] > pen.drift(one, other).p[2]


def test_groups_of_single_samples_change_nothing():
    (one, _), (other, _) = videos(40, SEED, frames=1), videos(25, SEED + 1, frames=1, shift=0.3)
    plain = pen.drift(one, other)
    for groups in ((np.arange(120), np.arange(75)), (None, np.arange(75)), (np.arange(120).astype(str), None)):
        np.testing.assert_allclose(pen.drift(one, other, groups=groups).p, plain.p, rtol=1e-12)


def test_intervals_of_recall_widen_with_groups():
    (one, first), (other, second) = videos(30, SEED, alike=1.0), videos(30, SEED + 1, alike=1.0, shift=0.5)
    head = pen.Head((MEANS,), -0.5 * np.sum(MEANS**2, axis=1))
    plain, grouped = (pen.drift(one, other, head=head, groups=groups) for groups in (None, (first, second)))
    # Frames that are copies are as good as one: thirty answers.
    np.testing.assert_allclose(grouped.effective[1], 30)
    size = [np.ptp(drift.lost_interval[2]) for drift in (plain, grouped)]
    assert size[1] > 2 * size[0] and grouped.lost[2] == plain.lost[2]
    interval = grouped.to_dict()["classes"][2]["recall_interval"]
    np.testing.assert_allclose(interval, grouped.recall_intervals[1][2])


def test_few_groups_are_named_and_not_judged():
    (one, first), (other, second) = videos(30, SEED), videos(8, SEED + 1, shift=0.5)
    drift = pen.drift(one, other, groups=(first, second))
    assert {outcome.name for outcome in drift.outcomes} == {"FEW_GROUPS"} and np.isnan(drift.p).all()
    assert "fewer than twenty groups" in drift.verdict and drift.of_the_way[2] > 0.2


def test_the_second_test_takes_one_sample_of_each_group():
    (one, first), (other, second) = videos(25, SEED), videos(25, SEED + 1)
    grouped = pen.drift(one, other, shape="mmd", groups=(first, second))
    plain = pen.drift(one, other, shape="mmd")
    # Copies look like a difference that is none; of three classes one may be the exception either way.
    assert np.median(plain.shape_p) < 0.01 < np.median(grouped.shape_p)


def test_groups_are_read_beside_the_features(monkeypatch, capsys, tmp_path):
    (one, first), (other, second) = videos(30, SEED), videos(25, SEED + 1)
    for name, source, groups in (("a", one, first.astype(str)), ("b", other, second)):
        batch = next(source.batches())
        np.savez(tmp_path / f"{name}.npz", H=batch.features, y=batch.labels, video=groups)
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    drift = pen.drift(*paths, groups="video")
    np.testing.assert_allclose(drift.p, pen.drift(one, other, groups=(first, second)).p)
    code, _, err = run(monkeypatch, capsys, "drift", *paths, "--groups", "video")
    assert code == 0 and "90 groups of 540 samples" in " ".join(err.split())
    code, _, err = run(monkeypatch, capsys, "drift", *paths, "--groups", "clip")
    assert code == 2 and "there is no array 'clip'" in err and len(err.splitlines()) == 1
    code, _, err = run(monkeypatch, capsys, "drift", "cnn-ce", "cnn-ce-test", "--groups", "video")
    assert code == 2 and len(err.splitlines()) == 1


ONE, FIRST = videos(4, 0)
BAD = {
    "too few": ((FIRST[:-1], FIRST), "one whole number or name for each sample"),
    "shares": ((FIRST / 2, FIRST), "one whole number or name"),
    "a name missing": ((np.array([None, *"ab" * 3], dtype=object).repeat(24)[: len(FIRST)], FIRST), "one whole number"),
    "no pair": (FIRST, "a pair"),
    "no file": ("video", "the reference is no file of features"),
}


@pytest.mark.parametrize("case", BAD)
def test_groups_that_are_none_are_one_clear_error(case):
    groups, message = BAD[case]
    with pytest.raises(pen.FeaturesError, match=message):
        pen.drift(ONE, ONE, groups=groups)


def test_groups_of_statistics_are_refused():
    statistics = pen.FeatureStatistics.from_features(*next(ONE.batches())[:2])
    with pytest.raises(pen.FeaturesError, match="statistics keep no samples"):
        pen.drift(ONE, statistics, groups=(FIRST, FIRST))
