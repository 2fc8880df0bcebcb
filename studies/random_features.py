"""Random Fourier features: is the test error that which the law says before any are drawn, double descent included?

Liao, Couillet and Mahoney 2020 (arXiv 2006.05013; docs/theory §10.2) take samples, features and random features to be
large together. Here their experiment: two classes, labels ±1, ridge regression on N pairs of cosines and sines over
N/n, with weight decays from next to nothing up. Data: digits 3 and 8 (scikit-learn, 8 × 8 pixels), tops and shirts of
Fashion-MNIST, and penultimate features of a bundled network. MNIST, which the paper shows first, comes with no package
under a permissive licence. Each point is the mean over heads that are drawn.

Then the question a user has: would a non-linear head pay? `forecast_random_features` says so from held-out samples;
what follows is measured on others, with heads that are drawn and fitted. Linear heads are scikit-learn's here, and so
are two peers of the non-linear head with as many columns, the same kernel and the same weight decay: `RBFSampler`
(cosines with random phases) and `Nystroem` (kernels with random samples).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import Pipeline, make_pipeline

import penultimate as pen
from penultimate.equivalents import RandomFeaturesLaw
from studies import charts
from studies.data import available, fashion
from studies.results import Claim, Study, main, markdown

TWELVE = (0.12, "asked for, beyond two standard errors of the heads drawn")
POINTS = (0.02, "two points: a few hundred test samples know an accuracy no better")
DECAYS = (1e-7, 1e-4, 1e-2)
SHARES = (0.125, 0.25, 0.4, 0.5, 0.6, 1.0, 2.0)
# Of the forecasts of ten classes.
PAIRS = (32, 128, 512)
# Weight decays of linear heads.
LINEAR = (1e-4, 1e-3, 1e-2, 1e-1)
Samples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Point:
    """One number of pairs and one weight decay.

    Attributes
    ----------
    share, decay : float
        N/n and λ.
    told, told_accuracy : float
        Squared error and accuracy that the law says.
    errors, accuracies : ndarray
        Of each head that was drawn.
    """

    share: float
    decay: float
    told: float
    told_accuracy: float
    errors: np.ndarray
    accuracies: np.ndarray

    @property
    def ratio(self) -> float:
        """Simulated over predicted error."""
        return float(self.errors.mean() / self.told)

    @property
    def apart(self) -> float:
        """How far that is from 1, beyond two standard errors of the heads drawn."""
        spread = float(self.errors.std() / np.sqrt(self.errors.size) / self.told)
        return max(0.0, abs(self.ratio - 1) - 2 * spread)


def pair(data: Samples, one: int, other: int, seed: int) -> Samples:
    """Samples of two classes in random order, centred and of mean square 1, labelled ±1."""
    kept = np.flatnonzero(np.isin(data[1], (one, other)))
    kept = np.random.default_rng(seed).permutation(kept)
    rows = data[0][kept] - data[0][kept].mean(axis=0)
    return rows / np.sqrt(np.square(rows).sum(axis=1).mean()), np.where(data[1][kept] == one, 1.0, -1.0)


def digits() -> Samples:
    """Handwritten digits of scikit-learn."""
    return load_digits(return_X_y=True)


def images() -> Samples:
    """Test images of Fashion-MNIST."""
    data = fashion()
    return data.test_inputs.numpy().reshape(len(data.test_labels), -1).astype(float), data.test_labels.numpy()


def bundled(name: str) -> Samples:
    """Features of a network."""
    batches = list(pen.datasets.features(name).batches())
    rows = np.concatenate([np.asarray(batch.features, dtype=float) for batch in batches])
    return rows, np.concatenate([batch.labels for batch in batches])


def sets(quick: bool, seed: int) -> dict[str, tuple[Samples, int]]:
    """Data of two classes, and how many samples heads are fitted on."""
    found = {"digits 3 and 8": (pair(digits(), 3, 8, seed), 240)}
    if not quick and available()["dataset-fashion-mnist"]:
        found["Fashion-MNIST, tops and shirts"] = pair(images(), 0, 6, seed), 300
    if not quick:
        found["features of a network, tops and shirts"] = pair(bundled("cnn-ce-test"), 0, 6, seed), 300
    return found


def drawn(train: Samples, new: np.ndarray, pairs: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Scores of one head at new samples."""
    directions = rng.standard_normal((new.shape[1], pairs))
    one, other = (np.hstack([np.cos(x @ directions), np.sin(x @ directions)]) / np.sqrt(pairs) for x in (train[0], new))
    samples = len(one)
    weights = np.linalg.solve(one @ one.T + samples * decay * np.eye(samples), train[1])
    return other @ (one.T @ weights)


