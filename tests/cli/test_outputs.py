"""Where results go is looked at before any work, and nothing that is read is written over."""

import json
import os
from pathlib import Path

import pytest

COUNTS = "class,count\ncat,600\ndog,300\nnewt,12\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("counts.csv").write_text(COUNTS)
    Path("folder").mkdir()
    Path("link.csv").symlink_to("counts.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("forecast", "counts.csv", "--json", "counts.csv"), "--json 'counts.csv' is what is read, and would be lost"),
        (("forecast", "counts.csv", "--html", "./counts.csv"), "--html './counts.csv' is what is read"),
        (("forecast", "link.csv", "--json", "counts.csv"), "is what is read"),
        (("forecast", "counts.csv", "--json", "link.csv"), "is what is read"),
        (("audit", "cnn-mse", "--counts", "counts.csv", "--json", "counts.csv"), "is what is read"),
        (("count", "--tokenizer", "t.json", "counts.csv", "--json", "counts.csv"), "is what is read"),
        (("forecast", "counts.csv", "--json", "a", "--html", "a"), "--json and --html both write 'a'"),
        (("forecast", "counts.csv", "--json", "-", "--html", "/dev/stdout"), "--json and --html both write"),
        (("heads", "cnn-ce", "cnn-ce-test", "--json", "h.npz", "--out", "h.npz"), "--json and --out both write"),
        (("forecast", "counts.csv", "--json", ""), "--json is empty, as where a shell variable is not set"),
        (("check", "counts.csv", "--min-recall", "0.5", "--junit", "-"), "--junit is not written to standard output"),
        # What would be known minutes later.
        (("heads", "cnn-ce", "cnn-ce-test", "--json", "none/h.json"), "none/h.json': no such file or directory; make"),
        (("heads", "cnn-ce", "cnn-ce-test", "--html", "counts.csv/h.html"), "not a directory"),
        (("heads", "cnn-ce", "cnn-ce-test", "--html", "folder"), "it is a folder"),
        (("heads", "cnn-ce", "cnn-ce-test", "--out", "head.txt"), "heads are written as .npz"),
        (("heads", "cnn-ce", "cnn-ce-test", "--out", "head.onnx"), "heads are written as .npz"),
        (
            ("heads", "cnn-ce", "cnn-ce-test", "--non-linear", "--out", "head.txt"),
            "as .npz, .safetensors or .onnx: give",
        ),
        (("advise", "counts.csv", "--train", "cnn-ce", "--out", "head.onnx"), "heads are written as .npz"),
        (("scan", "nothing.npz", "--fix", "mask", "--out", "none/head.npz"), "make its folder first"),
        (("scan", "nothing.npz", "--fix", "mask", "--out", "head.safetensors"), "heads are written as .npz"),
    ],
)
def test_places_that_cannot_be_are_refused_before_any_work(penultimate, place, arguments, says):
    status, out, err = penultimate(*arguments)
    assert (status, out) == (2, "") and says in err and err.count("\n") == 1
    assert Path("counts.csv").read_text() == COUNTS and not Path("-").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to this user")
def test_a_folder_that_is_closed_is_refused(penultimate, place):
    Path("folder").chmod(0o500)
    status, _, err = penultimate("heads", "cnn-ce", "cnn-ce-test", "--json", "folder/a.json")
    assert status == 2 and "permission denied; choose a folder" in err


def test_a_page_goes_to_standard_output_alone(penultimate, place):
    status, out, err = penultimate("forecast", "counts.csv", "--html", "-", "--json", "a.json")
    assert status == 0 and out.startswith("<!DOCTYPE html>") and out.rstrip().endswith("</html>")
    assert json.loads(Path("a.json").read_text())["counts"]["classes"] == 3
    assert err.endswith("wrote a.json\n") and not Path("-").exists()


def test_a_file_called_like_standard_input_does_not_hide_it(penultimate, place, monkeypatch):
    Path("-").write_text("something else")
    with open("counts.csv") as given:
        monkeypatch.setattr("sys.stdin", given)
        status, out, _ = penultimate("forecast", "-", "--json", "-")
    assert status == 0 and json.loads(out)["counts"]["samples"] == 912


@pytest.mark.parametrize(
    "options", [("--column", "x"), ("--holds", "labels"), ("--format", "csv"), ("--order", "text")]
)
def test_how_a_file_is_read_says_nothing_of_bundled_counts(penultimate, options):
    status, _, err = penultimate("forecast", "cifar10-lt", *options)
    assert status == 2 and "cifar10-lt is bundled" in err
