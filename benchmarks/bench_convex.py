"""Cross-entropy solved to a certificate: against a short accelerated proximal gradient method and cvxpy's solvers.

All counts distinct, from 5,000 down to 50, weight decay 5e-4, c = 1. Both gaps come from the same certificate. Then all
critical weight decays, in CPU seconds, against a root for each direction whose every sign is solved from nothing.
"""

import argparse
import contextlib
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

import penultimate as pen
from measure import best, console, cpu, once, table
from penultimate.losses import CrossEntropy
from penultimate.minimisers.certificate import certify
from penultimate.minimisers.convex.deaths import find_deaths, first_death

DECAY = 5e-4
CVXPY = ("CLARABEL", "SCS")


def fista(n: np.ndarray, mu: float, gap: float, steps: int = 100_000) -> tuple[np.ndarray, np.ndarray]:
    """Accelerated proximal gradient with restarts on A + β uᵀ (A ⟂ u), singular values thresholded; 30 lines."""
    samples = n.sum()
    u = np.sqrt(n / samples)
    step = 2.0 * samples
    x = np.zeros((n.size, n.size)) + np.outer(np.sqrt(samples) * np.log(n / samples), u)
    y, momentum = x, 1.0
    for iteration in range(steps):
        slope = (softmax(y / np.sqrt(n), axis=0) - np.eye(n.size)) * np.sqrt(n) / samples
        moved = y - step * slope
        along = moved @ u
        left, sigma, right = np.linalg.svd(moved - np.outer(along, u), full_matrices=False)
        new = (left * np.maximum(sigma - step * mu, 0.0)) @ right + np.outer(along, u)
        if np.sum((y - new) * (new - x)) > 0:
            momentum = 1.0
        following = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        y, x, momentum = new + (momentum - 1.0) / following * (new - x), new, following
        if iteration % 50 == 49 and relative_gap(n, mu, x) <= gap:
            break
    return x, u


def relative_gap(n: np.ndarray, mu: float, x: np.ndarray) -> float:
    """Relative duality gap of a point of `fista`."""
    counts = pen.ClassCounts(n)
    u = np.sqrt(n / n.sum())
    bias = (x @ u) / np.sqrt(n.sum())
    matrix = x - np.outer(x @ u, u)
    return certify(counts, CrossEntropy().grouped(counts), mu, "free", matrix, np.zeros(n.size), bias).relative_gap


def interior_point(n: np.ndarray, mu: float, solver: str) -> float:
    """The objective that one of cvxpy's solvers ends with."""
    import cvxpy as cp

    size = n.size
    a, b = cp.Variable((size, size)), cp.Variable(size)
    logits = a @ np.diag(1 / np.sqrt(n)) + cp.reshape(b, (size, 1), order="C") @ np.ones((1, size))
    losses = cp.hstack([cp.log_sum_exp(logits[:, k]) - logits[k, k] for k in range(size)])
    return cp.Problem(cp.Minimize(losses @ (n / n.sum()) + mu * cp.normNuc(a))).solve(solver=solver)


def fastest_of_cvxpy(n: np.ndarray, mu: float, ours: float) -> list[str]:
    """Seconds of the fastest of its solvers that does not give up, with its name, and the ratio."""
    from cvxpy.error import SolverError

    times: dict[str, float] = {}
    for solver in CVXPY:
        with contextlib.suppress(SolverError):
            times[solver] = once(lambda s=solver: interior_point(n, mu, s))
    if not times:
        return ["none solves it", ""]
    solver = min(times, key=lambda name: times[name])
    return [f"{times[solver]:.1f} ({solver})", f"{times[solver] / ours:.0f} ×"]


