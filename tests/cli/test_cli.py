"""The command as a user runs it: what it prints, where, and how it ends."""

import io
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import penultimate as pen
from command import run


def test_table_has_the_summary_on_top_and_the_worst_class_first(penultimate, counts_file):
    status, out, err = penultimate("forecast", str(counts_file), "--weight-decay", "0.12", "--feature-ratio", "1")
    assert status == 0
    assert err == f"{counts_file}: counts in column 'count', classes in column 'class': 4 classes, 921 samples\n"
    assert out.startswith("At weight decay 0.12, 2 of 4 classes keep")
    assert out.index("axolotl") < out.index("newt") < out.index("dog")


def test_json_alone_on_standard_output(penultimate, counts_file):
    status, out, err = penultimate("forecast", str(counts_file), "--weight-decay", "0.12", "--json", "-")
    expected = pen.forecast(pen.ClassCounts.read(counts_file), 0.12).to_dict()
    assert (status, err.count("\n")) == (0, 1)
    assert json.loads(out) == json.loads(json.dumps(expected))


def test_options_reach_the_problem(penultimate):
    _, out, _ = penultimate(
        *("forecast", "cifar10-lt", "--weight-decay", "1e-3,2e-3", "--feature-ratio", "26", "--bias", "none"),
        *("--width", "64", "--classes", "none", "--json", "-"),
    )
    problem = json.loads(out)["problem"]
    assert problem["weight_decay"] == [1e-3, 2e-3]
    assert (problem["layers"], problem["bias"], problem["width"]) == (2, "none", 64)
    assert problem["feature_decay"] == pytest.approx(26e-3 / 12406)
    assert problem["feature_decay_source"] == "ratio c = 26"


def test_torch_loss_multiplies_decays_by_half_the_outputs(penultimate):
    _, out, _ = penultimate(
        *("forecast", "cifar10-lt", "--weight-decay", "1e-4", "--torch-loss", "mse", "--json", "-"),
        *("--bias", "1e-4", "--feature-decay", "1e-7"),
    )
    problem = json.loads(out)["problem"]
    assert problem["weight_decay"] == [pytest.approx(5e-4)]
    assert problem["bias"] == pytest.approx(5e-4)
    assert problem["feature_decay"] == 1e-7


def test_files_are_written_and_named(penultimate, tmp_path):
    page, record = tmp_path / "page.html", tmp_path / "record.json"
    status, out, err = penultimate("forecast", "cifar10-lt", "--html", str(page), "--json", str(record))
    assert status == 0
    assert "all 10 classes keep" in out
    assert err == f"wrote {page}\nwrote {record}\n"
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(record.read_text())["counts"]["classes"] == 10
    assert sorted(tmp_path.iterdir()) == [page, record]


def test_all_classes_in_their_own_order(penultimate, counts_file):
    _, out, _ = penultimate("forecast", str(counts_file), "--classes", "all", "--json", "-")
    record = json.loads(out)
    assert [c["class"] for c in record["classes"]] == ["cat", "dog", "newt", "axolotl"]
    assert len(record["bias"]) == 4
    _, out, _ = penultimate("forecast", str(counts_file), "--classes", "all")
    assert out.index("cat") < out.index("newt")


