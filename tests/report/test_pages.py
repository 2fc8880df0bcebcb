"""The report is one file, whole or absent, that trusts no class name and asks nothing of the network."""

import errno
import json
import os
import re
import shlex
from functools import cache

import pytest

import penultimate as pen
from penultimate.errors import FileError
from penultimate.report.forecast.page import page as forecast_page
from penultimate.report.forecast.page import summary
from penultimate.report.forecast.words import verdict
from report_cases import CASES, HOSTILE
from report_pages import Page, refers_outside, well_formed


@cache
def page(case: str) -> Page:
    return Page(forecast_page(CASES[case]()).whole())


@pytest.mark.parametrize("case", CASES)
def test_every_forecast_has_a_report_with_its_charts(case):
    found = page(case)
    specs = [json.loads(script) for script in found.scripts[:-2]]
    assert len(specs) == len(CASES[case]().charts)
    assert all(spec["title"]["text"] for spec in specs)
    assert " ".join(verdict(CASES[case]()).split()) in " ".join(found.text.split())
    assert "nan" not in found.text.lower().split() and "inf" not in found.text.lower().split()


@pytest.mark.parametrize("case", ["fashion", "hostile"])
def test_nothing_refers_outside_the_file(case):
    found = page(case)
    assert refers_outside(found) == []
    for script in found.scripts[:-2]:
        assert "$schema" not in script


def test_hostile_names_stay_text():
    found = page("hostile")
    assert len(found.scripts) == len(CASES["hostile"]().charts) + 2  # specs, the library, what draws
    for name in HOSTILE:
        assert name in found.text
    assert not any(name in ("img", "onerror") for name, _ in found.tags)
    raw = "\n".join(found.scripts[:-2])
    assert "<" not in raw and ">" not in raw


def test_class_names_that_are_no_unicode_are_written(tmp_path):
    counts = pen.ClassCounts({"lone \ud800 surrogate": 30, "other": 9})
    pen.forecast(counts, weight_decay=0.01, feature_ratio=1.0).report(tmp_path / "report.html")
    assert "lone" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", ["lvis", "unseen", "known-decay"])
def test_the_page_is_well_formed(case):
    found = page(case)
    well_formed(found)


def test_the_table_by_ratio_is_there_only_when_the_feature_decay_is_unknown():
    assert "as a function of the ratio c" in page("fashion").text
    assert "as a function of the ratio c" not in page("known-decay").text
    assert re.search(r"Feature decay λ\s*H\s*= 0\.0001 \(given\)", page("known-decay").text)


def test_classes_of_equal_count_share_a_row():
    assert [tag for tag, _ in page("million").tags].count("tr") == 5 + 1 + 4 + 1
    assert "+ 249,999 more" in " ".join(page("million").text.split())


def test_report_is_written_whole(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    CASES["fashion"]().report(path)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert os.listdir(tmp_path) == ["report.html"]


def test_report_follows_a_link(tmp_path):
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    CASES["fashion"]().report(tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert "<h1>" in (tmp_path / "real.html").read_text(encoding="utf-8")


def test_a_failing_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match=r"no space left on device; free some space"):
        CASES["fashion"]().report(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["report.html"]


def test_an_interrupt_leaves_no_draft(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        CASES["fashion"]().report(tmp_path / "report.html")
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_one_clear_line(tmp_path):
    path = tmp_path / "none" / "report.html"
    with pytest.raises(FileError) as caught:
        CASES["fashion"]().report(path)
    assert str(path) in str(caught.value) and "make its folder first" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_replaced_and_a_device_takes_the_page(tmp_path):
    with pytest.raises(FileError, match="it is a folder"):
        CASES["fashion"]().report(tmp_path)
    CASES["fashion"]().report(os.devnull)
    assert not os.path.isfile(os.devnull)


def test_a_folder_without_rights_is_one_clear_line(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(FileError, match="choose a folder you may write to"):
        CASES["fashion"]().report(tmp_path / "report.html")


def test_summary_is_a_small_table_without_scripts():
    text = summary(CASES["hostile"]())
    assert text == CASES["hostile"]()._repr_html_()
    assert len(text) < 4000 and "<script" not in text and "<table>" in text


def test_report_has_the_worst_classes_first():
    found = " ".join(page("fashion").text.split())
    assert found.index("9 60 own") < found.index("0 6,000 own")


def test_within_another_page_there_is_what_the_file_shows_without_frame_scripts_and_styles():
    document = forecast_page(CASES["hostile"]())
    within, whole = document.within(), document.whole()
    assert within.strip().startswith('<section class="card verdict"') and within.strip() in whole
    assert "<script" not in within and "<style" not in within
    assert [figure.key for figure in document.figures] == list(CASES["hostile"]().charts)


def test_a_page_says_how_it_was_computed_and_by_what_command(penultimate, tmp_path):
    path = tmp_path / "a report's <b>.html"
    arguments = ("compare", "cifar10-lt", "--loss", "mse", "--loss", "ce", "--html", path)
    assert penultimate(*arguments)[0] == 0
    text = " ".join(Page(path.read_text(encoding="utf-8")).text.split())
    assert text.count("How this was computed") == 1 and "Formula min over W, H, b" in text
    assert f"Versions penultimate {pen.__version__}, Python" in text and "NumPy" in text
    assert f"Command {shlex.join(['penultimate', *map(str, arguments)])}" in text
    assert "Command" not in page("fashion").text