def counts_of(classes: int, distinct: int | None = None) -> pen.ClassCounts:
    """Counts from 5,000 to 50, each of them as often as makes up the number of classes."""
    distinct = distinct or classes
    return pen.ClassCounts(np.repeat(np.geomspace(5000, 50, distinct), classes // distinct))


def peers(sizes: list[int], cvxpy_size: int) -> None:
    """Print this solver beside the two peers, at equal or better gap."""
    out = table("Against peers, same run", "classes", "ours s", "gap", "FISTA s", "gap", "ratio", "cvxpy s", "ratio")
    for size in sizes:
        counts = counts_of(size)
        problem = pen.Problem.from_decays(DECAY, loss="ce")
        mu = problem.kappa(counts.samples)
        ours = best(lambda c=counts, p=problem: pen.minimise(c, p), repeats=3)
        solution = pen.minimise(counts, problem)
        assert solution.certificate is not None
        x: list[np.ndarray] = []
        slow = once(lambda c=counts, m=mu, x=x: x.append(fista(c.values, m, 1e-7)[0]))
        row = [f"{size}", f"{ours:.3f}", f"{solution.certificate.relative_gap:.0e}", f"{slow:.2f}"]
        row += [f"{relative_gap(counts.values, mu, x[0]):.0e}", f"{slow / ours:.0f} ×"]
        if size <= cvxpy_size:
            row += fastest_of_cvxpy(counts.values, mu, ours)
        out.add_row(*row)
    console.print(out)


def curve(title: str, cases: list[tuple[pen.ClassCounts, float, float]]) -> None:
    """Print time against size."""
    out = table(title, "classes K", "groups m", "weight decay", "gap asked", "gap", "seconds", "Newton steps")
    for counts, decay, gap in cases:
        problem = pen.Problem.from_decays(decay, loss="ce")
        done: list[pen.Solution] = []
        seconds = once(lambda c=counts, p=problem, g=gap, d=done: d.append(pen.minimise(c, p, gap=g)))
        certificate = done[0].certificate
        assert certificate is not None
        row = (f"{counts.classes:,}", f"{counts.distinct.size}", f"{decay:g}", f"{gap:.0e}")
        out.add_row(*row, f"{certificate.relative_gap:.0e}", f"{seconds:.2f}", done[0].method.split()[1])
    console.print(out)


Signs = Callable[[pen.ClassCounts, float], np.ndarray]


def signs_of_solver(counts: pen.ClassCounts, decay: float) -> np.ndarray:
    """Singular values over the threshold, less one, from this solver, started from nothing."""
    solution = pen.minimise(counts, pen.Problem.from_decays(decay, loss="ce"), gap=1e-11)
    return solution.sigma / solution.threshold - 1.0


def signs_of_fista(counts: pen.ClassCounts, decay: float) -> np.ndarray:
    """The same from `fista`."""
    n, samples = counts.values, counts.samples
    mu = decay / np.sqrt(samples)
    x, u = fista(n, mu, 1e-8)
    slope = (softmax(x / np.sqrt(n), axis=0) - np.eye(n.size)) * np.sqrt(n)
    moved = x - slope
    sigma = np.linalg.svd(moved - np.outer(moved @ u, u), compute_uv=False)
    return sigma[:-1] / (samples * mu) - 1.0


def roots(counts: pen.ClassCounts, signs: Signs) -> np.ndarray:
    """Brent's method for each direction, to 1e-6, between 9/10 of squared error's critical decay and itself."""
    highest = pen.LabelSpectrum(counts).sigma / np.sqrt(counts.samples) * (1.0 + 1e-4)
    found = [
        brentq(lambda decay, i=i: signs(counts, decay)[i], 0.9 * high, high, xtol=1e-9, rtol=1e-6)
        for i, high in enumerate(highest.tolist())
    ]
    return np.array(found)


def critical_decays(sizes: list[int], peer_size: int) -> None:
    """Print what all critical decays take, and the first one of many counts."""
    out = table("All critical decays, CPU", "classes", "bracket", "ours s", "root each, cold s", "root each, FISTA s")
    for size in sizes:
        counts, problem = counts_of(size), pen.Problem.from_decays(DECAY, loss="ce")
        for bracket in (1e-6, 2e-2):
            taken = cpu(lambda c=counts, p=problem, b=bracket: find_deaths(c, p, b))
            row = [f"{size}", f"{bracket:g}", f"{taken:.2f}"]
            if size <= peer_size and bracket == 1e-6:
                ours = np.array([death.weight_decay for death in find_deaths(counts, problem)])
                for signs in (signs_of_solver, signs_of_fista):
                    theirs: list[np.ndarray] = []
                    seconds = cpu(lambda c=counts, s=signs, t=theirs: t.append(roots(c, s)))
                    apart = np.abs(theirs[0] / ours - 1).max()
                    row.append(f"{seconds:.1f}, {seconds / taken:.1f} ×, differing by {apart:.0e}")
            out.add_row(*row)
    console.print(out)


def first_deaths() -> None:
    """Print what the first death alone takes where all would take too long."""
    out = table("First death, CPU", "counts", "groups m", "weight decay", "bracket", "seconds")
    for name, counts in (("LVIS", pen.datasets.counts("lvis")), ("all distinct", counts_of(400))):
        found: list[pen.CriticalDecay | None] = []
        problem = pen.Problem.from_decays(DECAY, loss="ce")
        seconds = cpu(lambda c=counts, p=problem, f=found: f.append(first_death(c, p, 1e-3)))
        death = found[0]
        assert death is not None
        low, high = death.bracket
        out.add_row(
            name, f"{counts.distinct.size}", f"{death.weight_decay:.6g}", f"{high / low - 1:.0e}", f"{seconds:.1f}"
        )
    console.print(out)


def main() -> None:
    """Print times, gaps and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    quick = parser.parse_args().quick
    pen.minimise(counts_of(10), pen.Problem.from_decays(DECAY, loss="ce"))
    peers([10, 40] if quick else [10, 40, 100], 10 if quick else 40)
    distinct = [(counts_of(size), DECAY, 1e-6) for size in ((100, 200) if quick else (100, 200, 400, 700, 1000))]
    curve("All counts distinct", distinct)
    grouped = [(counts_of(10**power, 20), DECAY, 1e-8) for power in (2, 3, 4, 5, 6)]
    curve("Twenty distinct counts", grouped)
    critical_decays([10] if quick else [20, 100], 10 if quick else 20)
    if not quick:
        first_deaths()
        lvis = pen.datasets.counts("lvis")
        curve("LVIS", [(lvis, decay, 1e-6) for decay in (5e-4, 5e-3, 2e-2)])


if __name__ == "__main__":
    main()
