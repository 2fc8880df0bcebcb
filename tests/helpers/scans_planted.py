"""Heads with rows that were never trained, planted among rows that were."""

import numpy as np


def trained(classes, dimension, seed):
    """Rows of a cloud with unequal directions, as trained heads have."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(dimension, dimension)) * np.exp(-2 * np.arange(dimension) / dimension)[:, None]
    return rng.normal(size=(classes, dimension)) @ shape / np.sqrt(dimension)


def planted(classes=600, dimension=48, members=40, noise=0.1, drift=0.5, seed=0):
    """The same, some of whose rows are one vector and isotropic noise; and which."""
    rng = np.random.default_rng(seed + 1000)
    rows = trained(classes, dimension, seed)
    scale = np.sqrt(np.square(rows).sum(axis=1).mean())
    centre = rng.normal(size=dimension)
    centre *= drift * scale / np.linalg.norm(centre)
    which = np.sort(rng.choice(classes, members, replace=False))
    rows[which] = centre + noise * scale / np.sqrt(dimension) * rng.normal(size=(members, dimension))
    return rows, which
