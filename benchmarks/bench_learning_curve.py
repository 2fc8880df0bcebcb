"""A learning curve by the law against the same by refitting heads, and one law of many classes."""

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import recall_score
from sklearn.model_selection import learning_curve as refitted_curve

import penultimate as pen
from measure import console, once, table
from penultimate.learning_curves.cross_fitting import CrossFit
from penultimate.threads import one_thread_of_blas

SAMPLES, WIDTH, CLASSES, FOLDS, BUDGETS = 10_000, 64, 10, 5, 6
# Heads whose mean one point of a curve is: a single one scatters by as much as most gains.
HEADS = 8


def dump(samples: int, width: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian classes that overlap."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(samples) % classes)
    return rng.normal(size=(classes, width))[labels] * 0.4 + rng.normal(size=(samples, width)), labels


def by_law(features: np.ndarray, labels: np.ndarray) -> None:
    """Recalls of all classes at six counts of one, cross-fitted."""
    fit = CrossFit(features, labels, CLASSES, None, np.zeros(CLASSES), FOLDS, 0)
    counts = np.tile(fit.counts, (BUDGETS, 1))
    counts[:, 3] *= np.arange(1, BUDGETS + 1)
    with one_thread_of_blas():
        for scores in fit.scores(counts, 0.01):
            scores.recalls(fit.offsets)


def by_refitting(features: np.ndarray, labels: np.ndarray) -> None:
    """Six sizes and five folds of scikit-learn; a score is one number, so once for every class."""
    for k in range(CLASSES):
        refitted_curve(
            RidgeClassifier(alpha=100.0),
            features,
            labels,
            train_sizes=np.linspace(1 / BUDGETS, 1.0, BUDGETS),
            cv=FOLDS,
            scoring=lambda head, rows, own, k=k: recall_score(
                own, head.predict(rows), labels=[k], average=None, zero_division=0.0
            )[0],
        )


def by_hand(features: np.ndarray, labels: np.ndarray) -> None:
    """The same fits with all recalls read at once, as one would write it: eight heads a point."""
    rng, fold = np.random.default_rng(0), np.arange(len(labels)) % FOLDS
    for part in range(FOLDS):
        kept, out = np.flatnonzero(fold != part), fold == part
        for size in np.linspace(1 / BUDGETS, 1.0, BUDGETS):
            for _ in range(HEADS):
                rows = rng.choice(kept, int(size * len(kept)), replace=False)
                head = RidgeClassifier(alpha=100.0).fit(features[rows], labels[rows])
                recall_score(labels[out], head.predict(features[out]), average=None)


def one_law() -> tuple[float, float]:
    """A hundred classes of width 512: the law, and the mean and covariance of all scores."""
    rng, classes, width = np.random.default_rng(0), 100, 512
    roots = rng.normal(size=(classes, width, 64)).astype(np.float32)
    population = pen.equivalents.Population(
        rng.normal(size=(classes, width)),
        np.einsum("kir,kjr->kij", roots, roots, optimize=True) / 64 + 0.1 * np.eye(width),
    )
    held: list[pen.equivalents.ScoreLaw] = []
    law = once(lambda: held.append(pen.equivalents.ScoreLaw(population, np.full(classes, 50), 0.01)))
    return law, once(lambda: held[0].class_scores())


def read_out(features: np.ndarray, labels: np.ndarray) -> float:
    """How likely each score is the largest, for all samples one by one."""
    law = pen.equivalents.ScoreLaw(pen.equivalents.Population.from_features(features, labels), [100] * CLASSES, 0.01)
    law.probabilities(features[:500])
    return once(lambda: law.probabilities(features))


if __name__ == "__main__":
    features, labels = dump(SAMPLES, WIDTH, CLASSES)
    by_law(*dump(600, WIDTH, CLASSES))
    out = table(
        f"{BUDGETS} counts, {SAMPLES:,} × {WIDTH}, {CLASSES} classes, {FOLDS} folds",
        "recalls of every class",
        "seconds",
        "ratio",
    )
    law = min(once(lambda: by_law(features, labels)) for _ in range(3))
    out.add_row("by the law, at counts that nobody has", f"{law:.2f}", "")
    for name, run in (
        ("sklearn.model_selection.learning_curve, once a class", by_refitting),
        (f"the same fits by hand, {HEADS} heads a point, all recalls at once", by_hand),
    ):
        seconds = once(lambda run=run: run(features, labels))
        out.add_row(name, f"{seconds:.2f}", f"{seconds / law:.1f} ×")
    console.print(out)
    seconds, scores = one_law()
    parts = table("One law", "what", "seconds")
    parts.add_row("fixed point and mean head, K = 100, d = 512", f"{seconds:.2f}")
    parts.add_row("and mean and covariance of all scores", f"{scores:.2f}")
    parts.add_row(
        f"read-out of {SAMPLES:,} samples one by one, K = {CLASSES}, d = {WIDTH}", f"{read_out(features, labels):.3f}"
    )
    console.print(parts)
