"""Linear regression on targets that reach us only inside a survival set."""

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.heads.scikit import BaseEstimator, RegressorMixin, check_fitted, checked_rows, checked_targets
from penultimate.heads.survival import Terms, inside, outside

Floats = NDArray[np.floating]

# Noise larger than so many deviations of the targets means that they all lie near a limit: σ then runs to infinity.
_LARGEST, _SMALLEST = 10.0, 1e-6
_STEPS, _TOL, _HALVED, _NEAR = 200, 1e-10, 1e-12, 1.01
# Samples that a fit implies, over those that there were, between which a fit without dropped samples is believed: real
# scores gave 2.2 or more wherever the fit was useless, Gaussian ones 0.7 … 3.1 (docs/heads).
_GATE = (0.5, 2.0)


class CensoredRegression(RegressorMixin, BaseEstimator):
    """Least squares where targets are seen only inside a survival set: scores above a threshold, clipped readings.

    What was dropped took the extreme noise with it, so least squares on the rest understates every slope. This is
    maximum likelihood for ``y = w'h + b + σε`` with Gaussian ε. Where the features of dropped samples are known it is
    the censored likelihood (Tobit); without them the truncated one, which rests on the shape of the noise near the
    limits and is only believed if it gets the number of dropped samples right.

    Parameters
    ----------
    survival : tuple of float
        Limits a < b of the survival set; −∞ and ∞ for none.
    sigma : "fit" or float, default "fit"
        σ, the deviation of the noise.
    intercept : bool, default True

    Attributes
    ----------
    coef_ : ndarray of shape (d,)
    intercept_ : float
    sigma_ : float
    standard_errors_ : ndarray of shape (d,)
        Of `coef_`.
    information_ : float
        What a sample that is known of tells of the slopes, against 1 with nothing dropped.
    total_ : float
        How many samples the fit implies that there were.
    trusted_ : bool
        Whether that is between half and twice the number that there were, and σ is not at its largest.
    n_iter_ : int
        Steps of Newton's method.
    n_features_in_ : int
        d.

    Notes
    -----
    Tobin 1958; Olsen 1978 for the parameters w/σ and 1/σ, in which the censored likelihood of a half-line is concave.
    Truncated: Daskalakis, Rohatgi and Zampetakis 2020 (arXiv 2007.14539). docs/theory §13.4.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> H = rng.normal(size=(2000, 1))
    >>> y = 2 * H[:, 0] + rng.normal(size=2000)
    >>> kept = y > 1
    >>> model = pen.heads.CensoredRegression((1, np.inf)).fit(H[kept], y[kept], dropped=H[~kept])
    >>> model.coef_.round(1), round(model.sigma_, 1), round(model.total_, -2)
    (array([2.]), 1.0, 2000.0)
    """

    survival: tuple[float, float]
    sigma: float | Literal["fit"]
    coef_: Floats
    intercept_: float
    sigma_: float
    standard_errors_: Floats
    information_: float
    total_: float
    trusted_: bool
    n_iter_: int
    n_features_in_: int

    def __init__(
        self,
        survival: tuple[float, float] = (0.0, np.inf),
        *,
        sigma: float | Literal["fit"] = "fit",
        intercept: bool = True,
    ) -> None:
        self.survival = survival
        self.sigma = sigma
        self.intercept = intercept

    def fit(self, X: object, y: object, dropped: object = None, total: float | None = None) -> Self:
        """Fit on what survived.

        Parameters
        ----------
        X : array-like of shape (N, d)
            Features of samples whose targets are known.
        y : array-like of shape (N,)
            Targets, all inside the survival set.
        dropped : array-like of shape (M, d), optional
            Features of samples whose targets were outside.
        total : float, optional
            How many samples there were before any was dropped; with `dropped` it follows from the rows.

        Returns
        -------
        CensoredRegression
            This one.

        Raises
        ------
        FeaturesError
            For a survival set or σ that is none, targets outside the set, fewer samples than unknowns; where
            neither `dropped` nor `total` is given, or they contradict each other; and where without `dropped` the fit
            implies another total.
        ValueError
            For NaN, and shapes that do not fit.
        """
        limits, sigma = self._limits(), self._sigma()
        rows, targets = checked_targets(self, X, y)
        lost = None if dropped is None else checked_rows(self, dropped).astype(np.float64)
        known = self._total(len(rows), lost, total)
        self._check(rows, targets, limits)
        centre = rows.mean(axis=0) if self.intercept else np.zeros(rows.shape[1])
        shift = float(targets.mean()) if self.intercept else 0.0
        scale = float(np.sqrt(np.mean((targets - shift) ** 2))) or 1.0
        problem = _Likelihood(
            self._columns(rows - centre),
            (targets - shift) / scale,
            None if lost is None else self._columns(lost - centre),
            ((limits[0] - shift) / scale, (limits[1] - shift) / scale),
        )
        slopes, precision, covariance, steps = problem.solved(None if sigma is None else scale / sigma)
        implied = problem.implied(slopes, precision)
        believed = _GATE[0] * known <= implied <= _GATE[1] * known
        if lost is None and not believed:
            raise FeaturesError(
                f"without dropped samples the fit implies that there were {implied:,.0f}, not {known:,.0f}: the noise "
                "is not Gaussian near the limits, or the samples are too few, so nothing is to be believed of it; give "
                "the features of what was dropped (dropped=)"
            )
        self.total_, self.n_iter_ = implied, steps
        self.trusted_ = bool(believed and 1.0 / precision < _LARGEST * (1.0 - 1e-6))
        self.information_ = problem.information(slopes, precision)
        self.sigma_ = scale / precision
        width = self.n_features_in_
        self.coef_ = slopes[:width] * self.sigma_
        offset = float(slopes[width]) * self.sigma_ if self.intercept else 0.0
        self.intercept_ = offset + shift - float(self.coef_ @ centre)
        self.standard_errors_ = _standard_errors(slopes, precision, covariance, width) * scale
        return self

    def predict(self, X: object) -> Floats:
        """Expected targets before anything is dropped.

        Parameters
        ----------
        X : array-like of shape (N, d)

        Returns
        -------
        ndarray of shape (N,)

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_fitted(self)
        return checked_rows(self, X) @ self.coef_ + self.intercept_

    def _columns(self, rows: Floats) -> Floats:
        return np.column_stack([rows, np.ones(len(rows))]) if self.intercept else rows

    def _limits(self) -> tuple[float, float]:
        pair = np.asarray(self.survival)
        if pair.shape != (2,) or pair.dtype.kind not in "fiu" or not pair[0] < pair[1]:
            raise FeaturesError(f"survival={self.survival!r}: give two limits a < b, infinite for none")
        if not np.isfinite(pair).any():
            raise FeaturesError("survival=(-inf, inf) drops nothing: use least squares")
        return float(pair[0]), float(pair[1])

    def _sigma(self) -> float | None:
        if self.sigma == "fit":
            return None
        if isinstance(self.sigma, str) or not 0.0 < self.sigma < np.inf:
            raise FeaturesError(f"sigma={self.sigma!r}: give 'fit', or a positive number")
        return float(self.sigma)

    def _total(self, kept: int, lost: Floats | None, total: float | None) -> float:
        if total is not None and not kept <= total < np.inf:
            raise FeaturesError(f"total={total!r}: give the number before any was dropped, at least {kept:,}")
        if lost is not None:
            if total is not None and total != kept + len(lost):
                raise FeaturesError(
                    f"total={total!r}, but {kept:,} targets and {len(lost):,} dropped samples are "
                    f"{kept + len(lost):,}: give the features of all that were dropped, or total= alone"
                )
            return float(kept + len(lost))
        if total is None:
            raise FeaturesError(
                "survivors alone do not tell what was dropped: give the features of dropped samples (dropped=), or at "
                "least how many samples there were (total=)"
            )
        return float(total)

    def _check(self, rows: Floats, targets: Floats, limits: tuple[float, float]) -> None:
        beyond = np.flatnonzero((targets < limits[0]) | (targets > limits[1]))
        if beyond.size:
            raise FeaturesError(
                f"{beyond.size:,} of {targets.size:,} targets are outside the survival set, the first is "
                f"{float(targets[beyond[0]]):g} in row {int(beyond[0])}: give the limits as they were"
            )
        unknown = rows.shape[1] + int(self.intercept) + int(self.sigma == "fit")
        if len(targets) <= unknown:
            raise FeaturesError(f"{len(targets)} targets for {unknown} unknowns: give more than that")
        if float(np.ptp(targets)) <= 0.0:
            raise FeaturesError(f"all targets are {float(targets[0]):g}: nothing is to be learnt of slopes from them")


def _standard_errors(slopes: Floats, precision: float, covariance: Floats, width: int) -> Floats:
    """Of w, from the covariance of w/σ and, where it was fitted, of 1/σ, which stands last."""
    coef, variances = slopes[:width] / precision, np.diag(covariance)[:width]
    if len(covariance) > len(slopes):
        variances = variances - 2.0 * coef * covariance[:width, -1] + coef**2 * covariance[-1, -1]
    return np.sqrt(np.maximum(variances, 0.0)) / precision


class _Likelihood:
    """Minus the log likelihood in ``(w/σ, 1/σ)``, and its minimum by Newton's method."""

    def __init__(self, rows: Floats, targets: Floats, lost: Floats | None, limits: tuple[float, float]) -> None:
        self.rows, self.targets, self.lost, self.limits = rows, targets, lost, limits

    def solved(self, given: float | None) -> tuple[Floats, float, Floats, int]:
        """Slopes w/σ, precision 1/σ, the covariance of both (of the slopes where σ is given), and steps."""
        slopes: Floats = np.linalg.lstsq(self.rows, self.targets, rcond=None)[0]
        left = float(np.sqrt(np.mean((self.targets - self.rows @ slopes) ** 2)))
        free, least = given is None, 1.0 / _LARGEST
        precision = min(1.0 / max(left, _SMALLEST), 1.0 / _SMALLEST) if given is None else given
        place: Floats = np.append(slopes * precision, precision)
        steps = 0
        while steps < _STEPS:
            steps += 1
            value, gradient, hessian = self._at(place, free)
            step = _downhill(hessian, gradient)
            moved, size = place.copy(), 1.0
            while size > _HALVED:
                moved[: len(step)] = place[: len(step)] - size * step
                allowed = not free or least <= moved[-1] <= 1.0 / _SMALLEST
                if allowed and self._at(moved, free)[0] <= value - 1e-4 * size * float(gradient @ step):
                    break
                size *= 0.5
            if float(gradient @ step) < _TOL * len(self.targets) or size <= _HALVED:
                break
            place = moved
        if free and place[-1] <= least * _NEAR:  # σ wants to be larger still
            return self.solved(least)
        _, _, hessian = self._at(place, free)
        return place[:-1], float(place[-1]), np.linalg.pinv(hessian, hermitian=True), steps

    def implied(self, slopes: Floats, precision: float) -> float:
        """Samples before any was dropped: survivors, each over its probability to be one."""
        with np.errstate(over="ignore"):
            return float(np.exp(-inside(self.rows @ slopes, precision, self.limits).value).sum())

    def information(self, slopes: Floats, precision: float) -> float:
        """Curvature by the mean of a sample, over all samples that are known of."""
        if self.lost is None:
            return float(np.mean(1.0 + inside(self.rows @ slopes, precision, self.limits).uu))
        told = -outside(self.lost @ slopes, precision, self.limits).uu
        return float((len(self.rows) + told.sum()) / (len(self.rows) + len(self.lost)))

    def _at(self, place: Floats, free: bool) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian by all unknowns; by the slopes alone where σ is given."""
        parts = [_summed(rows, terms, free) for rows, terms in self._parts(place[:-1], float(place[-1]))]
        value, gradient, hessian = parts[0]
        for more in parts[1:]:
            value, gradient, hessian = value + more[0], gradient + more[1], hessian + more[2]
        return value, gradient, hessian

    def _parts(self, slopes: Floats, precision: float) -> list[tuple[Floats, Terms]]:
        """Features, and minus the log likelihood of each sample with its derivatives: of survivors, and of dropped."""
        fitted = self.rows @ slopes
        residual = precision * self.targets - fitted
        ones = np.ones_like(residual)
        own = Terms(
            value=0.5 * residual**2 - np.log(precision),
            u=-residual,
            g=residual * self.targets - 1.0 / precision,
            uu=ones,
            ug=-self.targets,
            gg=self.targets**2 + ones / precision**2,
        )
        if self.lost is None:
            # What is seen is a share of what there was: minus log p, plus the log of the share.
            seen = inside(fitted, precision, self.limits)
            return [(self.rows, Terms(*(one + other for one, other in zip(own, seen, strict=True))))]
        gone = outside(self.lost @ slopes, precision, self.limits)
        return [(self.rows, own), (self.lost, Terms(*(-one for one in gone)))]


def _summed(rows: Floats, terms: Terms, free: bool) -> tuple[float, Floats, Floats]:
    """Sums over samples."""
    gradient = rows.T @ terms.u
    hessian = (rows.T * terms.uu) @ rows
    if free:
        cross = rows.T @ terms.ug
        gradient = np.append(gradient, terms.g.sum())
        hessian = np.block([[hessian, cross[:, None]], [cross[None], np.array([[terms.gg.sum()]])]])
    return float(terms.value.sum()), gradient, hessian


def _downhill(hessian: Floats, gradient: Floats) -> Floats:
    """Newton's step; where the curvature is not positive, as if it were."""
    values, vectors = np.linalg.eigh(hessian)
    curved = np.maximum(np.abs(values), 1e-12 * max(float(np.abs(values).max()), np.finfo(np.float64).tiny))
    return vectors @ ((vectors.T @ gradient) / curved)
