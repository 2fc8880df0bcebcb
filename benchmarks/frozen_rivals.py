"""What others do with features of a frozen encoder, each tuned on VALID over a grid that stands here.

A method yields every setting it has with the log-probabilities that it gives; `tuned` keeps the setting of most
balanced accuracy on VALID, of those that tie the first, and fits it to TRAIN and VALID together, as scikit-learn's
searches do. Features are standardised by what is learnt from.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler, normalize

import penultimate as pen
from penultimate.features.sources.in_memory import Samples

Scores = Callable[[np.ndarray], np.ndarray]
Settings = Iterator[tuple[str, Scores]]

# C of logistic regression on standardised features, and τ times the logarithm of the class shares that is subtracted.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
NEIGHBOURS = (1, 3, 5, 10, 20, 50)
WIDTHS, LANDMARKS = (0.2, 0.6), 200
TREES, STEPS = 100, (10, 20, 40)
# Trees are boosted class by class: with more of these, or wider features, a set would take longer than all else.
BOOSTED = 800
_ITERATIONS = 100
_SMALLEST = 1e-12


class Rival(NamedTuple):
    """What one is called, how it is tuned, and how it is made.

    Attributes
    ----------
    settings : callable
        From standardised TRAIN, classes and seed to settings with their scores.
    grid : str
    affordable : callable
        Whether it is tried with so many classes of such a width.
    """

    settings: Callable[[Samples, int, int], Settings]
    grid: str
    affordable: Callable[[int, int], bool] = lambda classes, width: True


class Tuned(NamedTuple):
    """A method as it was tuned.

    Attributes
    ----------
    setting : str
    scores : callable
        Log-probabilities for features as they come, of the method fitted to TRAIN and VALID.
    valid : float or None
        Balanced accuracy on VALID when it was fitted to TRAIN alone; None for what does not choose by it.
    """

    setting: str
    scores: Scores
    valid: float | None = None


def tuned(rival: Rival, train: Samples, valid: Samples, classes: int, seed: int) -> Tuned:
    """The setting that is best on VALID, fitted to both."""
    best = ("", -1.0)
    place, inputs = _standardised(train)
    held_out = place(valid.features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes|y_pred contains classes", UserWarning)
        for setting, scores in rival.settings(inputs, classes, seed):
            score = float(balanced_accuracy_score(valid.labels, scores(held_out).argmax(axis=1)))
            best = max(best, (setting, score), key=lambda one: one[1])
        place, inputs = _standardised(train.joined(valid))
        scores = next(scores for setting, scores in rival.settings(inputs, classes, seed) if setting == best[0])
    return Tuned(best[0], lambda rows: scores(place(rows)), best[1])


def _standardised(samples: Samples) -> tuple[Callable[[np.ndarray], np.ndarray], Samples]:
    """What standardises by these samples, and they themselves so."""
    scaler = StandardScaler().fit(samples.features)

    def place(rows: np.ndarray) -> np.ndarray:
        return scaler.transform(rows).astype(np.float32)

    return place, Samples(place(samples.features), samples.labels)


def _logistic(train: Samples, **settings: Any) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """C with rows and biases; each begins where the last ended, which is several times faster."""
    model = LogisticRegression(max_iter=_ITERATIONS, tol=1e-3, warm_start=True, **settings)
    for strength in STRENGTHS:
        model.set_params(C=strength).fit(*train)
        weight, bias = model.coef_.copy(), model.intercept_.copy()
        if len(weight) == 1:  # of two classes scikit-learn keeps one row
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        yield strength, weight, bias


def _linear(weight: np.ndarray, bias: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return log_softmax(rows @ weight.T + bias, axis=1)


def logistic_adjusted(train: Samples, classes: int, seed: int) -> Settings:
    """Logistic regression less τ log π; C and τ together."""
    shares = np.log(np.bincount(train.labels, minlength=classes) / len(train.labels))
    for strength, weight, bias in _logistic(train):
        for multiple in MULTIPLES:
            yield f"C = {strength:g}, τ = {multiple:g}", partial(_linear, weight, bias - multiple * shares)


def logistic_balanced(train: Samples, classes: int, seed: int) -> Settings:
    """Logistic regression with `class_weight="balanced"`; on frozen features that is cRT."""
    for strength, weight, bias in _logistic(train, class_weight="balanced"):
        yield f"C = {strength:g}", partial(_linear, weight, bias)


def smote(train: Samples, classes: int, seed: int) -> Settings:
    """Logistic regression after SMOTE; a class of one sample stays as it is."""
    number = np.bincount(train.labels, minlength=classes)
    neighbours = min(5, int(number[number > 1].min()) - 1)
    wanted = {k: int(number.max()) for k in np.flatnonzero(number > 1).tolist()}
    made = SMOTE(sampling_strategy=wanted, k_neighbors=neighbours, random_state=seed).fit_resample(*train)
    # Copies by the ten thousand cost time and add nothing.
    drawn = np.random.default_rng(seed).permutation(len(made[1]))[: 2 * len(train.labels)]
    for strength, weight, bias in _logistic(Samples(made[0][drawn], made[1][drawn])):
        yield f"C = {strength:g}", partial(_linear, weight, bias)


def normalised(train: Samples, classes: int, seed: int) -> Settings:
    """τ-normalisation of logistic regression's rows; C and τ together."""
    for strength, weight, _ in _logistic(train):
        norms = np.linalg.norm(weight, axis=1, keepdims=True)
        for power in POWERS:
            scaled = weight / np.maximum(norms, _SMALLEST) ** power
            yield f"C = {strength:g}, τ = {power:g}", partial(_linear, scaled, np.zeros(classes))


