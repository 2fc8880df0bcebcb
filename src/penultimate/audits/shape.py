"""Measured values against forecast ones where only their shape can be told, not their scale."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Shape:
    """Singular values of a head against the forecast's, up to one scale.

    Attributes
    ----------
    scale : float
        The factor s that brings the forecast nearest to the measured values, in least squares; NaN where the forecast
        has none.
    error : float
        ``‖measured − s · forecast‖ / ‖measured‖``: 0 for the same shape.
    flat_error : float
        The same for a forecast that knows no counts, all directions alike.
    """

    scale: float
    error: float
    flat_error: float

    @classmethod
    def from_fit(
        cls, measured: Float[np.ndarray, " t"], expected: Float[np.ndarray, " t"], weights: Float[np.ndarray, " t"]
    ) -> "Shape":
        """Fit the scale; each value counts as often as its weight says."""
        flat = np.ones_like(measured)
        return cls(*_fit(measured, expected, weights), _fit(measured, flat, weights)[1])


def _fit(
    measured: Float[np.ndarray, " t"], expected: Float[np.ndarray, " t"], weights: Float[np.ndarray, " t"]
) -> tuple[float, float]:
    size, own = float(weights @ expected**2), float(weights @ measured**2)
    if size == 0.0 or own == 0.0:
        return float("nan"), float("nan")
    scale = float(weights @ (measured * expected)) / size
    return scale, float(np.sqrt(weights @ (measured - scale * expected) ** 2 / own))
