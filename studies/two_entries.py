"""What do a few entries of each sample tell (Cao, Liang and Valiant, arXiv 2306.04049), and what should one log?

Two entries a row of a matrix of rank r: its row space comes back from some r² d rows on. Then real features with
entries missing at random, against the same without gaps; and at equal bytes a few columns of every sample, whole
samples at random, and whole samples with rare classes first.
"""

import altair as alt
import numpy as np

import penultimate as pen
from penultimate.features.sources.in_memory import Samples, gather
from studies import charts
from studies.results import Claim, Study, main, markdown

SPACES, TIMES = ((200, 4), (100, 5), (200, 10)), (1.5, 3.0, 10.0, 40.0)
NETWORKS, GAPS, LOGGED = ("cnn-ce", "cnn-mse"), 0.1, 8
COLUMNS, RANDOM, RARE = "a few columns of every sample", "whole samples, at random", "whole samples, rare classes first"


def cosine(width: int, rank: int, rows: int, rng: np.random.Generator) -> float:
    """Mean squared cosine of the row space and the leading eigenvectors of the second moment by pairs."""
    space = np.linalg.qr(rng.standard_normal((width, rank)))[0]
    first = rng.integers(width, size=rows)
    second = (first + rng.integers(1, width, size=rows)) % width
    scores = rng.standard_normal((rows, rank))
    one, other = (np.einsum("nr,nr->n", scores, space[some]) for some in (first, second))
    moment = np.zeros(width * width)
    for row, column, weight, product in (
        (first, second, width * (width - 1) / 2, one * other),
        (second, first, width * (width - 1) / 2, one * other),
        (first, first, width / 2, one**2),
        (second, second, width / 2, other**2),
    ):
        moment += np.bincount(row * width + column, weight * product, width * width)
    leading = np.linalg.eigh(moment.reshape(width, width) / rows)[1][:, -rank:]
    return float(np.sum((leading.T @ space) ** 2) / rank)


def spaces(draws: int, seed: int) -> dict[tuple[int, int, float], tuple[float, float]]:
    """Squared cosine at so many times N_c rows, and how often each pair of columns was seen."""
    rng = np.random.default_rng(seed)
    found = {}
    for width, rank in SPACES:
        critical = width * rank * (rank + 2) / 2
        for times in TIMES:
            rows = int(times * critical)
            value = float(np.mean([cosine(width, rank, rows, rng) for _ in range(draws)]))
            found[width, rank, times] = (value, rows / (width * (width - 1) / 2))
    return found


