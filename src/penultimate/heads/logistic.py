"""Softmax regression on fixed features: re-training, balanced softmax, and corrections of a trained head."""

from typing import Self

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.heads.based_head import classes_of, log_shares, shares_of
from penultimate.heads.label_weights import ClassWeight, weights_by_label
from penultimate.heads.linear_head import SamplesHead
from penultimate.heads.softmax import cross_entropy, descend


class LogisticHead(SamplesHead):
    """The head of least cross-entropy with weight decay, on features as they are.

    It minimises ``Σ_i ω_i CE(s(h_i) + τ log π, y_i) + (λ/2) ‖W − W₀‖²``, the ω summing to 1:

    - ``class_weight="balanced"``: classifier re-training, every class as often as any other;
    - ``adjustment=1``: balanced softmax, which trains with the prior added and answers without it;
    - ``base=…``: a correction of a trained head, on samples that it was not trained on. It leaves that head only as
      far as the samples pull, and the rows of classes without samples not at all.

    Parameters
    ----------
    weight_decay : float, default 1e-3
        λ; scikit-learn's ``C`` is 1/(Nλ).
    class_weight : "balanced", mapping of label to float, or None, default None
        ω_i in proportion: the same sum for every class, as given, or all alike.
    adjustment : float, default 0
        τ on the logarithm of the class shares of the samples.
    base : Head, optional
        W₀ and b₀; with it the distance to the bias is penalised too, as the weight of one more feature whose size is
        the root mean square of the others. By default zero, and the bias is free.
    max_iter : int, default 500
    tol : float, default 1e-5
        Largest entry of the gradient at which to stop (features centred and scaled to mean variance 1).

    Attributes
    ----------
    n_iter_ : int
        Iterations of L-BFGS.

    Warns
    -----
    ConvergenceWarning
        When `max_iter` was not enough.

    Notes
    -----
    Re-training: Kang et al. 2020 (arXiv 1910.09217). Balanced softmax: Ren et al. 2020 (arXiv 2007.10740). Last layers
    re-trained on held-out samples: Kirichenko, Izmailov and Wilson 2023 (arXiv 2204.02937).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1, 2], [80, 15, 5])
    >>> X = rng.normal(size=(100, 2)) + 3 * np.array([[0, 0], [1, 0], [0, 1]])[y]
    >>> head = pen.heads.LogisticHead(class_weight="balanced").fit(X, y)
    >>> head.predict([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    array([0, 1, 2])
    """

    n_iter_: int

    class_weight: ClassWeight
    base: Head | None

    def __init__(
        self,
        weight_decay: float = 1e-3,
        *,
        class_weight: ClassWeight = None,
        adjustment: float = 0.0,
        base: Head | None = None,
        max_iter: int = 500,
        tol: float = 1e-5,
    ) -> None:
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.adjustment = adjustment
        self.base = base
        self.max_iter = max_iter
        self.tol = tol

    def _classes_given(self) -> int | None:
        return classes_of(self.base)

    def _fit_samples(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        if not self.weight_decay > 0.0:
            raise FeaturesError(f"weight_decay={self.weight_decay!r}: give a positive number")
        classes, width = len(self.classes_), rows.shape[1]
        counts = np.bincount(own, minlength=classes).astype(np.float64)
        seen = np.flatnonzero(counts)
        of_class = weights_by_label(self.class_weight, self.classes_, counts)
        weights = of_class[own] / (of_class @ counts)
        start = Head((np.zeros((classes, width)),)) if self.base is None else self.base
        start.check(classes, width)
        change, shift = self._change(rows, own, weights, start, seen, self.adjustment * log_shares(counts)[seen])
        weight, bias = start.product.copy(), start.offset.copy()
        weight[seen] += change
        bias[seen] += shift
        kept = counts if self.base is None else np.ones(classes)
        rest = of_class * counts * np.exp(-self.adjustment * log_shares(counts))
        return self._settle((weight, bias), kept, shares_of(rest))

    def _change(
        self,
        rows: NDArray[np.floating],
        own: Int[np.ndarray, " N"],
        weights: NDArray[np.float64],
        start: Head,
        seen: Int[np.ndarray, " k"],
        adjustment: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What to add to the rows and biases of the classes that have samples."""
        centre = rows.mean(axis=0)
        centred = rows - centre
        scale = float(np.sqrt(np.mean(np.square(centred), dtype=np.float64))) or 1.0
        centred /= np.asarray(scale, dtype=rows.dtype)
        given = (start.logits(rows)[:, seen] + adjustment).astype(rows.dtype)
        labels = np.searchsorted(seen, own)
        width, decay = rows.shape[1], self.weight_decay / scale**2
        decays = np.full(width + 1, decay)
        if self.base is None:
            decays[width] = 0.0

        def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            both = flat.reshape(seen.size, width + 1)
            scores = (both[:, :width].astype(rows.dtype) @ centred.T).T  # one class after another in memory
            scores += both[:, width].astype(rows.dtype)
            scores += given
            value, slope = cross_entropy(scores, labels, weights)
            gradient = both * decays
            value += 0.5 * float(np.vdot(both, gradient))
            gradient[:, :width] += slope.T @ centred
            gradient[:, width] += slope.sum(axis=0, dtype=np.float64)
            return value, gradient.ravel()

        zero = np.zeros(int(seen.size) * (width + 1))
        flat, self.n_iter_ = descend(objective, zero, self.max_iter, self.tol)
        both = flat.reshape(seen.size, width + 1)
        change = both[:, :width] / scale
        return change, both[:, width] - change @ centre
