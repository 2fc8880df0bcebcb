"""Features of a frozen encoder: samples of VALID are as new to it as those of TRAIN, so heads learn from both.

What is chosen on VALID stays: kinds of heads, their settings, temperatures and weights. For one thing VALID is too
small: how sure the sum of so many heads may be. Where no network was trained on TRAIN, heads can be asked there too, so
two numbers, a factor on all scores and what is added to τ, are found on both, out of fold.
"""

import numpy as np

from penultimate.features.sources.in_memory import Samples
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.comparison.blending import pool_weights
from penultimate.heads.comparison.candidates import Training, candidates
from penultimate.heads.comparison.plain import plain_head
from penultimate.heads.comparison.selection import ENTRIES, FOLDS, Blend, Chosen, deal_known, rarity
from penultimate.heads.kernel_head import AnyHead, added


def frozen_training(samples: Samples, classes: int, decay: float) -> Training:
    """What a comparison knows where no network was trained on the samples.

    Parameters
    ----------
    samples : Samples
    classes : int
        K.
    decay : float
        As `plain_head`.

    Returns
    -------
    Training
    """
    return Training(plain_head(samples, classes, decay), FeatureStatistics.from_features(*samples, classes), samples)


def fitted_to_both(
    chosen: dict[str, Chosen], blend: Blend, train: Samples, valid: Samples, *, decay: float, linear: bool, seed: int
) -> Blend:
    """The blend once more, of heads that learn from TRAIN and VALID, and as sure of itself as it is right.

    The rarest classes gain most: there one or two samples more are a third more.

    Parameters
    ----------
    chosen : dict of str to Chosen
        Every kind, chosen on VALID.
    blend : Blend
    train, valid : Samples
    decay : float
        Of the plain head (`plain_head`).
    linear : bool
        As for `candidates`.
    seed : int
        Of the parts.

    Returns
    -------
    Blend

    Notes
    -----
    docs/theory §13.5.
    """

    def added_up(some: Samples, held: Samples) -> AnyHead:
        both = some.joined(held)
        alone, together = (frozen_training(one, blend.head.classes, decay) for one in (some, both))
        # By all of VALID, so that the kinds are those that were chosen from.
        of_held = {kind.name: kind for kind in candidates(alone, valid, linear=linear)[0]}
        heads: list[AnyHead] = [rarity(together.statistics.counts, both.features.shape[1])]
        weights = [blend.adjustment]
        for kind in candidates(together, valid, linear=linear)[0]:
            if blend.weights[kind.name]:
                picked = chosen[kind.name]
                heads.append((of_held[kind.name] if kind.held_out else kind).fit(picked.setting, held))
                weights.append(blend.weights[kind.name] * picked.factor)
        return added(heads, weights)

    parts = [deal_known(one.labels, FOLDS, seed) for one in (train, valid)]
    both, part = train.joined(valid), np.concatenate(parts)
    asked = np.zeros(len(part), dtype=bool)
    asked[both.evenly(ENTRIES // blend.head.classes)] = True
    scores = np.zeros((len(part), blend.head.classes), dtype=np.float32)
    for fold in range(FOLDS):
        head = added_up(
            *(one.take(np.flatnonzero(own != fold)) for one, own in zip((train, valid), parts, strict=True))
        )
        rows = np.flatnonzero(asked & (part == fold))
        scores[rows] = head.logits(both.features[rows])
    rows = np.flatnonzero(asked & (part >= 0))
    counts = np.bincount(both.labels, minlength=blend.head.classes).astype(np.float64)
    rare = rarity(counts, both.features.shape[1])
    kinds = np.stack([scores[rows], np.broadcast_to(rare.offset.astype(np.float32), (rows.size, rare.classes))])
    factor, more = pool_weights(kinds, both.labels[rows], [0]).tolist()
    head = added([added_up(train, valid), rare], [factor, more])
    weights = {name: factor * weight for name, weight in blend.weights.items()}
    return Blend(head, weights, factor * blend.adjustment + more)