def _off(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def _errors(found: pen.FeatureStatistics, whole: pen.FeatureStatistics, counts: np.ndarray) -> list[float]:
    """Of class means, the rarest of them, their Gram matrix, the quotient of traces (logarithm), and the scatter."""
    middle = whole.global_mean
    means, wanted = found.means - middle, whole.means - middle
    rarest = int(np.argmin(counts))
    traces = [float(np.sum(one.spreads / one.counts * counts)) for one in (found, whole)]
    between = [float(np.sum(rows**2)) for rows in (means, wanted)]
    scatters = [one.within_scatter / one.samples for one in (found, whole)]
    return [
        _off(means, wanted),
        _off(means[rarest], wanted[rarest]),
        _off(means @ means.T, wanted @ wanted.T),
        abs(float(np.log(traces[0] / traces[1] * between[1] / between[0]))),
        _off(*scatters),
    ]


def holes(network: str, draws: int, seed: int) -> list[float]:
    """Errors with a tenth of the entries gone, and that of NC1 (logarithm), in the mean over draws."""
    samples, rng = gather(pen.datasets.features(network)), np.random.default_rng(seed)
    whole = pen.audit(samples.features, samples.labels)
    rows = []
    for _ in range(draws):
        gone = np.where(rng.random(samples.features.shape) < GAPS, np.nan, samples.features)
        found = pen.audit(gone, samples.labels, gaps="observed")
        errors = _errors(found.statistics, whole.statistics, whole.statistics.counts)
        rows.append([*errors, abs(float(np.log(found.metrics.nc1 / whole.metrics.nc1)))])
    return np.mean(rows, axis=0).tolist()


def logs(network: str, draws: int, seed: int) -> dict[str, list[float]]:
    """Errors at equal bytes: eight of sixty-four columns of all samples, or an eighth of the samples."""
    samples, rng = gather(pen.datasets.features(network)), np.random.default_rng(seed)
    counts = np.bincount(samples.labels).astype(np.float64)
    whole = pen.FeatureStatistics.from_features(*samples)
    width = samples.features.shape[1]
    budget = len(samples.labels) * LOGGED // width
    each = max(one for one in range(1, budget) if np.minimum(counts, one).sum() <= budget)
    found: dict[str, list[list[float]]] = {COLUMNS: [], RANDOM: [], RARE: []}
    for draw in range(draws):
        hidden = np.argsort(rng.random(samples.features.shape), axis=1) >= LOGGED
        gone = np.where(hidden, np.nan, samples.features)
        by_columns = pen.audit(gone, samples.labels, gaps="observed").statistics
        chosen = samples.take(rng.permutation(len(samples.labels))[:budget])
        reservoir = pen.Reservoir(counts.size, width, each, seed=seed + draw)
        reservoir.update(*samples)
        kept = Samples(*next(reservoir.source().batches())[:2])
        for how, statistics in (
            (COLUMNS, by_columns),
            (RANDOM, pen.FeatureStatistics.from_features(*chosen, classes=counts.size)),
            (RARE, pen.FeatureStatistics.from_features(*kept)),
        ):
            found[how].append(_errors(statistics, whole, counts))
    return {how: np.mean(rows, axis=0).tolist() for how, rows in found.items()}


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    cosines = spaces(2 if quick else 8, seed)
    missing = {network: holes(network, 1 if quick else 5, seed + 1) for network in NETWORKS}
    logged = {network: logs(network, 1 if quick else 5, seed + 2) for network in NETWORKS}
    often = {key: value for key, (value, seen) in cosines.items() if seen >= 4.0}
    seldom = {key: value for key, (value, seen) in cosines.items() if seen < 1.0 and key[2] >= 3.0}
    limits = {"class means": (0, 0.02), "Gram matrix": (2, 0.02), "log NC1": (5, 0.01), "scatter": (4, 0.05)}
    claims = [
        Claim(
            "two entries a row: cos² of the row space, pairs seen four times and more",
            "1 − N_c/N, N_c = d r (r + 2)/2",
            ", ".join(f"{value:.3f} for {1 - 1 / key[2]:.3f}" for key, value in often.items()),
            max(abs(value - 1.0 + 1.0 / key[2]) for key, value in often.items()),
            0.03,
            "the leading term in N_c/N",
        ),
        Claim(
            "the same with three times N_c rows, where most pairs were seen less than once",
            "1 − N_c/N does not hold: counts so small are no Gaussian noise",
            ", ".join(f"{value:.2f} for {1 - 1 / key[2]:.2f}" for key, value in seldom.items()),
            0.1 - min(abs(value - 1.0 + 1.0 / key[2]) for key, value in seldom.items()),
            0.0,
            "off by a tenth at least",
        ),
        *(
            Claim(
                f"a tenth of the entries gone: {what}",
                f"off by at most {limit:g}",
                ", ".join(f"{errors[place]:.4f} ({network})" for network, errors in missing.items()),
                max(errors[place] for errors in missing.values()),
                limit,
                "what an audit of them promises",
            )
            for what, (place, limit) in limits.items()
        ),
        Claim(
            "at equal bytes, class means by whole samples, rare classes first, over those by a few columns",
            "less than half of the error",
            ", ".join(f"{found[RARE][0] / found[COLUMNS][0]:.2f} ({network})" for network, found in logged.items()),
            max(found[RARE][0] / found[COLUMNS][0] for found in logged.values()),
            0.5,
            "why the documentation advises it",
        ),
    ]
    facts = {
        "spaces": [[*key, *value] for key, value in cosines.items()],
        "gaps": missing,
        "logs": logged,
    }
    return Study(claims, {"cosines": _chart(cosines)}, facts, {"spaces": _of_spaces(cosines), "logs": _of_logs(logged)})


def _of_spaces(cosines: dict[tuple[int, int, float], tuple[float, float]]) -> str:
    rows = [
        (f"{width}", f"{rank}", f"{times:g}", f"{seen:.1f}", f"{1 - 1 / times:.3f}", f"{value:.3f}")
        for (width, rank, times), (value, seen) in cosines.items()
    ]
    return markdown(("d", "r", "N/N_c", "times a pair was seen", "1 − N_c/N", "cos²"), rows)


def _of_logs(logged: dict[str, dict[str, list[float]]]) -> str:
    rows = [
        (network, how, *(f"{error:.3f}" for error in errors))
        for network, by in logged.items()
        for how, errors in by.items()
    ]
    heads = ("data", "logged", "class means", "rarest class", "Gram matrix", "quotient of traces (log)", "scatter")
    return markdown(heads, rows)


def _chart(cosines: dict[tuple[int, int, float], tuple[float, float]]) -> alt.LayerChart:
    rows = [
        {"times": times, "value": value, "what": f"d = {width}, r = {rank}"}
        for (width, rank, times), (value, _) in cosines.items()
    ]
    rows += [{"times": times, "value": 1 - 1 / times, "what": "1 − N_c/N"} for times in TIMES]
    x = charts.axis("times", "rows, over N_c", log=True)
    y = charts.axis("value", "cos² of the row space")
    names = [*(f"d = {width}, r = {rank}" for width, rank in SPACES), "1 − N_c/N"]
    notes = ["Two entries a row; the line holds once every pair has been seen some four times"]
    return charts.chart(
        "Row space from two entries a row", notes, charts.lines(rows, x, y, charts.colour("what", "", names))
    )


if __name__ == "__main__":
    main("two_entries", study)
