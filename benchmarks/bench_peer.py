"""What a public PyTorch package (rhubarbwu/neural-collapse) measures of neural collapse, against the same figures here.

It is on no registry. Where its checkout is not on the path, an archive of it beside this project is unpacked while the
benchmark runs: ``../shared/peers/neural-collapse-*.tar.gz``.
"""

import importlib.util
import os
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path

import numba
import numpy as np
from threadpoolctl import threadpool_limits

import penultimate as pen
from bench_audit import DIMENSION, fill, trained
from measure import alternately, console, table
from penultimate.features import moments
from penultimate.features.metrics.centred import ClassRows
from penultimate.features.metrics.frames import cosines_between
from penultimate.features.passes import deciding as deciding_module
from penultimate.features.passes.deciding import Deciding

ARCHIVES = Path(__file__).resolve().parents[2] / "shared" / "peers"
# The peer's masks are K × batch: of these batches the one that suits it best counts.
BATCHES = (512, 4096)
AGREE = 1e-4
Figures = dict[str, float]


def ours(features: np.ndarray, labels: np.ndarray, head: pen.Head) -> Figures:
    """Two passes, all measures of `penultimate.metrics`, and those that the peer defines alike."""
    statistics = fill(features, labels, head.classes)
    deciding = Deciding(statistics, head)
    deciding.update(features, labels)
    pen.metrics.collapse_metrics(statistics, head.product)
    means = ClassRows.means(statistics, "classes")
    return {
        "NC1, pseudo-inverse": pen.metrics.nc1(statistics, "classes"),
        "NC1, quotient of traces": pen.metrics.variability_quotient(statistics, "classes"),
        "CDNV": pen.metrics.PairwiseVariance(statistics).mean,
        "distance to the simplex": pen.metrics.gram_distance(means[:], pen.frames.simplex_etf(head.classes).mean_gram),
        "cosine of head and means": float(cosines_between(means.of(head), means).mean()),
        "agreement of head and nearest mean": float(
            np.average(deciding.decisions.agreement, weights=statistics.counts)
        ),
    }


def peer(features: np.ndarray, labels: np.ndarray, head: pen.Head, batch: int) -> Figures:
    """The peer's three passes, and its measures of the same things (and self-duality by its own definition)."""
    import torch
    from neural_collapse.accumulate import CovarAccumulator, DecAccumulator, MeanAccumulator, VarNormAccumulator
    from neural_collapse.measure import (
        clf_ncc_agreement,
        covariance_ratio,
        self_duality_error,
        similarities,
        simplex_etf_error,
        variability_cdnv,
    )

    size = (head.classes, DIMENSION)
    every = list(zip(torch.from_numpy(features).split(batch), torch.from_numpy(labels).split(batch), strict=True))
    weight = torch.from_numpy(head.product.astype(np.float32))
    sums = MeanAccumulator(*size)
    for rows, own in every:
        sums.accumulate(rows, own)
    means, centre = sums.compute()
    spreads, scatter = VarNormAccumulator(*size, M=means), CovarAccumulator(*size, M=means)
    for rows, own in every:
        spreads.accumulate(rows, own, means)
        scatter.accumulate(rows, own, means)
    answers = DecAccumulator(*size, M=means, W=weight)
    for rows, own in every:
        answers.accumulate(rows, own, weight, means)
    within = scatter.compute()
    self_duality_error(weight, means, centre)
    return {
        "NC1, pseudo-inverse": covariance_ratio(within, means, centre),
        "NC1, quotient of traces": covariance_ratio(within, means, centre, "quotient"),
        "CDNV": variability_cdnv(spreads.compute()[0], means, tile_size=64),
        "distance to the simplex": simplex_etf_error(means, centre),
        "cosine of head and means": similarities(weight, means, centre, cos=True).mean().item(),
        "agreement of head and nearest mean": clf_ncc_agreement(answers),
    }


def race(count: int) -> None:
    """Print both sides' times with as many threads, and make sure that the figures agree."""
    import torch

    torch.set_num_threads(count)
    numba.set_num_threads(count)
    out = table(f"All that the peer measures, threads: {count}", "samples, classes", "peer", "ours", "ratio", "bound")
    values = table("The same figures", "samples, classes", "figure", "peer", "ours", "relative difference")
    for samples, classes, bound in ((50_000, 100, "3"), (100_000, 1000, "5")):
        features, labels, weight = trained(samples, classes)
        data = (features, labels, pen.Head(weight.weights))  # the peer knows no bias
        sides = [partial(peer, *data, batch) for batch in BATCHES]
        with threadpool_limits(count):
            *theirs, mine = alternately(*sides, partial(ours, *data))
        name = f"{samples:,}, {classes:,}"
        out.add_row(name, f"{min(theirs):.2f} s", f"{mine:.2f} s", f"{min(theirs) / mine:.1f} ×", bound)
        own, others = ours(*data), peer(*data, BATCHES[-1])
        for figure, value in own.items():
            apart = abs(others[figure] / value - 1.0)
            values.add_row(name, figure, f"{others[figure]:.6g}", f"{value:.6g}", f"{apart:.1e}")
            if not apart <= AGREE:
                raise SystemExit(f"{figure}: {value} here and {others[figure]} there")
    console.print(out)
    console.print(values)


def unpacked(folder: str) -> None:
    """Put an archive of the peer on the path, where there is one."""
    for archive in sorted(ARCHIVES.glob("neural-collapse-*.tar.gz")):
        with tarfile.open(archive) as held:
            held.extractall(folder, filter="data")
        sys.path.append(str(next(Path(folder).iterdir())))
        console.print(f"bench_peer: {archive.name} of {ARCHIVES.parent.name}/{ARCHIVES.name}")
        return


def compare() -> None:
    """Race with one thread and with all, where the peer and PyTorch are to be had."""
    if importlib.util.find_spec("neural_collapse") is None or importlib.util.find_spec("torch") is None:
        console.print("bench_peer: neural_collapse or torch is not to be had, so nothing is compared with them")
        return
    for number in sorted({1, len(os.sched_getaffinity(0))}):
        for module in (moments, deciding_module):
            module.workers = lambda number=number: number
        race(number)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        if importlib.util.find_spec("neural_collapse") is None:
            unpacked(place)
        compare()
