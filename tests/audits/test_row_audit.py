import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import penultimate as pen
from penultimate.forecasts.sphere_law import sphere_margins
from penultimate.forecasts.width_margin import Width, width_margin
from penultimate.report.row_audit.page import page

COUNTS = pen.ClassCounts({f"class {k}": max(2, round(1e5 / (k + 1))) for k in range(400)})


def directions(classes, dimension, seed=0):
    rows = np.random.default_rng(seed).normal(size=(classes, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def planted(noise=0.03, dimension=40, counts=COUNTS):
    """Rows of the law's lengths, with noise, in random directions about a mean row."""
    seen = counts.values > 0
    lengths = np.ones(counts.classes)
    law = sphere_margins(counts.values[seen] / counts.samples, np.ones(seen.sum(), dtype=int), 12.0)
    lengths[seen] = law / 10 * (1 + noise * np.random.default_rng(1).normal(size=law.size))
    rows = directions(counts.classes, dimension)
    rows = lengths[:, None] * (rows - rows.mean(axis=0))
    return rows


def audited(rows, counts=COUNTS, **more):
    return pen.audit_head(pen.Head((rows,), np.zeros(len(rows))), counts, **more)


def test_figures_are_those_of_dense_linear_algebra():
    rows = planted() + 3.0
    audit = audited(rows)
    centred = rows - rows.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)
    np.testing.assert_allclose(audit.singular_values, values)
    np.testing.assert_allclose(audit.norms, np.linalg.norm(centred, axis=1))
    equal = np.linalg.svd(centred / audit.norms[:, None], compute_uv=False)
    np.testing.assert_allclose(audit.equal_length_values, equal)
    scaled = equal * (values @ equal) / (equal @ equal)
    assert audit.from_equal_lengths == pytest.approx(np.linalg.norm(values - scaled) / np.linalg.norm(values))
    assert audit.from_flat == pytest.approx(np.linalg.norm(values - values.mean()) / np.linalg.norm(values))
    assert audit.participation == pytest.approx(np.sum(values**2) ** 2 / np.sum(values**4))
    assert audit.mean_row_share == pytest.approx(
        np.sum(rows.mean(axis=0) ** 2) / np.mean(np.sum(rows**2, axis=1)), rel=1e-9
    )
    assert audit.longest.tolist() == np.argsort(-audit.norms)[:10].tolist()
    assert audit.shortest[0] == audit.norms.argmin()


def test_lengths_of_the_law_are_explained_and_drawn():
    audit = audited(planted())
    assert audit.lengths.law.share > 0.8 and audit.charts == ("lengths", "spectrum")
    assert "Counts explain" in audit.verdict and "of the variance of row lengths by the law, at most" in audit.verdict
    np.testing.assert_allclose(audit.law_norms, audit.norms, rtol=0.3)


def test_rows_of_one_length_are_not_explained_and_no_chart_holds_them_against_a_law():
    rows = directions(400, 40)
    audit = audited((1 + 0.1 * np.random.default_rng(3).normal(size=(400, 1))) * (rows - rows.mean(axis=0)))
    assert "Counts do not explain this head's row lengths: at most" in audit.verdict
    assert audit.charts == ("spectrum",) and np.isnan(audit.law_norms).all()
    assert "grow" not in audit.verdict and "forecast" not in audit.verdict.lower()


def test_untrained_rows_zeros_and_copies_leave_all_that_follows():
    rows = planted()
    rng = np.random.default_rng(5)
    gone = np.sort(rng.permutation(400)[:44])
    rows[gone[:40]] = 5 * directions(1, 40, 9) + 1e-3 * rng.normal(size=(40, 40))
    rows[gone[40]] = 0.0
    rows[gone[42]] = rows[gone[41]] = rows[gone[43]]
    audit = audited(rows)
    assert set(gone[:40]) <= set(audit.untrained) <= set(gone) and set(audit.kept) == set(range(400)) - set(gone)
    kept = np.delete(rows, gone, axis=0)
    values = np.linalg.svd(kept - kept.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(audit.singular_values, values)
    assert "40 of 400 classes (10 %)" in audit.verdict and "44 rows that were never trained" in audit.verdict
    assert np.isnan(audit.norms[gone]).all()
    record = audit.to_dict()
    assert record["kept"] == 356 and record["classes"][int(gone[0])]["head_norm"] is None
    assert audit.lengths.law.share > 0.8  # whatever the untrained rows' counts say


def test_the_spectrum_is_never_held_against_counts():
    """Classes that are alike make a spectrum; the same rows under other counts have the same sentence."""
    rng = np.random.default_rng(0)
    rows = np.repeat(directions(40, 40, 2) * np.geomspace(1, 0.02, 40)[:, None], 10, axis=0)
    rows = rows + 0.02 * rng.normal(size=(400, 40))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    one, other = audited(rows), audited(rows, pen.ClassCounts(rng.permutation(COUNTS.values)))
    said = "It comes from which classes are alike, not from counts."
    assert said in one.verdict and said in other.verdict
    assert one.to_dict()["spectrum"] == other.to_dict()["spectrum"]
    assert not {"forecast", "scale", "shape_error"} & one.to_dict()["spectrum"].keys()


def test_untrained_classes_that_have_samples_are_counted():
    rows = planted()
    rows[:100] = rows[0]
    counts = pen.ClassCounts(np.where(np.arange(400) < 90, COUNTS.values, 0))
    audit = audited(rows, counts, weight_decay=1e-3)
    assert "The classes of 90 of them do have samples." in audit.verdict
    assert audit.width is None and audit.lengths is None and audit.charts == ("spectrum",)
    assert "z₀" not in audit.verdict and "explain" not in audit.verdict
    few = audited(rows, pen.ClassCounts(np.where(np.arange(400) < 390, COUNTS.values, 0)), proxy_counts=True)
    assert "By these frequencies, the classes of 100 of them do have samples." in few.verdict


def test_of_equal_counts_there_is_no_sentence():
    audit = audited(planted(), pen.ClassCounts(np.full(400, 50.0)))
    assert audit.lengths is None and "ount" not in audit.verdict
    assert "explained" not in str(audit.to_dict()["lengths"])


def test_with_proxy_counts_every_sentence_on_counts_says_so():
    for rows in (planted(), directions(400, 40), planted()[:50]):
        counts = pen.ClassCounts(COUNTS.values[: len(rows)])
        audit = audited(rows, counts, proxy_counts=True)
        sentences = [part for part in audit.verdict.replace("? ", ". ").split(". ") if "count" in part.lower()]
        assert sentences and all(part.startswith("By these frequencies") for part in sentences)
        assert audit.to_dict()["counts"]["proxy"] is True


def test_the_width_is_spoken_of_only_with_a_decay():
    assert audited(planted()).width is None and "z₀" not in audited(planted()).verdict
    known = audited(planted(), weight_decay=1e-3)
    shares = COUNTS.values / COUNTS.samples
    assert known.width.margin == pytest.approx(np.log(np.sum(np.sqrt(shares)) / 1e-3))
    assert f"{known.width.margin:.3g}" in known.verdict and known.width.width.value in known.verdict
    given = audited(planted(), problem=pen.Problem.from_decays(1e-3, feature_ratio=4.0, loss="ce"))
    assert given.width.margin == pytest.approx(known.width.margin - np.log(2))


@pytest.mark.parametrize(
    ("decay", "dimension", "expected"),
    [(1e-4, 512, Width.FREE), (1e-4, 40, Width.BINDS), (1e-4, 12, Width.BEYOND), (0.5, 512, Width.BEYOND)],
)
def test_what_the_width_does(decay, dimension, expected):
    assert width_margin(COUNTS.values, dimension, pen.Problem.from_decays(decay)).width is expected


def test_few_classes_are_not_judged():
    audit = audited(planted()[:12, :5], pen.ClassCounts(COUNTS.values[:12]))
    assert audit.lengths is None and "cannot be judged: too few classes" in audit.verdict
    assert "With fewer than 64 classes only copies and zero rows" in audit.verdict


def test_squared_error_is_used_only_when_it_is_asked_for():
    rows = planted()
    assert isinstance(audited(rows), pen.RowAudit) and isinstance(audited(rows, loss="ce"), pen.RowAudit)
    audit = pen.audit_head(pen.Head((rows[:12, :5],), np.zeros(12)), COUNTS.values[:12], loss="mse")
    assert isinstance(audit, pen.HeadAudit) and "squared error keeps the strongest d directions" in audit.verdict
    assert isinstance(pen.audit_head(pen.Head((np.eye(5, 4),)), [5, 4, 3, 2, 1]), pen.HeadAudit)
    assert isinstance(pen.audit_head(pen.Head((np.arange(3.0)[:, None],)), [5, 4, 3]), pen.HeadAudit)


def test_another_softmax_loss_is_named():
    assert (
        "plain cross-entropy, and this head is said to be trained with la:1" in audited(planted(), loss="la:1").verdict
    )


def test_several_layers_are_audited_by_their_product():
    rows, mix = planted(dimension=6), np.random.default_rng(2).normal(size=(6, 50))
    audit = pen.audit_head(pen.Head((mix, rows)), COUNTS)
    assert isinstance(audit, pen.RowAudit)
    product = rows @ mix
    np.testing.assert_allclose(audit.norms, np.linalg.norm(product - product.mean(axis=0), axis=1))


def test_names_put_counts_in_order_and_others_are_refused():
    rows, order = planted(), np.random.default_rng(0).permutation(400)
    names = [COUNTS.names[k] for k in order]
    moved = pen.audit_head(pen.Head((rows[order],), names=names), COUNTS)
    plain = pen.audit_head(pen.Head((rows,), names=COUNTS.names), COUNTS)
    assert moved.lengths.law.share == pytest.approx(plain.lengths.law.share)
    assert "put in the order" in moved.verdict
    with pytest.raises(pen.FeaturesError):
        pen.audit_head(pen.Head((rows,), names=[f"other {k}" for k in range(400)]), COUNTS)
    with pytest.raises(pen.FeaturesError, match=r"400 classes and the counts have 399.*rows that only pad"):
        audited(rows, pen.ClassCounts(COUNTS.values[:399]))


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"merged_at": 0.9}, pen.ProblemError, "merged_at is for heads of at most d \\+ 1 classes"),
        ({"merged_at": 2.0}, pen.ProblemError, "is a cosine"),
        ({"loss": "mse", "proxy_counts": True}, pen.ProblemError, "proxy_counts is for heads"),
        ({"weight_decay": -1.0}, pen.ProblemError, "positive"),
        ({"loss": "hinge"}, pen.ProblemError, "unknown loss"),
    ],
)
def test_what_does_not_fit_is_refused(more, error, message):
    with pytest.raises(error, match=message):
        audited(planted(), **more)


