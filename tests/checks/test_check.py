"""Results against bounds: what breaches one is named, and what cannot be checked is refused."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

import penultimate as pen
from command import run
from penultimate.checks.junit import junit


def own(name, **figures):
    base = {"recall": 0.9, "recall_interval": [0.8, 0.95], "mean_norm": 2.0, "spread": 1.0}
    base |= {"mean_norm_interval": [1.9, 2.1], "spread_interval": None}
    return {"class": name, **base, **figures}


def audit_of(*classes):
    return {"counts": {"classes": len(classes)}, "metrics": {}, "classes": list(classes)}


def moved(name, **figures):
    base = {"recall": 0.9, "recall_interval": None, "recall_lost": 0.0, "recall_lost_interval": None}
    return {"class": name, **base, "moved": False, "p": 0.5, "of_the_way": 0.0, **figures}


def drift_of(*classes):
    return {**audit_of(*classes), "classes_moved": 1}


def test_a_recall_below_its_bound_is_a_breach_and_one_on_it_is_not():
    found = pen.check(audit_of(own("cat"), own("newt", recall=0.3), own("eft", recall=None)), min_recall=0.9)
    assert [breach.name for breach in found.breaches] == ["newt"] and not found.passed
    assert str(found.breaches[0]) == "newt: recall 0.3 (0.8 to 0.95), at least 0.9 asked for"
    assert [each.name for each in found.unknown] == ["eft"]
    assert pen.check(audit_of(own("cat")), min_recall=0.9).passed


def test_two_audits_are_compared_by_the_names_of_their_classes():
    before = audit_of(own("cat"), own("newt", recall=0.8))
    after = audit_of(own("newt", recall=0.5), own("cat", recall=0.95))
    found = pen.check(after, against=before, max_recall_lost=0.2)
    assert [(breach.name, round(breach.value, 9)) for breach in found.breaches] == [("newt", 0.3)]


@pytest.mark.parametrize("of", ["recalls alone", "forecast"])
def test_what_is_neither_an_audit_nor_a_drift_is_refused_though_it_lists_recalls(of):
    record = audit_of(own("cat"))
    del record["metrics"]
    record = record if of == "recalls alone" else pen.forecast([9, 3], 0.01, feature_ratio=1).to_dict("all")
    with pytest.raises(pen.FileError, match="the result is no audit of features and no drift"):
        pen.check(record, min_recall=0.5)
    with pytest.raises(pen.FileError, match="the earlier result is no audit of features and no drift"):
        pen.check(audit_of(own("cat")), against=record, max_recall_lost=0.5)


@pytest.mark.parametrize(
    ("figures", "breached"),
    [
        ({"mean_norm": 3.0, "mean_norm_interval": [2.8, 3.2]}, True),
        # The same change, which as few samples may show by chance.
        ({"mean_norm": 3.0, "mean_norm_interval": [2.0, 4.0]}, False),
        ({"spread": 1.6}, True),
        ({"spread": 1.4}, False),
        ({"spread": 0.4}, True),
        ({"spread": None}, False),
    ],
)
def test_a_mean_or_spread_that_changed_by_more_than_its_intervals_explain(figures, breached):
    found = pen.check(audit_of(own("newt", **figures)), against=audit_of(own("newt")), max_drift=0.49)
    assert found.passed is not breached


def test_of_a_drift_classes_that_moved_and_lost():
    found = pen.check(
        drift_of(
            moved("cat", moved=True, of_the_way=0.6, recall_lost=0.1),
            moved("dog", of_the_way=0.6),  # by chance
            moved("newt", moved=True, of_the_way=0.2, recall_lost=0.5, recall_lost_interval=[0.3, 0.7]),
        ),
        max_drift=0.3,
        max_recall_lost=0.3,
        min_recall=0.5,
    )
    assert {(each.name, each.figure) for each in found.breaches} == {
        ("cat", "way to the nearest class"),
        ("newt", "recall lost"),
    }


def test_a_class_that_could_not_be_judged_is_not_taken_for_one_that_stayed():
    found = pen.check(drift_of(moved("cat"), moved("newt", p=None, of_the_way=0.6)), max_drift=0.3)
    assert found.passed and [each.name for each in found.unknown] == ["newt"]
    with pytest.raises(pen.ProblemError, match="enough samples"):
        pen.check(drift_of(moved("newt", p=None, of_the_way=0.6)), max_drift=0.3)


def test_results_are_taken_as_they_are_and_agree_with_their_files(tmp_path):
    audit = pen.audit("cnn-ce-test")
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(audit.to_dict()))
    found = pen.check(audit, min_recall=0.7)
    assert found == pen.check(path, min_recall=0.7) and [breach.name for breach in found.breaches] == ["6"]
    assert [each.value for each in found.checked] == audit.decisions.recall.tolist()


@pytest.mark.parametrize(
    ("result", "how", "message"),
    [
        (audit_of(own("a")), {}, "nothing to check"),
        (audit_of(own("a")), {"min_recall": 1.2}, "from 0 to 1"),
        (audit_of(own("a")), {"min_recall": float("nan")}, "from 0 to 1"),
        (audit_of(own("a")), {"max_drift": -1.0}, "from 0 on"),
        (audit_of(own("a")), {"max_drift": 0.1}, "needs two sides"),
        (audit_of(own("a")), {"max_recall_lost": 0.1}, "needs two sides"),
        (audit_of(own("a", recall=None)), {"min_recall": 0.1}, "no class has a recall"),
        (drift_of(moved("a")), {"max_drift": 0.1, "against": audit_of(own("a"))}, "leave the audit out"),
        (audit_of(own("a")), {"max_drift": 0.1, "against": drift_of(moved("a"))}, "is a drift"),
        (audit_of(own("a")), {"max_drift": 0.1, "against": audit_of(own("b"))}, "has no class 'a'"),
        (audit_of(own("a"), own("b")), {"max_drift": 0.1, "against": audit_of(own("a"))}, "has no class 'b'"),
    ],
)
def test_what_cannot_be_checked_is_refused(result, how, message):
    with pytest.raises(pen.ProblemError, match=message):
        pen.check(result, **how)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no audit"),
        ("{}", "no audit"),
        ('{"metrics": {}, "classes": [{"class": 3}], "counts": {"classes": 1}}', "no text|is no|class"),
        ('{"metrics": {}, "classes": [], "counts": {"classes": 4}}', "0 of 4 classes"),
        ('{"metrics": {}, "classes": [], "counts": {"classes": 0}}', "0 of 0 classes"),
        (
            '{"metrics": {}, "classes": [{"class": "a", "recall": "x", "recall_interval": null}], '
            '"counts": {"classes": 1}}',
            "recall",
        ),
        (
            '{"metrics": {}, "classes": [{"class": "a", "recall": 1, "recall_interval": [1]}], '
            '"counts": {"classes": 1}}',
            "interval",
        ),
    ],
)
def test_files_that_are_none_are_refused(tmp_path, text, message):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(pen.FileError, match=message) as error:
        pen.check(path, min_recall=0.5)
    assert str(path) in str(error.value)


def test_junit_is_xml_whatever_the_names_hold():
    names = ["a<b>&'\"", "\x1b[31mred", "two\nlines", "日本"]
    found = pen.check(audit_of(*(own(name, recall=0.1) for name in names), own("eft", recall=None)), min_recall=0.5)
    suite = ElementTree.fromstring(junit(found))
    cases = suite.findall("testcase")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "4", "1")
    assert [case.get("name") for case in cases] == [names[0], r"\x1b[31mred", r"two\nlines", "日本", "eft"]
    assert [len(case.findall("failure")) for case in cases] == [1, 1, 1, 1, 0]


def test_the_command_ends_with_one_where_a_bound_is_breached(tmp_path, monkeypatch, capsys):
    (tmp_path / "audit.json").write_text(json.dumps(audit_of(own("cat"), own("\x1b[31mnewt", recall=0.3))))
    monkeypatch.chdir(tmp_path)
    status, out, err = run(monkeypatch, capsys, "check", "audit.json", "--min-recall", 0.5, "--junit", "check.xml")
    assert status == 1 and out == "\\x1b[31mnewt: recall 0.3 (0.8 to 0.95), at least 0.5 asked for\n"
    assert "2 figures checked, 1 beyond" in err and (tmp_path / "check.xml").read_text().count("<failure") == 1
    status, out, _ = run(monkeypatch, capsys, "check", "audit.json", "--min-recall", 0.3)
    assert (status, out) == (0, "")
    status, out, err = run(monkeypatch, capsys, "check", "audit.json")
    assert (status, out) == (2, "") and err.count("\n") == 1