def test_labels_and_columns(penultimate, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("file,kind\na.png,cat\nb.png,dog\nc.png,cat\n")
    _, out, _ = penultimate("forecast", str(path), "--column", "kind", "--json", "-")
    assert json.loads(out)["counts"]["largest"] == 2
    np.save(tmp_path / "n.npy", np.array([5, 3, 2]))
    _, out, _ = penultimate("forecast", str(tmp_path / "n.npy"), "--holds", "counts", "--json", "-")
    assert json.loads(out)["counts"]["samples"] == 10


def test_a_file_goes_before_bundled_counts_of_the_same_name(penultimate, tmp_path, monkeypatch):
    folder = tmp_path / "lvis"
    for name, files in (("a", 3), ("b", 2)):
        (folder / name).mkdir(parents=True)
        for i in range(files):
            (folder / name / f"{i}.png").touch()
    monkeypatch.chdir(tmp_path)
    _, out, _ = penultimate("forecast", "lvis", "--json", "-")
    assert json.loads(out)["counts"]["samples"] == 5


def test_data_lists_every_bundled_name(penultimate):
    status, out, _ = penultimate("data")
    assert status == 0
    for name in pen.datasets.names():
        assert name in out


def content(text: str, suffix: str = ".csv"):
    return (suffix, text)


BAD_FILES = {
    "negative": content("class,count\na,3\nb,-1\n"),
    "nan": content("class,count\na,3\nb,nan\n"),
    "infinite": content("class,count\na,3\nb,inf\n"),
    "all-zero": content("class,count\na,0\nb,0\n"),
    "one-class": content("class,count\na,3\n"),
    "non-numeric": content("class,count\na,3\nb,many\n"),
    "duplicated": content("class,count\na,3\na,4\n"),
    "empty": content(""),
    "overflow": content("class,count\na,1e308\nb,1e308\n"),
    "json-list": content("[1, 2]", ".json"),
    "json-broken": content('{"a": 1,', ".json"),
    "unknown-suffix": content("a,1\nb,2\n", ".xlsx"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_end_in_one_line_and_no_output(penultimate, tmp_path, name):
    suffix, text = BAD_FILES[name]
    path = tmp_path / f"bad{suffix}"
    path.write_text(text)
    outputs = tmp_path / "out.json", tmp_path / "out.html"
    status, out, err = penultimate("forecast", str(path), "--json", str(outputs[0]), "--html", str(outputs[1]))
    assert (status, out) == (2, "")
    assert err.startswith("penultimate: ")
    assert err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_binary_rubbish_and_pickles_are_refused(penultimate, tmp_path):
    rubbish = tmp_path / "rubbish.csv"
    rubbish.write_bytes(os.urandom(2000) + b"\xff\xfe\x00")
    pickled = tmp_path / "labels.npy"
    np.save(pickled, np.array([{"a": 1}, "b"], dtype=object), allow_pickle=True)
    for path in (rubbish, pickled, tmp_path / "missing.csv"):
        status, out, err = penultimate("forecast", str(path))
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert path.name in err


BAD_OPTIONS = [
    ["--weight-decay", "0"],
    ["--weight-decay", "-1e-3"],
    ["--weight-decay", "nan"],
    ["--weight-decay", "inf"],
    ["--weight-decay", "1e-3;2"],
    ["--weight-decay", "1e-3,1e-3", "--layers", "3"],
    ["--feature-decay", "0"],
    ["--feature-ratio", "-2"],
    ["--feature-ratio", "1", "--feature-decay", "1"],
    ["--layers", "0"],
    ["--width", "0"],
    ["--bias", "-1"],
    ["--bias", "maybe"],
    ["--loss", "hinge"],
    ["--loss", "la:x"],
    ["--loss", "focal:2"],
    ["--loss", "ce", "--torch-loss", "mse"],
    ["--classes", "-3"],
    ["--classes", "some"],
    ["--column", "nope"],
    ["--no-such-option"],
    ["--html", "/no/such/folder/page.html"],
    ["--json", "/no/such/folder/record.json"],
]


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=" ".join)
def test_bad_options_end_in_one_line(penultimate, counts_file, options):
    status, out, err = penultimate("forecast", str(counts_file), *options)
    assert (status, out) == (2, "")
    *_, last = err.splitlines()  # above it, how the counts were read
    assert last.startswith("penultimate: ")
    assert err.count("penultimate: ") == 1
    assert err.count("\n") <= 2


def test_an_unknown_name_lists_the_known_ones(penultimate):
    status, _, err = penultimate("forecast", "imagenet")
    assert status == 2
    assert "places-lt" in err


def test_faults_of_ours_ask_to_be_reported(penultimate, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("penultimate.forecasts.forecasting.minimise", broken)
    status, _, err = penultimate("forecast", "lvis")
    assert status == 1
    assert "please report" in err
    assert "no such luck" in err


def test_interrupt(penultimate, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("penultimate.forecasts.forecasting.minimise", interrupted)
    assert penultimate("forecast", "lvis")[0] == 130


def test_help_and_version(penultimate):
    assert penultimate("--version")[1].strip().endswith(pen.__version__)
    status, out, _ = penultimate("forecast", "--help")
    assert status == 0
    assert "--weight-decay" in out


def test_alone_it_says_what_it_is_and_what_to_try(penultimate):
    status, out, _ = penultimate()
    tried = [line.split("  ")[1] for line in out.splitlines() if line.startswith("  penultimate")]
    assert status == 0 and len(out.splitlines()) == 6 and len(tried) == 3
    for line in tried:
        _, command, *rest = line.split()
        assert penultimate(command, "--help")[0] == 0
        assert rest[0] in (*pen.datasets.names(), *pen.datasets.feature_names())


def test_as_a_module_it_is_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["penultimate", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("penultimate", run_name="__main__")
    assert end.value.code == 0 and pen.__version__ in capsys.readouterr().out


def test_as_a_process_it_prints_json_and_survives_a_closed_pipe():
    command = Path(sys.executable).with_name("penultimate")
    done = subprocess.run([command, "forecast", "lvis", "--json", "-"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["counts"]["classes"] == 1203
    closed = subprocess.run(
        f"{command} forecast lvis --classes all | head -n 1", shell=True, capture_output=True, text=True
    )
    assert closed.returncode == 0
    assert closed.stderr == ""


def test_importing_the_package_loads_neither_numpy_nor_torch():
    code = (
        "import sys, penultimate, penultimate.cli; print([m for m in ('numpy', 'torch', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_learning_curve_is_printed_and_written(penultimate, tmp_path):
    page = tmp_path / "curve.html"
    options = ("--class", "6", "--samples", "1500,3000", "--weight-decay", "5e-3")
    status, out, _ = penultimate("learning-curve", "cnn-ce-test", *options, "--html", str(page))
    assert status == 0 and out.startswith("With 3,000 samples of 6 in place of 1,000, its recall is forecast to rise")
    assert "90 %" in out and "Where the next 100 labels" in out and "</html>" in page.read_text()
    status, out, _ = penultimate("learning-curve", "cnn-ce-test", *options, "--classes", "2", "--json", "-")
    record = json.loads(out)
    assert record["budgets"] == [1500, 3000] and record["class"] == "6" and len(record["classes"]) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--class", "zebra"), "no class 'zebra'"),
        (("--class", "6", "--samples", "20,x"), "no whole number"),
        (("--class", "6", "--samples", "20"), "give counts from 1,000"),
        (("--recall", "0.5"), "say which"),
    ],
)
def test_a_learning_curve_that_cannot_be_is_one_line(penultimate, options, said):
    status, out, err = penultimate("learning-curve", "cnn-ce-test", *options)
    assert (status, out, err.count("\n")) == (2, "", 1) and said in err


def test_quiet_leaves_results_and_errors(penultimate, tmp_path):
    (tmp_path / "labels.csv").write_text("label\ncat\ncat\ndog\n")
    _, loud, notes = penultimate("forecast", tmp_path / "labels.csv")
    for arguments in (("--quiet", "forecast"), ("forecast", "-q"), ("forecast", "--weight-decay", "5e-4", "--quiet")):
        status, quiet, nothing = penultimate(*arguments, tmp_path / "labels.csv")
        assert status == 0 and quiet == loud and "labels.csv" in notes and not nothing
    status, _, error = penultimate("-q", "forecast", tmp_path / "none.csv")
    assert status == 2 and error.count("\n") == 1


def test_a_result_is_checked_from_a_pipe(penultimate, monkeypatch):
    _, record, _ = penultimate("audit", "cnn-mse-test", "--json", "-")
    for content, status, said in ((record, 1, "recall"), ("", 2, "the input is empty"), ("[1]", 2, "this JSON is no")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        found = penultimate("check", "-", "--min-recall", "0.9")
        assert found[0] == status and said in found[1] + found[2]


@pytest.mark.parametrize("command", ["audit", "scan"])
def test_what_cannot_come_through_a_pipe_is_said(penultimate, command):
    status, out, err = penultimate(command, "-")
    assert (status, out) == (2, "") and "not read from standard input: give a file" in err and err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("forecast", ""), ("audit", "", "--json", "-"), ("heads", "cnn-ce", "")])
def test_an_empty_argument_is_no_folder(monkeypatch, capsys, arguments):
    status, out, err = run(monkeypatch, capsys, *arguments)
    assert (status, out) == (2, "") and "an argument is empty, as where a shell variable is not set" in err


@pytest.mark.parametrize("colours", [None, "1"])
def test_names_give_no_orders_to_the_terminal(penultimate, tmp_path, monkeypatch, colours):
    """A title, a colour, the clipboard: in tables and in the verdict, where there are colours of our own and not."""
    orders = ["\x1b]0;mine\x07", "\x1b[31m", "\x1b]52;c;bWluZQ==\x1b\\", "\x9b31m"]
    if colours:
        monkeypatch.setenv("FORCE_COLOR", colours)
    path = tmp_path / "counts.json"
    path.write_text(
        json.dumps(
            {f"{order}{i}": count for i, (order, count) in enumerate(zip(orders, [600, 300, 9, 4], strict=True))}
        )
    )
    status, out, _ = penultimate("forecast", path, "--weight-decay", "0.05", "--feature-ratio", "1", "--classes", "all")
    assert status == 0 and "\\x1b[31m1" in out and ("\x1b[" in out) == bool(colours)
    assert not re.search("\x07|\x9b|\x1b(?!\\[[0-9;]*m)|\x1b\\[31m", out)
