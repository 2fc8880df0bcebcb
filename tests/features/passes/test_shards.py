"""What a shard costs on a worker: bytes that are sent to it, which loops it takes, and pages of memory."""

import ctypes
import os
import pickle
import platform
import subprocess
import sys

import numpy as np
import pytest

from penultimate.features.moments import Moments
from penultimate.features.passes import kept_memory as kept_memory_module
from penultimate.features.passes.answering import Drawn
from penultimate.features.passes.observed import ObservedEntries, ObservedPairs
from penultimate.features.passes.replicates import Replicates


def test_what_is_sent_to_a_worker_holds_no_tables_of_all_classes():
    classes, dimension = 2000, 50
    statistics = Replicates(classes, dimension, 1)
    statistics.update(np.random.default_rng(0).normal(size=(classes, dimension)), np.arange(classes))
    entries = ObservedEntries(classes, dimension, 1)
    entries.update(np.random.default_rng(0).normal(size=(classes, dimension)), np.arange(classes))
    for accumulator in (statistics, Drawn(statistics.whole), entries):
        assert len(pickle.dumps(accumulator.fresh())) < classes * dimension
    # Residuals need the means, and how much of them those take; the tables of the first pass stay here.
    assert len(pickle.dumps(ObservedPairs(entries).fresh())) < 2.1 * entries.means([0]).nbytes


def test_a_shard_is_summed_as_one_process_would_at_its_place(monkeypatch):
    """By the size of the whole problem, on which hangs whether loops are compiled."""
    sizes, add = [], Moments.add
    monkeypatch.setattr(
        Moments, "add", lambda self, rows, own, weights, size: (sizes.append(size), add(self, rows, own, weights, size))
    )
    rng, whole = np.random.default_rng(0), Replicates(3, 4, 2)
    shards = [(rng.normal(size=(60, 4)), rng.integers(0, 3, 60)) for _ in range(3)]
    for shard in shards:
        whole.update(*shard)
    alone, before = sizes.copy(), np.zeros(3, dtype=np.int64)
    sizes.clear()
    for features, labels in shards:
        whole.fresh(before).update(features, labels)
        before = before + np.bincount(labels, minlength=3)
    # Where a class has an odd number of samples, one part has one more than the other.
    np.testing.assert_allclose(sizes, alone, atol=6)


@pytest.mark.parametrize("place", ["another system", "another library"])
def test_another_allocator_is_left_alone(place, monkeypatch):
    if place == "another system":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    monkeypatch.setattr(kept_memory_module, "_allocator", kept_memory_module._allocator.__wrapped__)
    with kept_memory_module.kept_memory():
        assert kept_memory_module._allocator() is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is said of pages is said of glibc")
def test_the_blocks_of_a_task_share_their_pages():
    code = (
        "import resource, numpy as np\n"
        "from penultimate.features.passes.kept_memory import kept_memory\n"
        "with kept_memory():\n"
        "    np.ones(1 << 20)\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(50): np.ones(1 << 20)\n"
        "    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())"
    )
    told = subprocess.check_output([sys.executable, "-c", code], env=os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"})
    assert int(told) < 2 * (8 << 20)  # of 50 blocks of 8 MiB
