"""More classes than dimensions: unit rows as far from one another as the dimensions allow.

With K ≤ d + 1 that is the simplex ETF. With more, features and rows of balanced classes of one length tend, as training
goes on, to a *softmax code*: it makes the least distance of a row from the hull of all others as large as can be
(Jiang et al. 2023, arXiv 2310.05351). Here rows are spread so that the largest cosine is as small as descent can make
it, which is the same for two dimensions, for K ≤ d + 1 and, by their experiments, nearly so elsewhere.
"""

import numpy as np
from jaxtyping import Float

from penultimate.errors import ProblemError

# All pairs of rows are compared in every step: so many classes take half a gigabyte.
MOST_CLASSES = 4096
# Cosines are soft-maximised at sharper and sharper temperatures; the last tells cosines apart that differ by 1e-3.
_TEMPERATURES = (4.0, 16.0, 64.0, 256.0, 1024.0)
_STEPS = 300


def softmax_code(classes: int, dimension: int, seed: int = 0) -> Float[np.ndarray, "K d"]:
    """Spread unit rows.

    Parameters
    ----------
    classes : int
        K, at most 4,096.
    dimension : int
        d, at least 2.
    seed : int, default 0
        Of where descent starts.

    Returns
    -------
    ndarray of shape (K, d)

    Raises
    ------
    ProblemError
        For more classes, or fewer dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.minimisers.softmax_code import softmax_code
    >>> rows = softmax_code(5, 2)
    >>> cosines = np.sort(rows @ rows[0])
    >>> np.round(cosines, 3).tolist()
    [-0.809, -0.809, 0.309, 0.309, 1.0]
    """
    from scipy.optimize import minimize

    if dimension < 2:
        raise ProblemError(f"rows of {dimension} number point two ways at most: give features >= 2")
    if classes > MOST_CLASSES:
        raise ProblemError(
            f"{classes:,} classes: all pairs of rows are compared, which is made for at most {MOST_CLASSES:,}; widen "
            f"the features to {classes - 1:,} with a linear layer, or train the head"
        )
    rows = np.random.default_rng(seed).standard_normal((classes, dimension))
    for temperature in _TEMPERATURES:
        found = minimize(
            _crowding,
            rows.ravel(),
            args=(classes, temperature),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS, "ftol": 1e-13, "gtol": 1e-9, "maxcor": 20},
        )
        rows = _unit(found.x.reshape(classes, dimension))
    return rows


def _unit(rows: Float[np.ndarray, "K d"]) -> Float[np.ndarray, "K d"]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _crowding(
    flat: Float[np.ndarray, " Kd"], classes: int, temperature: float
) -> tuple[float, Float[np.ndarray, " Kd"]]:
    """Soft maximum of all cosines between rows, and its gradient in rows of any length."""
    raw = flat.reshape(classes, -1)
    norm = np.linalg.norm(raw, axis=1, keepdims=True)
    rows = raw / norm
    weight = rows @ rows.T
    np.fill_diagonal(weight, -np.inf)
    top = float(weight.max())
    weight -= top
    weight *= temperature
    np.exp(weight, out=weight)
    total = float(weight.sum())
    gradient = 2.0 / total * (weight @ rows)
    gradient -= np.sum(gradient * rows, axis=1, keepdims=True) * rows
    return top + float(np.log(total)) / temperature, (gradient / norm).ravel()
