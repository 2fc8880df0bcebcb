"""The worst samples of each label, beside a sort of all margins."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import penultimate as pen

NAMES = ("cat", "dog", "pet", "rare")


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(0)
    truth = rng.random((300, 4)) < [0.5, 0.4, 0.6, 0.04]
    truth[0] = True  # lacks no label, so nothing is above or below
    features = truth @ rng.normal(size=(4, 6)) + 0.8 * rng.normal(size=(300, 6))
    return features, truth, pen.Head((rng.normal(size=(4, 6)),), rng.normal(size=4), NAMES)


def expected(features, truth, head):
    scores = features @ head.product.T + head.offset
    others = np.where(truth, -np.inf, scores).max(axis=1)
    margins = scores - others[:, None]
    rows = [np.flatnonzero(truth[:, k]) for k in range(truth.shape[1])]
    return [own[np.argsort(margins[own, k], kind="stable")][:20].tolist() for k, own in enumerate(rows)], margins


@pytest.mark.parametrize("form", ["matrix", "sparse", "names", "file", "shards"])
def test_they_are_those_of_a_sort(given, form, tmp_path):
    features, truth, head = given
    lists = [[name for name, on in zip(NAMES, row, strict=True) if on] for row in truth]
    if form in ("file", "shards"):
        for shard, rows in enumerate(np.array_split(np.arange(300), 1 if form == "file" else 3)):
            ids = np.array([f"s{row}" for row in rows])
            np.savez(tmp_path / f"{shard}.npz", H=features[rows], y=truth[rows].astype(np.uint8), ids=ids)
        audit = pen.audit_label_sets(tmp_path, head=head)
    else:
        targets = {"matrix": truth.astype(int), "sparse": csr_array(truth.astype(float)), "names": lists}[form]
        audit = pen.audit_label_sets(features, targets, head=head, names=NAMES)
    rows, margins = expected(features, truth, head)
    for k, record in enumerate(audit.to_dict()["labels"]):
        found = record["worst_samples"]
        told = [int(s["id"][1:]) for s in found] if "id" in found[0] else [s["row"] for s in found]
        finite = [row for row in rows[k] if np.isfinite(margins[row, k])]
        assert told[: len(finite)] == finite
        known = [s["margin"] for s in found[: len(finite)]]
        np.testing.assert_allclose(known, margins[finite, k], rtol=1e-9)


def test_without_label_sets_or_a_head_there_are_none(given):
    features, truth, head = given
    soft = 0.5 * truth
    for audit in (
        pen.audit_label_sets(features, truth.astype(int)),
        pen.audit_label_sets(features, soft, head=head, names=NAMES),
        pen.audit_label_sets(pen.LabelStatistics.from_features(features, truth.astype(int), NAMES), head=head),
    ):
        assert audit.worst is None and audit.to_dict()["labels"][0]["worst_samples"] is None


def test_the_page_lists_them(given, tmp_path):
    features, truth, head = given
    pen.audit_label_sets(features, truth.astype(int), head=head, names=NAMES).report(tmp_path / "page.html")
    assert "Samples behind the findings" in (tmp_path / "page.html").read_text()