def curve(data: Samples, samples: int, decays: Sequence[float], draws: int, seed: int) -> list[Point]:
    """Every number of pairs and every weight decay."""
    rng, points = np.random.default_rng(seed), []
    train, test = (
        (data[0][:samples], data[1][:samples]),
        (data[0][samples : samples + 500], data[1][samples : samples + 500]),
    )
    for decay in decays:
        for share in SHARES:
            pairs = int(share * samples)
            law = RandomFeaturesLaw(train[0], train[1][:, None], test[0], pairs, decay)
            sure = norm.cdf(test[1] * law.mean[:, 0] / np.sqrt(law.covariance[:, 0, 0]))
            scores = np.array([drawn(train, test[0], pairs, decay, rng) for _ in range(draws)])
            points.append(
                Point(
                    share,
                    decay,
                    law.squared_error(test[1][:, None]),
                    float(sure.mean()),
                    np.square(scores - test[1]).mean(axis=1),
                    (np.sign(scores) == test[1]).mean(axis=1),
                )
            )
    return points


@dataclass(frozen=True)
class Payoff:
    """A forecast from held-out samples, and what heads fitted on other samples do on still others.

    Attributes
    ----------
    forecast : RandomFeaturesForecast
    linear : float
        Balanced accuracy of a linear head.
    drawn : ndarray
        That of `RandomFeaturesHead` for each number of pairs.
    peers : ndarray of shape (2, m)
        Those of `RBFSampler` and `Nystroem` with as many columns.
    """

    forecast: pen.heads.RandomFeaturesForecast
    linear: float
    drawn: np.ndarray
    peers: np.ndarray

    @property
    def apart(self) -> float:
        """Largest difference of a balanced accuracy from its forecast."""
        gaps = [self.forecast.linear_accuracy - self.linear, *(self.forecast.accuracy - self.drawn)]
        return float(np.abs(gaps).max())


