"""Reports of audits, with and without features: whole, offline, and trusting no class name."""

import json
import re
from functools import cache

import numpy as np
import pytest

import penultimate as pen
from penultimate.report.audit.page import page as audit_page
from penultimate.report.head_audit.page import page as head_page
from report_cases import AUDITS, HEADS, HOSTILE
from report_pages import Page, refers_outside, well_formed

PAGES = {**AUDITS, **HEADS}


@cache
def result(case: str) -> "pen.Audit | pen.HeadAudit":
    return PAGES[case]()


@cache
def html(case: str) -> str:
    found = result(case)
    return (audit_page(found) if isinstance(found, pen.Audit) else head_page(found)).whole()


@cache
def page(case: str) -> Page:
    return Page(html(case))


def charts(case: str) -> list[str]:
    return list(result(case).charts)


def words(case: str) -> str:
    return " ".join(page(case).text.split())


@pytest.mark.parametrize("case", PAGES)
def test_every_audit_has_a_whole_page_with_its_charts_and_verdict(case):
    found = page(case)
    well_formed(found)
    assert refers_outside(found) == []
    specs = [json.loads(script) for script in found.scripts[:-2]]
    assert len(specs) == len(charts(case)) and all(spec["title"]["text"] for spec in specs)
    assert " ".join(result(case).verdict.split()) in words(case)
    assert "nan" not in words(case).lower().split() and "inf" not in words(case).lower().split()
    assert not re.search(r"\bNone\b", words(case))


@pytest.mark.parametrize("case", PAGES)
def test_a_page_is_about_a_megabyte_whatever_the_number_of_classes(case):
    assert len(html(case).encode(errors="replace")) < 1.8e6


@pytest.mark.parametrize("case", ["audit-hostile", "head-hostile"])
def test_hostile_names_stay_text(case):
    found = page(case)
    for name in HOSTILE:
        assert name in found.text
    assert not any(tag in ("img", "onerror") for tag, _ in found.tags)
    raw = "\n".join(found.scripts[:-2])
    assert "<" not in raw and ">" not in raw
    assert "<script" not in result(case)._repr_html_()


def test_a_head_that_is_missing_takes_its_charts_and_tables_along():
    assert charts("audit-without-head") == ["classes", "norms", "cosines"]
    assert "There is no classifier" in words("audit-without-head")
    assert "feature decay that the network implies" not in words("audit-without-head")


def test_another_loss_is_said_plainly_and_takes_the_forecast_away():
    assert charts("cnn-mse") == ["directions", "factors", "matrices", "budget", "classes", "norms", "cosines"]
    assert charts("cnn-ce") == ["directions", "factors", "matrices", "classes", "norms", "cosines"]
    text = words("cnn-ce")
    assert "does not look as squared error leaves one" in text and "Fits squared error no" in text
    assert "add up to σ − measured" not in text and "departs" not in text
    assert "add up to σ − measured" in words("cnn-mse") and "departs" in words("cnn-mse")


def test_weaker_classes_are_marked_by_name():
    assert "6 weaker than its samples explain 278" in words("cnn-mse-test")


def test_both_ways_of_calibration_are_there():
    audit = result("cnn-mse-test")
    low, middle, high = audit.calibration.by_strengths
    assert f"by norms {audit.calibration.by_norms:.3g}" in words("cnn-mse-test")
    for name, value in (("lower quartile", low), ("median", middle), ("upper quartile", high)):
        assert f"by strengths, {name} {value:.3g}" in words("cnn-mse-test")
    assert "lower quartile none: a quarter of the directions lost nothing" in words("cnn-mse")


@pytest.mark.parametrize("case", ["cnn-mse", "head-mse", "audit-without-head"])
def test_reports_are_written_and_summaries_are_small(case, tmp_path):
    result(case).report(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == html(case)
    summary = result(case)._repr_html_()
    assert "<script" not in summary and "<table>" in summary and len(summary) < 4500


def test_a_chart_that_is_not_there_is_one_clear_error():
    with pytest.raises(pen.ProblemError, match=r"no chart 'budget' of this Audit: .* classes, norms, cosines"):
        result("audit-without-head").plot("budget")
    with pytest.raises(pen.ProblemError, match="no chart 'budget'"):
        result("head-mse").plot("budget")


def test_samples_behind_findings_are_listed_for_classes_with_findings():
    text, audit = words("cnn-mse-test"), result("cnn-mse-test")
    assert "Samples behind the findings" in text and "200 samples of 10 classes" in text
    of = audit.to_dict()["classes"][6]["worst_samples"]
    assert len(of) == 20 and [sample["margin"] for sample in of] == sorted(sample["margin"] for sample in of)
    assert f"row {of[0]['row']:,}" in text
    (saved,) = [dict(attributes) for tag, attributes in page("cnn-mse-test").tags if tag == "button"]
    rows = json.loads(saved["data-rows"])
    assert len(rows) == 200 and {"class": "6", **of[0]} in rows


def test_of_too_many_classes_no_samples_are_kept():
    audit = pen.audit(np.eye(4)[np.arange(40) % 4], np.arange(40) % 4, counts=pen.ClassCounts(np.full(3000, 9)))
    assert audit.to_dict()["classes"][0]["worst_samples"] is None
    assert "Samples behind the findings" not in audit_page(audit).whole()