def test_proxy_counts_are_refused_for_few_classes_and_equal_rows_have_nothing_to_audit():
    with pytest.raises(pen.ProblemError, match="proxy_counts is for heads"):
        pen.audit_head("cnn-mse", pen.datasets.counts("fashion-mnist-lt"), proxy_counts=True)
    with pytest.raises(pen.FeaturesError, match="no two rows"):
        audited(np.ones((400, 40)))


def test_names_with_markup_are_escaped():
    names = ["<script>alert(1)</script>", "[bold]x[/bold]", "a & b", *(f"class {k}" for k in range(397))]
    rows = planted()
    rows[1] *= 9
    audit = audited(rows, pen.ClassCounts(COUNTS.values, names))
    html = page(audit).whole()
    assert "<script>alert" not in html and "&lt;script&gt;" in html
    console = Console(width=200)
    with console.capture() as text:
        console.print(audit.table())
    assert "[bold]x[/bold]" in text.get()


def test_advice_refuses_an_audit_that_holds_no_forecast(tmp_path):
    audit = audited(planted())
    with pytest.raises(pen.ProblemError, match="no forecast that advice could rest on"):
        pen.advise(COUNTS, 1e-3, audit=audit)
    (tmp_path / "audit.json").write_text(json.dumps(audit.to_dict(), allow_nan=False))
    with pytest.raises(pen.FileError, match="no forecast that advice could rest on"):
        pen.advise(COUNTS, 1e-3, audit=tmp_path / "audit.json")