def payoff(data: Samples, pairs: Sequence[int], draws: int, seed: int) -> Payoff:
    """Forecast with up to 1,000 samples; heads on 750 of the others, judged on the rest."""
    order = np.random.default_rng(seed).permutation(len(data[1]))
    half = min(1000, len(order) // 2)
    forecast = pen.heads.forecast_random_features(data[0][order[:half]], data[1][order[:half]], pairs=pairs)
    linear, heads = [], []
    for draw in range(draws):
        rest = np.random.default_rng((seed, draw)).permutation(order[half:])
        train, test = ((data[0][rows], data[1][rows]) for rows in np.split(rest, [forecast.samples]))
        centre, unit = train[0].mean(axis=0), np.sqrt(np.square(train[0] - train[0].mean(axis=0)).sum(axis=1).mean())
        train, test = (((rows - centre) / unit, own) for rows, own in (train, test))
        linear.append(max(_recall(Ridge(alpha=decay * len(train[1])), train, test) for decay in LINEAR))
        heads.append([_with_columns(forecast, n, draw, train, test) for n in forecast.pairs.tolist()])
    drawn, *peers = np.mean(heads, axis=0).T
    return Payoff(forecast, float(np.mean(linear)), drawn, np.array(peers))


def _with_columns(
    forecast: pen.heads.RandomFeaturesForecast, pairs: int, seed: int, train: Samples, test: Samples
) -> tuple[float, float, float]:
    """Balanced accuracy of `RandomFeaturesHead` and of both peers with as many columns."""
    known = {"bandwidth": forecast.bandwidth, "weight_decay": forecast.weight_decay, "random_state": seed}
    head = pen.heads.RandomFeaturesHead(pairs, **known).fit(*train)
    kernel = {"gamma": head.gamma_, "n_components": min(2 * pairs, len(train[1])), "random_state": seed}
    ridge = Ridge(alpha=forecast.weight_decay * len(train[1]))
    peers = (_recall(make_pipeline(kind(**kernel), ridge), train, test) for kind in (RBFSampler, Nystroem))
    return balanced_accuracy_score(test[1], head.predict(test[0])), *peers


def _recall(model: Ridge | Pipeline, train: Samples, test: Samples) -> float:
    scores = model.fit(train[0], np.eye(10)[train[1]]).predict(test[0])
    return balanced_accuracy_score(test[1], scores.argmax(axis=1))


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    draws = 5 if quick else 20
    curves = {
        name: curve(data, samples, DECAYS[:2] if quick else DECAYS, draws, seed)
        for name, (data, samples) in sets(quick, seed).items()
    }
    pays = {"digits, pixels": payoff(digits(), (16, 64) if quick else PAIRS, 2 if quick else 4, seed)}
    if not quick:
        for name in ("cnn-ce-test", "cnn-mse-test"):
            pays[name] = payoff(bundled(name), PAIRS, 4, seed)
    claims = [claim for name, points in curves.items() for claim in _curve_claims(name, points)]
    claims += [claim for name, found in pays.items() for claim in _payoff_claims(name, found)]
    facts = {
        name: [
            {"share": p.share, "decay": p.decay, "told": p.told, "error": p.errors.mean(), "ratio": p.ratio}
            for p in points
        ]
        for name, points in curves.items()
    }
    return Study(
        claims, {"descent": _chart(curves)}, facts, {"payoff": _payoff_table(pays), "peers": _peers_table(pays)}
    )


def _curve_claims(name: str, points: Sequence[Point]) -> list[Claim]:
    ratios = np.array([point.ratio for point in points])
    apart = [abs(float(point.accuracies.mean()) - point.told_accuracy) for point in points]
    flat = [point for point in points if point.decay == DECAYS[0]]
    told, seen = (max(flat, key=key).share for key in (lambda p: p.told, lambda p: p.errors.mean()))
    return [
        Claim(
            f"{name}: test error, {len(points)} numbers of pairs and weight decays, the peak among them",
            "simulated over predicted: 1",
            f"{ratios.min():.2f} … {ratios.max():.2f}",
            max(point.apart for point in points),
            *TWELVE,
        ),
        Claim(
            f"{name}: accuracy at the same",
            "as the law says",
            f"at most {100 * max(apart):.1f} points apart",
            max(apart),
            *POINTS,
        ),
        Claim(
            f"{name}: the peak of double descent, next to no weight decay",
            f"N/n = {told:g}",
            f"{seen:g}",
            abs(told - seen),
            0.0,
            "the same point",
        ),
    ]


def _payoff_claims(name: str, found: Payoff) -> list[Claim]:
    return [
        Claim(
            f"{name}: balanced accuracy, linear and of every number of pairs, forecast and measured on other samples",
            f"{found.forecast.linear_accuracy:.1%} linear; {', '.join(f'{a:.1%}' for a in found.forecast.accuracy)}",
            f"{found.linear:.1%}; {', '.join(f'{a:.1%}' for a in found.drawn)}",
            found.apart,
            0.03,
            "three points: three standard errors of a thousand samples",
        )
    ]


def _payoff_table(pays: Mapping[str, Payoff]) -> str:
    return markdown(
        ("data", "forecast", "measured gain of the widest"),
        [
            (name, found.forecast.verdict, f"{100 * (found.drawn[-1] - found.linear):+.1f} points")
            for name, found in pays.items()
        ],
    )


def _peers_table(pays: Mapping[str, Payoff]) -> str:
    rows = [
        (name, f"{2 * pairs:,}", f"{forecast:.1%}", *(f"{value:.1%}" for value in (drawn, *peers)))
        for name, found in pays.items()
        for pairs, forecast, drawn, peers in zip(
            found.forecast.pairs, found.forecast.accuracy, found.drawn, found.peers.T, strict=True
        )
    ]
    return markdown(("data", "columns", "forecast", "RandomFeaturesHead", "RBFSampler", "Nystroem"), rows)


def _chart(curves: Mapping[str, Sequence[Point]]) -> alt.VConcatChart:
    parts = []
    for name, points in curves.items():
        rows = [
            {"share": p.share, "error": value, "decay": f"λ = {p.decay:g}", "what": what}
            for p in points
            for what, value in (("law", p.told), ("drawn", float(p.errors.mean())))
        ]
        x, y = charts.axis("share", "N/n", log=True), charts.axis("error", "test error", log=True)
        legend = charts.colour("decay", "", list(dict.fromkeys(row["decay"] for row in rows)))
        layers = (
            charts.lines([row for row in rows if row["what"] == "law"], x, y, legend),
            charts.points([row for row in rows if row["what"] == "drawn"], x, y, legend),
        )
        parts.append(alt.layer(*layers).properties(width=charts.WIDTH, height=170, title=name))
    notes = ["Lines: the law, before any are drawn. Points: mean over heads that were"]
    return charts.titled(alt.vconcat(*parts), "Double descent of random Fourier features", notes)


if __name__ == "__main__":
    main("random_features", study)
