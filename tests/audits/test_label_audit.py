"""Audits of several labels a sample: planted shares, exact minimisers, shards, files, and what is refused."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_array

import penultimate as pen
from command import run

COUNTS = np.geomspace(0.4, 0.01, 12)


def planted(seed, beyond, within, samples=4000, width=30):
    """Correlated labels; features with given shares relative to the additive one, orthogonal in the sample."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((samples, 3)) @ rng.standard_normal((3, 12)) + rng.standard_normal((samples, 12))
    targets = (latent > np.quantile(latent, 1 - COUNTS, axis=0).diagonal()).astype(float)
    additive = targets @ rng.standard_normal((12, width))
    _, which = np.unique(targets, axis=0, return_inverse=True)
    extra = rng.standard_normal((which.max() + 1, width))[which.ravel()]
    basis = np.column_stack([targets, np.ones(samples)])
    extra -= basis @ np.linalg.lstsq(basis, extra, rcond=None)[0]
    size = np.sum((additive - additive.mean(0)) ** 2)
    extra *= np.sqrt(beyond * size / np.sum(extra**2))
    noise = rng.standard_normal((samples, width)) * np.sqrt(within * size / (samples * width))
    return additive + extra + noise, targets


@pytest.mark.parametrize("seed, beyond, within", [(0, 0.25, 0.5), (1, 0.0, 0.5), (2, 0.1, 2.0), (3, 0.5, 0.1)])
def test_planted_shares_are_found(seed, beyond, within):
    features, targets = planted(seed, beyond, within)
    shares = pen.audit_label_sets(features + 100.0, targets).shares
    true = np.array([1.0, beyond, within]) / (1.0 + beyond + within)
    assert [shares.additive, shares.beyond, shares.within] == pytest.approx(true, abs=0.01)
    assert shares.sets == len(np.unique(targets, axis=0))
    assert (abs(shares.lack_of_fit - 1) < 0.1) == (beyond == 0.0)


def minimiser(layers=1, decay=0.03):
    """Features and head of an exact minimiser, with a rotation and an offset that no loss can see."""
    rng = np.random.default_rng(9)
    targets = (rng.random((400, 8)) < np.linspace(0.4, 0.03, 8)).astype(float)
    targets[:, 1] = np.maximum(targets[:, 1], targets[:, 5])
    forecast = pen.forecast(pen.LabelScatter.from_labels(targets), decay, layers=layers, feature_ratio=0.7)
    geometry = forecast.geometry
    rotation = np.linalg.qr(rng.standard_normal((20, geometry.features.size)))[0]
    along = (targets - geometry.bias) @ geometry.spectrum.vectors
    features = (along * geometry.features / geometry.spectrum.sigma) @ rotation.T + 3.0
    # All layers as one: their product has the strength over the features.
    through = np.divide(geometry.strength, geometry.features, out=np.zeros(8), where=geometry.features > 0)
    return forecast, features, targets, (geometry.spectrum.vectors * through) @ rotation.T


@pytest.mark.parametrize("layers", [1, 3])
def test_an_exact_minimiser(layers):
    forecast, features, targets, weights = minimiser(layers)
    audit = pen.audit_label_sets(features, targets, head=pen.Head((weights,)))
    assert audit.product == pytest.approx(np.diag(forecast.geometry.strength), abs=1e-9)
    assert audit.lift == pytest.approx(forecast.lift, abs=1e-10)
    assert audit.shares.additive == pytest.approx(1.0, abs=1e-10) and abs(audit.shares.within) < 1e-10
    law = audit.law
    assert law.layers == layers and law.fits and law.right == 1.0 and law.error < 1e-9
    assert law.kappa == pytest.approx(forecast.problem.kappa(400), rel=1e-9)
    assert audit.expected_lift == pytest.approx(forecast.lift, abs=1e-9)
    assert audit.label_vectors @ audit.label_vectors.T == pytest.approx(forecast.geometry.label_gram, abs=1e-9)
    assert f"the law of {'1 layer,' if layers == 1 else '3 layers,'}" in audit.verdict


def test_separation_is_that_of_a_regression():
    features, targets = planted(1, 0.0, 2.0, samples=500, width=6)
    audit = pen.audit_label_sets(features, targets)
    basis = np.column_stack([features, np.ones(500)])
    for k in range(12):
        left = targets[:, k] - basis @ np.linalg.lstsq(basis, targets[:, k], rcond=None)[0]
        assert audit.separation[k] == pytest.approx(1 - left.var() / targets[:, k].var(), abs=1e-9)
        fit = targets[:, k] - left
        on = targets[:, k] > 0
        spread = np.sqrt((fit[on].var() * on.sum() + fit[~on].var() * (~on).sum()) / 500)
        assert audit.distance[k] == pytest.approx((fit[on].mean() - fit[~on].mean()) / spread, rel=1e-9)


