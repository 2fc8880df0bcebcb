"""Audits of features with gaps: what the features without them say, and what no estimate can mend."""

import json

import numpy as np
import pytest

import penultimate as pen
from command import run
from penultimate.features.passes.observed import ObservedEntries, ObservedPairs, _alike
from penultimate.features.sources.in_memory import gather
from seeds import SEED


@pytest.fixture(scope="module", params=["cnn-mse", "cnn-ce"])
def both(request):
    """An audit of bundled features, and one of the same with a tenth of the entries gone."""
    source = pen.datasets.features(request.param)
    samples = gather(source)
    settings = {"head": source.head, "loss": "mse" if request.param == "cnn-mse" else "ce"}
    holes = np.where(np.random.default_rng(SEED).random(samples.features.shape) < 0.1, np.nan, samples.features)
    whole = pen.audit(samples.features, samples.labels, **settings)
    return whole, pen.audit(holes, samples.labels, gaps="observed", **settings), samples, settings, holes


def centred(statistics):
    return statistics.means - statistics.global_mean


def off(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def test_a_tenth_of_the_entries_gone_leaves_the_same_audit(both):
    whole, found, *_ = both
    means, others = centred(whole.statistics), centred(found.statistics)
    assert off(others, means) < 0.02 and off(others @ others.T, means @ means.T) < 0.02
    assert abs(np.log(found.metrics.nc1 / whole.metrics.nc1)) < 0.01
    assert off(found.statistics.within_scatter, whole.statistics.within_scatter) < 0.05
    # The same verdict, but for how many samples its decisions are counted on.
    said = [audit.verdict.split(". ", 1)[1] for audit in (whole, found)]
    assert said[0] == said[1] and "samples without gaps" in found.verdict
    assert found.gaps.missing == pytest.approx(0.1, abs=0.005) and found.gaps.whole_rows < 60 and found.gaps.p > 1e-4
    low, high = found.intervals["metrics/nc1"]
    assert low < found.metrics.nc1 < high and low < whole.metrics.nc1 < high
    record = found.to_dict()
    assert record["gaps"]["rows"] == 14886 and whole.to_dict()["gaps"] is None and json.dumps(record, allow_nan=False)
    assert "rows are whole" in " ".join(dict(findings_of(found)).values())


def findings_of(audit):
    from penultimate.report.audit.words import findings

    return findings(audit)


def test_without_gaps_nothing_changes_but_the_weights_of_classes(both):
    whole, _, samples, settings, _ = both
    found = pen.audit(samples.features, samples.labels, gaps="observed", **settings)
    np.testing.assert_allclose(found.statistics.means, whole.statistics.means, atol=1e-12)
    np.testing.assert_allclose(found.statistics.spreads, whole.statistics.spreads, rtol=1e-9)
    assert off(found.statistics.within_scatter, whole.statistics.within_scatter) < 1e-3
    assert found.gaps.missing == 0 and found.verdict == whole.verdict


@pytest.mark.parametrize("share", [0.999, 0.9999])
def test_what_overflowed_is_refused(both, share):
    """The largest entries, as NaN: they fall on some classes more than on others, or on all entries of a column."""
    _, _, samples, settings, _ = both
    gone = np.where(samples.features > np.quantile(samples.features, share), np.nan, samples.features)
    with pytest.raises(pen.FeaturesError, match=r"depend on the class|never seen in class"):
        pen.audit(gone, samples.labels, gaps="observed", **settings)


def test_infinity_is_refused_in_words(both):
    _, _, samples, settings, holes = both
    gone = holes.copy()
    gone[5, 3] = np.inf
    with pytest.raises(pen.FeaturesError, match="overflowed"):
        pen.audit(gone, samples.labels, gaps="observed", **settings)


def small(seed=SEED, classes=3, each=60, width=5, gone=0.2):
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(classes), each)
    features = rng.normal(size=(classes, width))[labels] * 3 + rng.normal(size=(classes * each, width))
    return np.where(rng.random(features.shape) < gone, np.nan, features), labels


def summed(features, labels, number=1, cuts=()):
    """Both passes, in one piece or in several that are merged."""
    pieces = np.split(np.arange(len(labels)), list(cuts))
    passes = []
    first = ObservedEntries(3, features.shape[1], number)
    for rows in pieces:
        piece = first.fresh(np.bincount(labels[: rows[0]], minlength=3))
        piece.update(features[rows], labels[rows])
        passes.append(piece)
    for piece in passes:
        first.merge(piece)
    second = ObservedPairs(first)
    for rows in pieces:
        piece = second.fresh(np.bincount(labels[: rows[0]], minlength=3))
        piece.update(features[rows], labels[rows])
        second.merge(piece)
    return first, second


