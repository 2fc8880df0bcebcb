"""Processes that forked, threads of any kind, and interrupts: nothing hangs, aborts, or waits."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import penultimate as pen
from penultimate import threads
from penultimate.threads import over_rows

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def survivors(classes):
    return pen.forecast(pen.ClassCounts(range(1, classes)), 0.01, feature_ratio=1.0).survivors


def audited(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 3
    return pen.audit(rng.standard_normal((60, 4)) + 3 * np.eye(4)[y], y).metrics.nc1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("call", [survivors, audited])
@pytest.mark.parametrize("sizes", [(20, 30, 25), (1500, 1501, 1502)], ids=["small", "large"])
def test_a_pool_of_forked_processes_after_a_call(call, sizes, monkeypatch):
    # Threads even for few, on a machine with one core too.
    monkeypatch.setattr(threads, "workers", lambda: 2)
    expected = [call(size) for size in sizes]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(call, sizes).get(timeout=120) == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_another_thread_holds_the_lock():
    held, done = threading.Event(), threading.Event()

    def hold():
        with threads._lock:
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        with threads.one_thread_of_blas():
            os._exit(0)
    done.set()
    holder.join()
    assert os.waitpid(child, 0)[1] == 0


def test_forecasts_in_threads_under_any_threading_layer_of_numba():
    code = (
        "import penultimate as pen\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(k): return pen.forecast(pen.ClassCounts(range(1, k)), 0.01).survivors\n"
        "with ThreadPoolExecutor(4) as pool: print(len(list(pool.map(f, [1200, 1201, 1202, 1203, 20, 30]))))"
    )
    environment = os.environ | {"NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2"}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "6\n", "")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("rows", "steps"), [(0, 5), (1, 1 << 25), (7, 1 << 24), (5000, 1000)])
def test_rows_are_each_worked_on_once(monkeypatch, workers, rows, steps):
    monkeypatch.setattr(threads, "workers", lambda: workers)
    seen = np.zeros(rows, dtype=int)

    def note(first, last):
        seen[first:last] += 1

    over_rows(note, rows, steps)
    assert (seen == 1).all()


@pytest.mark.parametrize("workers", [1, 3])
def test_no_range_is_begun_after_an_error(monkeypatch, workers):
    monkeypatch.setattr(threads, "workers", lambda: workers)
    begun = []

    def fail(first, _):
        begun.append(first)
        time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        over_rows(fail, 1000, 1 << 24)
    assert len(begun) <= 20


def test_threads_agree_with_none(monkeypatch):
    counts = pen.ClassCounts(np.random.default_rng(0).permutation(20_000)[:1500] + 1.0)
    found = []
    for workers in (1, 3):
        monkeypatch.setattr(threads, "workers", lambda workers=workers: workers)
        spectrum = pen.LabelSpectrum(counts)
        found.append((spectrum.sigma, spectrum.quotient._norm))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


def test_many_threads_at_once_each_with_threads():
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(survivors, [1100] * 4)) == [survivors(1100)] * 4
