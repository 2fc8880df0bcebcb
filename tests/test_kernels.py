"""Compiled loops without a cache on the disk, and with a damaged one; and what does without them."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba.core import caching

from penultimate.kernels import kernel


def total(x):
    sum_ = 0.0
    for i in range(x.size):
        sum_ += x[i]
    return sum_


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def compiled():
    """Decorate the function anew, as another process would; call it; say whether it came from the cache."""
    made = kernel(error_model="numpy")(total)
    assert made(np.arange(4.0)) == 6.0
    return bool(made.compiled.stats.cache_hits)


def files(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_what_was_compiled_is_kept(cache):
    assert not compiled()
    assert compiled()


def test_without_a_folder_for_it(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert not compiled()


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"garbage" * 40,
        lambda content: b"\x80\x04\x95" + b"\xff" * 64,
        lambda content: content[:-700] + bytes([content[-700] ^ 1]) + content[-699:],
        lambda content: content[:-40] + bytes([content[-40] ^ 128]) + content[-39:],
    ],
    ids=["empty", "half", "garbage", "endless", "bit", "late bit"],
)
def test_with_a_damaged_one(cache, suffix, damage):
    compiled()
    for path in files(cache):
        if path.suffix == suffix:
            path.write_bytes(damage(path.read_bytes()))
    assert not compiled()
    assert compiled()  # and it was made whole again


def test_with_a_full_disk(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
    assert not compiled()


def test_the_package_without_any_cache():
    code = (
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import penultimate as pen\n"
        "print(pen.forecast(pen.ClassCounts([600, 300, 12, 9]), 0.12, feature_ratio=1).survivors)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HOME": "/proc/nope"},
    )
    assert done.stdout == "2\n"


# The first two of squared error, whose forecast is a closed form: no optimiser is loaded either.
SMALL = (
    ["forecast", "lvis"],
    ["audit", "cnn-mse"],
    ["forecast", "cifar100-lt", "--loss", "ce"],
    ["advise", "cifar100-lt"],
    ["audit", "cnn-ce", "--loss", "ce"],
)
HEAVY = ("numba", "scipy.stats", "scipy.optimize", "altair", "matplotlib", "sklearn", "torch")


def test_small_problems_load_nothing_heavy():
    code = (
        "import contextlib, io, sys\n"
        "from penultimate.cli import cli\n"
        f"for arguments in {SMALL}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):\n"
        "        cli.main(arguments, standalone_mode=False)\n"
        "    assert said.getvalue()\n"
        f"    print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()
    assert loaded[:2] == ["", ""] and len(loaded) == len(SMALL)
    assert not {"numba", "altair", "matplotlib", "sklearn", "torch"} & set(" ".join(loaded).split())


@pytest.mark.parametrize(
    ("classes", "samples", "small"),
    [(1000, 0, True), (1001, 0, False), (0, 49_999, True), (0, 50_000, False), (1000, 49_999, True)],
)
def test_the_size_of_the_problem_decides(classes, samples, small):
    made = kernel(twin=lambda x: "by NumPy")(total)
    chosen = made.at(classes=classes, samples=samples)
    assert (chosen is not made) is small and (not small or chosen(np.ones(2)) == "by NumPy")


def test_a_twin_is_as_silent_as_its_loop():
    halved = kernel(twin=lambda x: 1.0 / x, error_model="numpy")(lambda x: 1.0 / x)
    assert halved.at()(np.zeros(1))[0] == np.inf == halved(np.zeros(1))[0]


def test_what_has_no_twin_is_compiled_whatever_the_size():
    alone = kernel()(total)
    assert alone.at(classes=2) is alone