def test_strengths_without_a_law_get_no_forecast():
    _, features, targets, weights = minimiser()
    odd = pen.Head((weights * np.linspace(1.5, 0.2, 8)[:, None],))
    audit = pen.audit_label_sets(features, targets, head=odd)
    assert not audit.law.fits and audit.expected_lift is None and "No law of one to four layers fits" in audit.verdict
    assert pen.audit_label_sets(features, targets, head=odd, loss="bce:sqrt").law is None
    assert "too few to read a law" in pen.audit_label_sets(features, targets, head=pen.Head((0 * weights,))).verdict


def test_shards_add_up_in_any_order_and_weights_repeat():
    features, targets = planted(0, 0.25, 0.5, samples=300)
    whole = pen.LabelStatistics.from_features(features + 1e4, targets)
    parts = [
        pen.LabelStatistics(12, 30).update(features[a:b] + 1e4, csr_array(targets[a:b]))
        for a, b in ((0, 40), (40, 300))
    ]
    names = [[str(k) for k in np.flatnonzero(row)] for row in targets]
    lists = pen.LabelStatistics([str(k) for k in range(12)], 30).update(features + 1e4, names)
    ones = pen.LabelStatistics(12, 30).update(features + 1e4, targets, weights=np.full(300, 2.0))
    for other in (parts[0] + parts[1], parts[1] + parts[0], lists, pen.LabelStatistics(12, 30) + whole):
        assert vars(pen.audit_label_sets(other).shares) == pytest.approx(
            vars(pen.audit_label_sets(whole).shares), abs=1e-9
        )
        assert other.cross == pytest.approx(whole.cross, abs=1e-6)
    assert ones.scatter == pytest.approx((whole + whole).scatter, rel=1e-9) and ones.samples == 600


def test_label_sets_that_do_not_repeat_leave_the_additive_share_alone():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(200, 3))
    features = targets @ rng.normal(size=(3, 5)) + rng.normal(size=(200, 5))
    shares = pen.audit_label_sets(features, targets).shares
    basis = np.column_stack([targets, np.ones(200)])
    left = features - basis @ np.linalg.lstsq(basis, features, rcond=None)[0]
    total = np.sum((features - features.mean(0)) ** 2)
    assert shares.additive == pytest.approx(1 - np.sum(left**2) / 196 / (total / 199)) and shares.beyond is None
    single = pen.audit_label_sets(rng.normal(size=(4, 2)), [["cat", "pet"], ["pet"], ["cat"], []])
    assert single.shares.sets == 4 and single.shares.within is None and "is not known" in single.verdict


def test_files_and_the_command(tmp_path, monkeypatch, capsys):
    _, features, targets, weights = minimiser()
    names = [f"tag{k}" for k in range(8)]
    held = {"W": weights, "b": np.zeros(8), "classes": np.array(names)}
    np.savez(tmp_path / "dense.npz", H=features, y=targets.astype(np.uint8), **held)
    sparse = csr_array(targets)
    np.savez(tmp_path / "sparse.npz", H=features, indptr=sparse.indptr, indices=sparse.indices, **held)
    (tmp_path / "shards").mkdir()
    for part, rows in enumerate((slice(0, 150), slice(150, 400))):
        np.savez(tmp_path / "shards" / f"{part}.npz", H=features[rows], y=targets[rows].astype(np.uint8), **held)
    expected = pen.audit_label_sets(features, targets, head=pen.Head((weights,)), names=names).to_dict()["labels"]
    for name in ("dense.npz", "sparse.npz", "shards"):
        code, out, _ = run(monkeypatch, capsys, "audit", tmp_path / name, "--json", "-")
        found = json.loads(out)["labels"]
        assert code == 0 and [row["label"] for row in found] == names
        assert [row["lift"] for row in found] == pytest.approx([row["lift"] for row in expected])
    code, out, _ = run(monkeypatch, capsys, "audit", tmp_path / "dense.npz", "--html", tmp_path / "a.html")
    assert code == 0 and "is a sum of one vector a label" in out and "tag7" in (tmp_path / "a.html").read_text()
    code, _, err = run(monkeypatch, capsys, "audit", tmp_path / "dense.npz", "--gaps", "drop")
    assert code == 2 and "several labels a sample" in err
    # A head in another order is put in that of the labels.
    turned = pen.Head((weights[::-1],), names=tuple(names[::-1]))
    again = pen.audit_label_sets(tmp_path / "dense.npz", head=turned)
    assert again.lift == pytest.approx([row["lift"] for row in expected])