def test_means_variances_and_products_are_those_of_each_pair_of_columns_by_itself():
    """NumPy's covariance of two columns, from the rows that have both, about the means of each column."""
    features, labels = small()
    first, second = summed(features, labels)
    own = [features[labels == k] for k in range(3)]
    np.testing.assert_allclose(first.means([0]), [np.nanmean(rows, axis=0) for rows in own], rtol=1e-12)
    variances = [np.nanvar(rows, axis=0, ddof=1) for rows in own]
    np.testing.assert_allclose(first.squares([0]) / (first.seen[0] - 1), variances, rtol=1e-10)
    there = ~np.isnan(features)
    np.testing.assert_array_equal(second.pairs[0], there.T.astype(float) @ there)
    wanted = 0.0
    for rows in own:
        seen = np.count_nonzero(~np.isnan(rows), axis=0)[[0, 3]]
        both = rows[~np.isnan(rows[:, [0, 3]]).any(axis=1)]
        products = (both[:, 0] - np.nanmean(rows[:, 0])) * (both[:, 3] - np.nanmean(rows[:, 3]))
        wanted += products.sum() * np.sqrt(np.prod(seen / (seen - 1)))
    assert second.products[0, 0, 3] == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("number", [1, 4])
def test_merged_pieces_are_one_pass(number):
    features, labels = small()
    order = np.random.default_rng(SEED).permutation(len(labels))
    features, labels = features[order] + 1e3, labels[order]
    whole, parts = summed(features, labels, number), summed(features, labels, number, cuts=(31, 90))
    for one, other in zip(whole, parts, strict=True):
        for name in ("seen", "samples", "pairs"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    every = list(range(number))
    np.testing.assert_allclose(whole[0].means(every), parts[0].means(every), rtol=1e-12)
    np.testing.assert_allclose(whole[0].squares(every), parts[0].squares(every), rtol=1e-9)
    np.testing.assert_allclose(whole[1].products, parts[1].products, rtol=1e-8, atol=1e-8)


def test_a_checkpoint_holds_all_of_it():
    features, labels = small()
    for one, other in zip(summed(features, labels, 2), summed(features[:1], labels[:1], 2), strict=True):
        other.restore(one.arrays())
        for name, array in one.arrays().items():
            np.testing.assert_array_equal(array, other.arrays()[name])


def test_gaps_at_random_are_not_said_to_depend_on_the_class():
    """Level 1e-4: of 200 columns of every share of gaps none comes near it."""
    rng, samples = np.random.default_rng(SEED), np.array([6000.0, 500.0, 60.0, 10.0, 2.0])
    p = [
        _alike(rng.binomial(samples.astype(int), share).astype(float), samples)
        for share in np.geomspace(1e-4, 0.9, 200)
    ]
    assert min(p) > 1e-5 and np.mean(np.array(p) < 0.05) < 0.12
    assert _alike(np.array([60.0, 5, 30, 0, 0]), samples) < 1e-10


def test_half_of_the_entries_gone_leaves_no_row_whole_and_still_an_audit():
    features, labels = small(each=200, width=12, gone=0.5)
    audit = pen.audit(features, labels, gaps="observed")
    assert audit.gaps.whole_rows <= 3 and audit.to_dict() and audit.verdict
    gone = features.copy()
    gone[np.arange(len(gone)), np.arange(len(gone)) % 12] = np.nan
    audit = pen.audit(gone, labels, gaps="observed")
    assert audit.verdict.startswith("No row is whole") and json.dumps(audit.to_dict(), allow_nan=False)


FEATURES, LABELS = small()
NEVER = np.where((LABELS == 1)[:, None] & (np.arange(5) == 2), np.nan, FEATURES)
APART = np.where(np.arange(5) == (np.arange(len(LABELS)) % 2)[:, None], np.nan, FEATURES)
BAD = {
    "refused by default": (FEATURES, {}, r"gaps='observed'"),
    "a column never seen in a class": (
        NEVER,
        {"gaps": "observed"},
        "column 2 was never seen in class 1|depend on the class",
    ),
    "columns never seen together": (APART, {"gaps": "observed"}, "seen together in 0 samples"),
    "another word": (FEATURES, {"gaps": "fill"}, "gaps='fill'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_one_clear_error(case):
    features, settings, message = BAD[case]
    with pytest.raises(pen.PenultimateError, match=message):
        pen.audit(features, LABELS, **settings)


def test_statistics_alone_take_no_entries():
    with pytest.raises(pen.FeaturesError, match="gaps='observed'"):
        pen.FeatureStatistics(3, 5).update(FEATURES, LABELS, gaps="observed")


def test_weights_and_gaps_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", H=FEATURES, y=LABELS, weights=np.ones(len(LABELS)))
    with pytest.raises(pen.FeaturesError, match="weights"):
        pen.audit(tmp_path / "a.npz", gaps="observed")


def test_the_command_reads_them(monkeypatch, capsys, tmp_path):
    np.savez(tmp_path / "a.npz", H=FEATURES, y=LABELS)
    code, out, _ = run(monkeypatch, capsys, "audit", tmp_path / "a.npz", "--gaps", "observed", "--json", "-")
    assert code == 0 and json.loads(out)["gaps"]["missing"] == pytest.approx(0.2, abs=0.05)
    code, _, err = run(monkeypatch, capsys, "audit", tmp_path / "a.npz")
    assert code == 2 and "--gaps observed" in err and len(err.splitlines()) == 1
