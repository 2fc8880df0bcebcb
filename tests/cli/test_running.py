"""The command as a process: full disks, other encodings, closed pipes, interrupts, help, progress."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import penultimate as pen

# The command of the environment may be of another checkout; this is of the one under test.
RUN = [sys.executable, "-c", "import sys; sys.argv[0] = 'penultimate'; from penultimate.cli import main; main()"]
COMMANDS = ("forecast", "compare", "audit", "heads", "advise", "data")


def command(*arguments, **settings):
    environment = os.environ | {"NO_COLOR": "1"} | settings.pop("env", {})
    return subprocess.run([*RUN, *arguments], capture_output=True, env=environment, **settings)


@pytest.mark.parametrize(
    "arguments",
    [("forecast", "cifar10-lt"), ("forecast", "cifar10-lt", "--json", "-"), ("--help",), ("--version",), ("data",)],
    ids=" ".join,
)
def test_a_full_disk_behind_the_output(arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*RUN, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "penultimate: the output: no space left on device\n")


def test_a_full_disk_behind_both():
    with open("/dev/full", "wb") as full:
        assert subprocess.run([*RUN, "forecast", "nowhere"], stdout=full, stderr=full).returncode == 2


@pytest.mark.parametrize(
    "arguments", [("forecast", "cifar100-lt", "--classes", "all"), ("--help",), ("data", "--help")]
)
def test_a_pipe_that_nobody_reads(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run([*RUN, *arguments], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_output_at_all():
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *RUN, "forecast", "cifar10-lt"], stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def named(tmp_path):
    path = tmp_path / "näme ‮ counts.csv"
    path.write_text("class,count\nçat,600\nдом,300\nnewt\u202egpj,12\na\u0007b\u001b[31mxolotl,9\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("encoding", ["ascii:strict", "cp1252", "utf-8"])
def test_output_in_any_encoding(named, encoding):
    done = command("compare", str(named), "--loss", "ce", env={"PYTHONIOENCODING": encoding})
    text = (done.stdout + done.stderr).decode(encoding.partition(":")[0])
    assert done.returncode == 0, text
    assert not re.search("[\u202e\x07\x1b]", text)


@pytest.mark.parametrize("arguments", [("advise", "cifar10-lt"), ("data",)], ids=" ".join)
def test_every_kind_of_text_in_ascii(arguments):
    done = command(*arguments, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_errors_in_ascii():
    done = command("forecast", "lvis", "--loss", "λ", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert b"internal" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_on_the_output_is_right_in_any_encoding(named, encoding):
    done = command("forecast", str(named), "--json", "-", "--classes", "all", env={"PYTHONIOENCODING": encoding})
    text = done.stdout.decode(encoding)
    assert "\u202e" not in text
    assert [row["class"] for row in json.loads(text)["classes"]] == list(pen.ClassCounts.read(named).names)


def test_json_with_halves_of_characters(penultimate, tmp_path):
    path, record = tmp_path / "counts.json", tmp_path / "out.json"
    path.write_text('{"\\ud800": 5, "b": 3}')
    status, _, err = penultimate("forecast", path, "--json", record)
    done = command("forecast", str(path))
    for ended, told in ((status, err), (done.returncode, done.stderr.decode())):
        assert ended in (0, 2)
        assert "internal" not in told
    if record.exists():
        assert json.loads(record.read_text())["counts"]["classes"] == 2


def test_devices_take_json(penultimate):
    done = command("forecast", "cifar10-lt", "--json", "/dev/stdout")
    assert json.loads(done.stdout)["counts"]["classes"] == 10
    assert done.stderr == b""
    status, out, _ = penultimate("forecast", "cifar10-lt", "--json", "/dev/null")
    assert status == 0
    assert "all 10 classes keep" in out
    done = command("forecast", "cifar10-lt", "--html", "/dev/stdout")
    assert done.stdout.startswith(b"<!DOCTYPE html>")
    assert done.stdout.rstrip().endswith(b"</html>")


def test_columns_are_heeded_in_a_pipe(penultimate, monkeypatch):
    for columns in (60, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = penultimate("forecast", "cifar100-lt")[1].splitlines()
        assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > 100
    monkeypatch.setenv("COLUMNS", "0")
    assert penultimate("forecast", "cifar10-lt")[0] == 0


def test_help_lists_the_commands(penultimate):
    status, out, err = penultimate("--help")
    assert (status, err) == (0, "")
    assert out.startswith("Usage: ")
    assert len(out.splitlines()) > 10
    assert all(heading in out for heading in ("Before training:", "After training:", "Any model:"))
    for name in COMMANDS:
        assert name in out
    assert "..." not in out.replace("[ARGS]...", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_runs_and_the_way_to_the_docs(penultimate, name):
    status, out, _ = penultimate(name, "--help")
    assert status == 0
    assert f"  penultimate {name}" in out[out.index("Examples:") :]
    assert "Documentation:" in out


def test_faults_of_usage_name_the_help_of_the_command(penultimate):
    assert "see penultimate forecast --help" in penultimate("forecast")[2]


@pytest.mark.parametrize(
    ("script", "about"),
    [
        # A loop in Python, one in a kernel of ours, and one call of BLAS, between whose steps Python does not run.
        ("while True: pass", "python"),
        ("while True: pen.LabelSpectrum(pen.ClassCounts(np.arange(1.0, 250_001))).sigma", "kernels"),
        ("a = np.ones((9000, 9000)); np.linalg.svd(a)", "lapack"),
    ],
    ids=lambda value: value if value.isalpha() else "",
)
def test_ctrl_c_ends_any_work(script, about, tmp_path):
    # What the command does in its place is replaced, the rest is the command's own. Kernels are compiled before.
    code = (
        "import sys, numpy as np, penultimate as pen, penultimate.cli as command\n"
        "pen.LabelSpectrum(pen.ClassCounts(np.arange(1.0, 5001))).sigma\n"
        f"def work(*_, **__):\n    print('begun', flush=True)\n    {script}\n"
        "command.cli.main = work\ncommand.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "begun\n"
        time.sleep(1.0)
        child.send_signal(signal.SIGINT)
        try:
            # Two seconds are promised; the machine may be busy.
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()  # or it would work for ever
    assert (child.returncode, err) == (130, "penultimate: interrupted\n")


def test_ctrl_c_that_a_library_turns_into_a_fault_of_its_own_is_ctrl_c():
    code = (
        "import os, signal, time, penultimate.cli as command\n"
        "def work(*_, **__):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(1.0)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(0.3)\n"
        "        raise RuntimeError('a callback failed') from None\n"
        "command.cli.main = work\ncommand.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "penultimate: interrupted\n")


def test_progress_is_shown_on_a_terminal_alone():
    code = (
        "import sys, time; from penultimate.cli.results import progress\n"
        "with progress('forecasting') as step:\n"
        "    time.sleep(2.0); step('features', 5); step('features', 7); time.sleep(0.5)\n"
    )
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    child = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    child.wait()
    os.close(ours)
    assert b"forecasting" in shown
    assert b"reading features: 12 samples" in shown
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stderr == b""


def test_what_takes_long_is_said_before(penultimate, capsys):
    from penultimate.cli.costs import announce, announce_audit, announce_forecast, announce_head

    announce(29.0, 1 << 30, "little")
    assert capsys.readouterr().err == ""
    announce(45.0, 5 << 30, "much")
    assert capsys.readouterr().err == "this takes about 45 seconds and about 5 GiB of memory (much); Ctrl-C ends it\n"
    squared, entropy = (pen.Problem.from_decays(loss=loss) for loss in ("mse", "ce"))
    announce_forecast(pen.ClassCounts(np.arange(1.0, 160_001)), squared, searched=[squared])
    assert capsys.readouterr().err == ""
    announce_forecast(pen.ClassCounts(np.arange(1.0, 2_000_001)), squared, searched=[squared])
    assert "50 seconds (2,000,000 classes of 2,000,000 distinct counts)" in capsys.readouterr().err
    announce_forecast(pen.ClassCounts(np.arange(1.0, 4_001)), *[entropy] * 3, searched=[entropy])  # on bins
    assert capsys.readouterr().err == ""
    announce_forecast(pen.ClassCounts(np.arange(1.0, 4_001)), *[entropy] * 3, searched=[entropy] * 3, every=True)
    assert "41 seconds (4,000 classes" in capsys.readouterr().err
    announce_forecast(pen.ClassCounts(np.arange(1.0, 431)), entropy, searched=[entropy])  # the first death
    assert capsys.readouterr().err == ""
    announce_forecast(pen.ClassCounts(np.arange(1.0, 431)), entropy, searched=[entropy], every=True)
    assert "34 seconds (430 classes" in capsys.readouterr().err
    announce_forecast(pen.ClassCounts(np.arange(1.0, 3_001)), pen.Problem.from_decays(loss="cdt:0.3"), searched=[])
    assert "32 minutes and about 3 GiB of memory (3,000 classes" in capsys.readouterr().err
    narrow = pen.Problem.from_decays(loss="ce", width=10)  # a search from many starts
    announce_forecast(pen.ClassCounts(np.arange(1.0, 101)), narrow, searched=[])
    assert "53 seconds (100 classes" in capsys.readouterr().err
    announce_audit(10_000, 512)
    assert capsys.readouterr().err == ""
    announce_audit(16_000, 512)
    assert "33 seconds (16,000 classes of width 512)" in capsys.readouterr().err
    announce_audit(256_000, 1024)  # a sample of 4,096 classes against all
    assert "4 minutes and about 6 GiB of memory (256,000 classes of width 1,024)" in capsys.readouterr().err
    announce_head(50_257, 768, compared=True)
    assert "2 minutes (50,257 rows of width 768)" in capsys.readouterr().err
    announce_head(50_257, 768, compared=False)
    assert capsys.readouterr().err == ""