H, Y = np.eye(4), np.array([[1, 0], [1, 1], [0, 0], [0, 1]])


@pytest.mark.parametrize(
    "features, targets, options, words",
    [
        (H, None, {}, "needs targets"),
        (H, Y[:3], {}, "shape (3, 2) for 4 samples"),
        (H, np.where(Y, np.nan, 0.0), {}, "row 0, label 0 is nan"),
        (np.where(H, np.nan, 0.0), Y, {}, "row 0 hold NaN"),
        (H, np.zeros((4, 2)), {}, "same in all samples"),
        (H, [["cat"], "pet", [], []], {}, "one label and no list"),
        (H, [["cat"], ["dog"], [], []], {"names": ["cat"]}, "'dog', which is none of the 1 labels"),
        (H, Y, {"names": ["a", "b", "c"]}, "and 3 labels"),
        (H, Y, {"head": pen.Head((np.ones((3, 4)),))}, "3 classes"),
        (H, Y, {"head": pen.Head((np.ones((2, 5)),))}, "width"),
        (H, Y, {"loss": "la:1"}, "unknown loss 'la'"),
        (H[:1], [["cat"]], {}, "at least two"),
        (H, np.zeros((4, 4097)), {}, "4,097 labels: an audit needs all directions"),
        ("cnn-mse", Y, {}, "targets in memory are for arrays"),
    ],
)
def test_bad_input_is_refused_in_words(features, targets, options, words):
    with pytest.raises(pen.PenultimateError) as caught:
        pen.audit_label_sets(features, targets, **options)
    assert words in str(caught.value)


def test_a_statistic_that_no_memory_holds_is_refused():
    with pytest.raises(pen.FeaturesError, match="does not fit into memory"):
        pen.LabelStatistics(2, 1 << 40)


def test_a_row_is_counted_from_the_first_batch_on():
    statistics = pen.LabelStatistics(2, 4).update(H, Y)
    with pytest.raises(pen.FeaturesError, match="row 5 hold NaN"):
        statistics.update(np.where(np.arange(4)[:, None] == 1, np.nan, H), Y)
    with pytest.raises(pen.CountsError, match="row 6, label 1 is nan"):
        statistics.update(H, np.where((np.arange(4)[:, None] == 2) & (np.arange(2) == 1), np.nan, Y))
    assert statistics.samples == 4


def test_one_label_a_sample_and_several_name_each_other(tmp_path):
    with pytest.raises(pen.FeaturesError, match=r"pen\.audit_label_sets"):
        pen.audit(H, Y)
    np.savez(tmp_path / "several.npz", H=H, y=Y)
    np.savez(tmp_path / "one.npz", H=H, y=np.arange(4))
    np.savez(tmp_path / "wrong.npz", H=H, indptr=np.array([0, 1, 2, 3, 9]), indices=np.array([0, 1, 0]))
    np.savez(tmp_path / "short.npz", H=H, y=Y[:3])
    for name, call, words in (
        ("several.npz", pen.audit, "pen.audit_label_sets"),
        ("one.npz", pen.audit_label_sets, "use pen.audit"),
        ("wrong.npz", pen.audit_label_sets, "are no rows of a matrix"),
        ("short.npz", pen.audit_label_sets, r"shape \(3, 2\) for 4 samples"),
    ):
        with pytest.raises(pen.FeaturesError, match=words):
            call(tmp_path / name)


def test_estimates_just_outside_the_range_of_a_share_are_told_at_its_ends():
    features = np.tile([[1.0, 0.0], [-1.0, 0.0]], (4, 1))  # the same mean whatever the labels
    audit = pen.audit_label_sets(features, np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], 2, axis=0))
    assert audit.shares.additive < 0 and audit.shares.within > 1
    assert "0.0 % is a sum of one vector a label" in audit.verdict and "100.0 % lies within" in audit.verdict


@pytest.mark.parametrize(
    ("targets", "words"),
    [([[3], [0], [1]], "single column of whole numbers is the class"), ([[2, -1], [0, 1], [1, -1]], "may be ids")],
)
def test_whole_numbers_that_are_no_label_sets_are_refused_and_amounts_are_not(targets, words):
    features = np.random.default_rng(0).normal(size=(3, 2))
    with pytest.raises(pen.CountsError, match=words):
        pen.audit_label_sets(features, np.array(targets))
    assert pen.audit_label_sets(features, np.array(targets, dtype=float)).targets.kind == "real"