def weight_scaling(train: Samples, classes: int, seed: int) -> Settings:
    """LWS: one factor for each of logistic regression's rows, of least balanced cross-entropy on TRAIN."""
    for strength, weight, bias in _logistic(train):
        head = pen.heads.WeightScalingHead(pen.Head((weight,), bias)).fit(*train)
        yield f"C = {strength:g}", partial(_linear, head.coef_, head.intercept_)


def discriminant(train: Samples, classes: int, seed: int) -> Settings:
    """Linear discriminant analysis with Ledoit and Wolf's shrinkage, priors as they are or even."""
    for said, priors in (("even", np.full(classes, 1 / classes)), ("own", None)):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors).fit(*train)
        yield f"{said} priors", partial(_log_probabilities, model)


def neighbours(train: Samples, classes: int, seed: int) -> Settings:
    """Votes of the k nearest, by angle or distance, less τ log π."""
    number = np.bincount(train.labels, minlength=classes)
    shares = number / number.sum()
    for metric, k in product(("cosine", "euclidean"), NEIGHBOURS):
        if k > len(train.labels):
            continue
        place = normalize if metric == "cosine" else (lambda rows: rows)
        index = NearestNeighbors(n_neighbors=k).fit(place(train.features))

        votes = _remembered(partial(_votes, index, place, train.labels, classes))
        for multiple in (0.0, 0.5, 1.0):
            yield f"{metric}, k = {k}, τ = {multiple:g}", partial(_of_votes, votes, np.log(shares), k, multiple)


def _votes(index: Any, place: Callable[..., Any], labels: np.ndarray, classes: int, rows: np.ndarray) -> np.ndarray:
    near = labels[index.kneighbors(place(rows), return_distance=False)]
    return np.eye(classes)[near].sum(axis=1)


def _of_votes(votes: Scores, log_shares: np.ndarray, k: int, multiple: float, rows: np.ndarray) -> np.ndarray:
    # A class that no neighbour votes for has its share of half a vote.
    some = (votes(rows) + 0.5 * np.exp(log_shares)) / (k + 0.5)
    return log_softmax(np.log(some) - multiple * log_shares, axis=1)


def nystroem(train: Samples, classes: int, seed: int) -> Settings:
    """Logistic regression less τ log π on Nyström features of a Gaussian kernel."""
    for width in WIDTHS:
        size = min(LANDMARKS, len(train.labels))
        kernel = Nystroem(gamma=width / train.features.shape[1], n_components=size, random_state=seed)
        lifted = Samples(kernel.fit_transform(train.features), train.labels)
        # Their variance is some hundredths, not 1.
        scale = lifted.features.std()
        for setting, scores in logistic_adjusted(Samples(lifted.features / scale, train.labels), classes, seed):

            def of_rows(rows: np.ndarray, kernel: Any = kernel, scores: Scores = scores, scale: Any = scale) -> Any:
                return scores(kernel.transform(rows) / scale)

            yield f"γ = {width:g}/d, {setting}", of_rows


def balanced_forest(train: Samples, classes: int, seed: int) -> Settings:
    """imbalanced-learn's balanced random forest."""
    for share in ("sqrt", 0.2):
        model = BalancedRandomForestClassifier(
            TREES, max_features=share, sampling_strategy="all", replacement=True, bootstrap=False, random_state=seed
        ).fit(*train)
        yield f"max_features = {share}", partial(_log_probabilities, model)


def boosting(train: Samples, classes: int, seed: int) -> Settings:
    """Gradient boosting with `class_weight="balanced"`; after how many trees to stop is chosen too."""
    model = HistGradientBoostingClassifier(
        max_iter=STEPS[-1], class_weight="balanced", random_state=seed, early_stopping=False
    ).fit(*train)
    for steps in STEPS:
        yield f"{steps} trees", partial(_staged, model, steps)


def _staged(model: HistGradientBoostingClassifier, steps: int, rows: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(next(islice(model.staged_predict_proba(rows), steps - 1, None)), _SMALLEST))


def _log_probabilities(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(model.predict_proba(rows), _SMALLEST))


def _remembered(scores: Scores) -> Scores:
    """The last answer is kept: settings differ in what is added to it."""
    kept: list[tuple[np.ndarray, np.ndarray]] = []

    def again(rows: np.ndarray) -> np.ndarray:
        if not kept or kept[0][0] is not rows:
            kept[:] = [(rows, scores(rows))]
        return kept[0][1]

    return again


_C = "C 10⁻⁴ … 1 (5)"
RIVALS: dict[str, Rival] = {
    "logistic regression − τ log π": Rival(logistic_adjusted, f"{_C} × τ 0 … 2 (8)"),
    "logistic regression, balanced (cRT)": Rival(logistic_balanced, _C),
    "SMOTE, logistic regression": Rival(smote, _C),
    "τ-normalised logistic regression": Rival(normalised, f"{_C} × τ 0 … 1 (5)"),
    "LWS on logistic regression": Rival(weight_scaling, _C),
    "LDA, shrinkage auto": Rival(discriminant, "priors even or own"),
    "nearest neighbours − τ log π": Rival(neighbours, "k 1 … 50 (6) × angle or distance × τ 0, ½, 1"),
    "Nyström, logistic − τ log π": Rival(nystroem, f"γ 0.2, 0.6 over d × {_C} × τ (8), {LANDMARKS} landmarks"),
    "balanced random forest": Rival(balanced_forest, f"{TREES} trees, features √d or d/5"),
    "gradient boosting, balanced": Rival(
        boosting,
        "10, 20 or 40 trees a class",
        lambda classes, width: classes * width <= BOOSTED,
    ),
}
