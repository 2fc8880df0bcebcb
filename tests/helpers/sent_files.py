"""Small files of features and of a last layer, as bytes that a browser sends."""

import io
from functools import cache

import numpy as np


def archive(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@cache
def features(seed: int = 0, shift: float = 0.0) -> bytes:
    """Three classes about means of their own, with a head."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [60, 40, 30])
    means = 3.0 * np.eye(3, 4)
    rows = means[labels] + rng.normal(size=(labels.size, 4))
    rows[labels == 2] += shift
    return archive(h=rows, y=labels, W=means - means.mean(axis=0), b=np.zeros(3))


@cache
def labelled() -> bytes:
    """Samples of which each has some of three labels."""
    rng = np.random.default_rng(2)
    sets = (rng.random((120, 3)) < [0.5, 0.3, 0.2]).astype(np.int64)
    return archive(h=sets @ rng.normal(size=(3, 6)) + 0.2 * rng.normal(size=(120, 6)), y=sets)


@cache
def layer() -> bytes:
    """A last layer of which a third of the rows were never trained."""
    rng = np.random.default_rng(1)
    trained, never = rng.normal(size=(60, 16)), rng.normal(size=16) + 1e-4 * rng.normal(size=(30, 16))
    return archive(W=np.concatenate([trained, never]))
