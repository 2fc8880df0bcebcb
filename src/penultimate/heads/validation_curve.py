"""The validation curve of one kind of head: how good its settings are, and which of them is taken."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Curve:
    """How good the settings of one kind of head are.

    Attributes
    ----------
    settings, balanced_accuracy, standard_error, log_loss : ndarray of shape (S,)
        Settings in order; the standard error is that of the accuracy, the loss is balanced too.
    picked : int
        Which of them is taken.
    """

    settings: Float[np.ndarray, " S"]
    balanced_accuracy: Float[np.ndarray, " S"]
    standard_error: Float[np.ndarray, " S"]
    log_loss: Float[np.ndarray, " S"]
    picked: int

    @property
    def setting(self) -> float:
        """The one that is taken."""
        return float(self.settings[self.picked])


def balanced_error(
    values: Float[np.ndarray, " m"], labels: Int[np.ndarray, " m"], weights: Float[np.ndarray, " m"]
) -> float:
    """Standard error of the mean over classes of their means, samples drawn within classes.

    Parameters
    ----------
    values : ndarray of shape (m,)
    labels : ndarray of shape (m,)
    weights : ndarray of shape (m,)
        As `balanced_weights` gives them.

    Returns
    -------
    float
    """
    number = np.bincount(labels)
    mean = np.bincount(labels, values) / np.maximum(number, 1)
    return float(np.sqrt(np.sum((weights * (values - mean[labels])) ** 2)))
