"""Files that a browser sends: each is what the commands make of it, and a bad one is refused by the user's name."""

import json
import shlex
from functools import cache

import numpy as np
import pytest

import penultimate as pen
from sent_files import archive, features, labelled, layer

pytest.importorskip("starlette", reason="pip install 'penultimate[app]'")
from penultimate.app import views
from penultimate.app.reproduction import command, python
from penultimate.app.server import _files_sent
from penultimate.app.settings import Settings
from penultimate.app.uploads import Sent

TAGS = b"tags\n" + b"cat;pet\n" * 60 + b"dog;pet\n" * 30 + b"newt\n" * 5
CASES = {
    "bundled": ({"task": "audit", "first": "cnn-mse"}, ()),
    "audit": ({"task": "audit", "loss": "ce", "weight_decay": "0.01"}, (("first", "my features.npz", features),)),
    "audit of label sets": ({"task": "audit", "loss": "bce"}, (("first", "tagged.npz", labelled),)),
    "drift": (
        {"task": "drift", "second": ""},
        (("first", "then.npz", features), ("second", "now.npz", lambda: features(1, 2.0))),
    ),
    "learning-curve": ({"task": "learning-curve"}, (("first", "valid.npz", features),)),
    "scan": ({"task": "scan"}, (("first", "model.npz", layer),)),
    "labels": (
        {"task": "labels", "separator": ";", "weight_decay": "0.05", "loss": "bce"},
        (("first", "tags.csv", lambda: TAGS),),
    ),
}


def asked(case: str) -> tuple[Settings, tuple[Sent, ...]]:
    values, files = CASES[case]
    return Settings.given({"view": "files", **values}), tuple(Sent(slot, name, make()) for slot, name, make in files)


@pytest.mark.parametrize("case", CASES)
def test_the_python_lines_and_the_command_give_the_same(case, tmp_path, monkeypatch, penultimate):
    settings, files = asked(case)
    monkeypatch.chdir(tmp_path)
    for sent in files:
        (tmp_path / sent.name).write_bytes(sent.data)
    found: dict = {}
    shown = json.loads(views.view(settings, (), files))
    exec(shown["python"].replace("print", "str"), found)
    verdict = views.result(settings, files).verdict
    assert found["result"].verdict == verdict
    first, *words = shlex.split(shown["command"].split(" --html ")[0])
    status, out, err = penultimate(*words, "--json", "-")
    assert first == "penultimate" and status == 0, err
    assert json.loads(out)["verdict"] == verdict


@pytest.mark.parametrize("case", CASES)
def test_a_view_of_files_is_the_report_with_its_charts_and_names_no_path_of_ours(case):
    settings, files = asked(case)
    names = views.result(settings, files).charts
    text = views.view(settings, names, files)
    shown = json.loads(text)
    assert list(shown["charts"]) == list(names) and "/tmp" not in text
    assert case != "scan" or "model.npz" in shown["html"]
    assert all(f'id="chart-{name}"' in shown["html"] for name in names)
    assert views.save(settings, "classes", files).count("\n") > 1
    assert views.save(settings, "html", files).startswith("<!DOCTYPE html>")


@cache
def audited() -> tuple[Sent, ...]:
    return (Sent("audit", "my audit.json", json.dumps(pen.audit("cnn-mse").to_dict()).encode()),)


@pytest.mark.parametrize("view", ["forecast", "advice"])
def test_an_audited_network_is_forecast_as_the_command_does(view, tmp_path, monkeypatch, penultimate):
    values = {"view": view, "bundled": "fashion-mnist-lt", "networks": "audited", "weight_decay": "0.002"}
    settings, (sent,) = Settings.given(values), audited()
    verdict = views.result(settings, (sent,)).verdict
    monkeypatch.chdir(tmp_path)
    (tmp_path / sent.name).write_bytes(sent.data)
    found: dict = {}
    exec(python(settings, (sent,)).replace("print", "str"), found)
    assert found["result"].verdict == verdict
    _, *words = shlex.split(command(settings, (sent,)).split(" --html ")[0])
    status, out, err = penultimate(*words, "--json", "-")
    assert status == 0 and json.loads(out)["verdict"] == verdict, err
    assert json.loads(views.view(settings, (), (sent,)))["html"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "mine.json: the file is empty"),
        (b"[" * 100_000, "mine.json: this is no JSON"),
        (b"{}", "no calibration in it"),
        (b'{"calibration": {"samples": "many"}}', "damaged"),
    ],
)
def test_what_is_no_audit_is_refused(data, message):
    with pytest.raises(pen.PenultimateError, match=message):
        views.view(Settings.given({"networks": "audited"}), (), (Sent("audit", "mine.json", data),))


BAD = {
    "nothing": b"",
    "no archive": b"\0\1\2\3" * 99,
    "objects": archive(h=np.array([print, "pwned"], dtype=object), y=np.zeros(2)),
    "no labels": archive(h=np.zeros((4, 2))),
    "gaps": archive(h=np.full((4, 2), np.nan), y=np.array([0, 0, 1, 1])),
}


@pytest.mark.parametrize("task", ["audit", "drift", "learning-curve", "scan", "labels"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_by_the_name_that_the_user_knows(task, kind, capsys):
    sent = (Sent("first", "../mine.npz", BAD[kind]), Sent("second", "mine.npz", BAD[kind]))
    if task == "scan" and kind in ("no labels", "gaps"):
        return
    with pytest.raises(pen.PenultimateError) as refused:
        views.view(Settings.given({"view": "files", "task": task}), (), sent)
    assert "/tmp" not in str(refused.value) and "pwned" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "audit", "first": ""}, "no file is chosen yet"),
        ({"task": "drift"}, "no file is chosen yet"),
        ({"task": "scan"}, "choose a file of a last layer"),
        ({"task": "labels"}, "choose a file of label sets"),
        ({"task": "audit", "first": "/etc/passwd"}, "no bundled features"),
        ({"view": "forecast", "networks": "audited"}, "no audit is chosen yet"),
        ({"view": "losses", "networks": "audited"}, "choose a kind of networks"),
        ({"task": "guess"}, "choose one of audit, drift"),
    ],
)
def test_what_cannot_be_is_refused_in_words(values, message):
    with pytest.raises(pen.PenultimateError, match=message):
        views.view(Settings.given({"view": "files", **values}), ())


def test_what_is_sent_is_cut_into_its_files():
    listed = [{"slot": "first", "name": "a.npz", "size": 2}, {"slot": "second", "name": "b", "size": 3}]
    assert _files_sent(listed, b"\n1234") == (Sent("first", "a.npz", b"\n1"), Sent("second", "b", b"234"))
    for spoilt, data in ((listed, b"1234"), (listed, b"123456"), ([{"slot": "third", "name": "a", "size": 1}], b"1")):
        with pytest.raises(pen.PenultimateError, match=r"again"):
            _files_sent(spoilt, data)
