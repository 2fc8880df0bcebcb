"""What people do for several labels a sample, each as (training features, labels, groups, test features) → answers.

Logistic regressions are those of the package, hundreds at once; its tests hold them against scikit-learn's. The rest is
others' code: scikit-learn, LibMultiLabel (Lin and Lin 2023; 0.10 for the results kept here) where it is installed, and
PyTorch.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

import penultimate as pen
from penultimate.heads.comparison.label_comparison import best_thresholds
from penultimate.heads.label_ridge import LabelRidge
from penultimate.heads.multi_label import dealt
from penultimate.heads.sigmoids import Logistic, Rotated
from penultimate.probabilities.thresholds import f1

# Weight decays of logistic regression, in units of the mean variance of a feature.
DECAYS = (0.03, 0.01, 0.003)
# Of the Gaussian kernel: widths in units of how far features are from their mean, landmarks, and weight decays.
WIDTHS, LANDMARKS, KERNEL_DECAYS = (0.5, 1.0, 2.0), 1000, (1.0, 0.3, 0.1, 0.03, 0.01)
# Labels up to which methods are tried that fit them one after another, several times.
FEW_LABELS = 20
# Labels times samples up to which layers are trained by gradient steps: beyond, that takes longer than all the rest.
MOST_ENTRIES = 2_000_000
_FOLDS = 10
_FIFTH = 5
_GRID = np.arange(0.05, 0.96, 0.05)

Method = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]


def ours(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """The package's head: thresholds out of fold, at ½, and from batches of the test samples."""
    head = pen.heads.MultiLabelHead().fit(rows, labels, groups=groups)
    p = head.predict_proba(new).astype(np.float64)
    parts = np.array_split(p, max(1, len(p) // 200))
    of_batches = np.concatenate([part >= pen.expected_f_thresholds(part).values for part in parts])
    return {
        "MultiLabelHead": head.predict(new) > 0,
        "MultiLabelHead, ½": p >= 0.5,
        "MultiLabelHead, thresholds of batches of 200": of_batches,
    }


def bent(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """The package's head where it need not be linear."""
    head = pen.heads.MultiLabelHead(linear=False).fit(rows, labels, groups=groups)
    return {"MultiLabelHead, not linear": head.predict(new) > 0}


def kernel(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """Least squares on scikit-learn's Gaussian kernel; thresholds tuned at the best width and decay for these."""
    from sklearn.kernel_approximation import Nystroem

    fold = dealt(groups, len(rows), _FOLDS, 0)
    unit = float(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean())
    best, answers = -1.0, np.empty(0)
    for width in WIDTHS:
        made = Nystroem(gamma=0.5 / (width**2 * unit), n_components=min(LANDMARKS, len(rows)), random_state=0)
        there, turned = made.fit(rows), Rotated.of(made.transform(rows))
        fits = [LabelRidge(turned.rows[fold != index], labels[fold != index]) for index in range(_FOLDS)]
        whole = LabelRidge(turned.rows, labels)
        asked = ((there.transform(new) - turned.centre) @ turned.turn).astype(np.float32)
        for decay in KERNEL_DECAYS:
            out = np.empty(labels.shape, np.float32)
            for index, fit in enumerate(fits):
                out[fold == index] = fit.fit(decay).scores(turned.rows[fold == index])
            bounds = best_thresholds(out, labels)
            reached = float(f1(labels, out >= bounds).mean())
            if reached > best:
                best, answers = reached, whole.fit(decay).scores(asked) >= bounds
    return {"Gaussian kernel, thresholds tuned label by label": answers}


def logistic(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """One logistic regression a label: at ½ with scikit-learn's C = 1; with thresholds at the best decay for these."""
    turned, fold = Rotated.of(rows), dealt(groups, len(rows), _FOLDS, 0)
    there = ((new - turned.centre) @ turned.turn).astype(np.float32)
    rests = [*(fold != index for index in range(_FOLDS)), np.ones(len(fold), dtype=bool)]
    fits = [Logistic(turned.rows[rest], turned.variances, labels[rest]) for rest in rests]
    best, answers = -1.0, np.empty(0)
    for decay in DECAYS:
        out = np.empty(labels.shape, np.float32)
        for rest, fit in zip(rests, fits, strict=True):
            scores = fit.fit(decay).scores(turned.rows)
            if not rest.all():
                out[~rest] = scores[~rest]
        bounds = best_thresholds(out, labels)
        reached = float(f1(labels, out >= bounds).mean())
        if reached > best:
            best, answers = reached, fits[-1].scores(there) >= bounds
    plain = fits[-1].fit(1.0 / len(rows)).scores(there) > 0.0
    return {"logistic, thresholds tuned label by label": answers, "logistic, C = 1, ½": plain}


def loops(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """The loop that people write: a linear layer, Adam, pos_weight; epoch and thresholds by a fifth held out."""
    found: dict[str, np.ndarray] = {}
    if labels.size > MOST_ENTRIES:
        return found
    held = dealt(groups, len(rows), _FIFTH, 0) == 0
    counts = np.maximum(labels[~held].sum(axis=0), 1)
    ratio = (np.count_nonzero(~held) - counts) / counts
    for name, weights in {"none": np.ones(len(ratio)), "square root": np.sqrt(ratio), "balanced": ratio}.items():
        valid, test = _loop(rows, labels, held, np.maximum(weights, 1e-3), new)
        found[f"loop, pos_weight {name}, ½"] = test > 0.5
        if name == "none":
            reached = np.stack([f1(labels[held], valid > bound) for bound in _GRID])
            found["loop, a grid of thresholds on the fifth"] = test > _GRID[np.argmax(reached, axis=0)]
    return found


def _loop(
    rows: np.ndarray, labels: np.ndarray, held: np.ndarray, weights: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    torch.manual_seed(0)
    centre, spread = rows[~held].mean(axis=0), rows[~held].std(axis=0) + 1e-6
    x, valid, test = (torch.tensor((part - centre) / spread) for part in (rows[~held], rows[held], new))
    y = torch.tensor(labels[~held].astype(np.float32))
    layer = torch.nn.Linear(x.shape[1], y.shape[1])
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weights, dtype=torch.float32))
    adam = torch.optim.Adam(layer.parameters(), lr=3e-3)
    best, answers = -1.0, (np.empty(0), np.empty(0))
    for _ in range(40):
        for part in torch.randperm(len(x)).split(128):
            adam.zero_grad()
            loss(layer(x[part]), y[part]).backward()
            adam.step()
        with torch.no_grad():
            p, q = (torch.sigmoid(layer(some)).numpy() for some in (valid, test))
        reached = float(f1(labels[held], p > 0.5).mean())
        if reached > best:
            best, answers = reached, (p, q)
    return answers


def perceptron(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """scikit-learn's network, which takes several labels a sample."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if labels.size > MOST_ENTRIES:
        return {}
    network = MLPClassifier(early_stopping=True, random_state=0, max_iter=60)
    return {"scikit-learn's MLPClassifier": make_pipeline(StandardScaler(), network).fit(rows, labels).predict(new) > 0}


def chain(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """scikit-learn's chain of logistic regressions, and its tuned thresholds where they are not dropped."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import TunedThresholdClassifierCV
    from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if labels.shape[1] > FEW_LABELS:
        return {}
    regression = LogisticRegression(C=0.01)
    chained = make_pipeline(StandardScaler(), ClassifierChain(regression))
    own = make_pipeline(StandardScaler(), MultiOutputClassifier(TunedThresholdClassifierCV(regression, scoring="f1")))
    return {
        "scikit-learn's ClassifierChain": chained.fit(rows, labels).predict(new) > 0.5,
        "scikit-learn's tuned thresholds, one output each": own.fit(rows, labels).predict(new) > 0,
    }


def libmultilabel(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, new: np.ndarray) -> dict[str, np.ndarray]:
    """LibMultiLabel's linear methods as they come; its thresholds (0.10) do not run with SciPy 1.17."""
    if find_spec("libmultilabel") is None or labels.shape[1] > FEW_LABELS:
        return {}
    from libmultilabel import linear  # pyright: ignore
    from scipy.sparse import csr_matrix

    centre, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    x, there = (csr_matrix((part - centre) / spread) for part in (rows, new))
    ways: dict[str, Any] = {
        "one against the rest": linear.train_1vsrest,
        "costs": linear.train_cost_sensitive,
    }
    y = csr_matrix(labels.astype(np.float64))
    models = {name: train(y, x, False, "-s 2 -c 0.01", False) for name, train in ways.items()}
    return {f"LibMultiLabel, {name}": linear.predict_values(model, there) > 0 for name, model in models.items()}


METHODS: dict[str, Method] = {
    "ours": ours,
    "bent": bent,
    "logistic": logistic,
    "kernel": kernel,
    "loops": loops,
    "perceptron": perceptron,
    "chain": chain,
    "libmultilabel": libmultilabel,
}