def test_the_command(penultimate, tmp_path):
    np.savez(tmp_path / "model.npz", **{"lm_head.weight": planted().astype(np.float32)})
    np.savez(tmp_path / "counts.npz", counts=COUNTS.values)
    given = ("audit", tmp_path / "model.npz", "--head-only", "--counts", tmp_path / "counts.npz")
    status, out, err = penultimate(*given, "--html", tmp_path / "page.html", "--json", tmp_path / "audit.json")
    assert status == 0 and "Counts explain" in " ".join(out.split()) and "z₀" not in out
    assert json.loads((tmp_path / "audit.json").read_text())["lengths"]["explained"] is True
    status, out, _ = penultimate(*given, "--proxy-counts", "--weight-decay", "1e-3")
    assert "By these frequencies, counts explain" in " ".join(out.split()) and "z₀" in out
    status, out, _ = penultimate(*given, "--loss", "mse", "--json", "-")
    assert status == 0 and "alignment" in json.loads(out)
    status, out, err = penultimate("audit", "cnn-mse", "--proxy-counts")
    assert (status, out) == (2, "") and "--proxy-counts beside features" in err and err.count("\n") == 1


def test_the_record_is_json_with_the_documented_keys():
    documented = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    record = json.loads(json.dumps(audited(planted(), weight_decay=1e-3).to_dict(), allow_nan=False))
    for part, inner in record.items():
        assert part in ("penultimate", "notes") or f"`{part}`" in documented
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, dict) and part not in ("counts", "scan"):
            assert all(f"`{name}`" in documented for name in inner), part
