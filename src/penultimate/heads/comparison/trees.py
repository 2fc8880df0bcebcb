"""Whether trees would do better: on a table's own columns they may, and then no head is the right tool."""

from typing import Any, cast

import numpy as np
from threadpoolctl import threadpool_limits

from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.scoring import Answers, Scorer

# Classes times width up to which they are tried, one tree a class and round being over all columns; both times
# samples: a minute and a half of one core.
MOST, WORK = 800, 1e8
_ROUNDS = 100
# A probability of nothing, as a score.
_LEAST = 1e-30


def trees_note(train: Samples, valid: Samples, scorer: Scorer, blended: Answers, seed: int) -> str | None:
    """What to say where gradient boosting on TRAIN answers VALID better than the blend, for certain; else None.

    Parameters
    ----------
    train, valid : Samples
    scorer : Scorer
        Of VALID.
    blended : Answers
        Of the blend, cross-fitted on VALID, of which trees see nothing.
    seed : int

    Returns
    -------
    str or None
        Also None where there are too many classes, columns and samples to try.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    cells = scorer.classes * train.features.shape[1]
    if cells > MOST or cells * len(train.labels) > WORK:
        return None
    made: Any = cast(Any, HistGradientBoostingClassifier)(
        class_weight="balanced", max_iter=_ROUNDS, early_stopping=False, random_state=seed
    )
    # Thousands of small trees: where others keep a core busy, a second thread costs many times what it gains.
    with cast(Any, threadpool_limits)(1, "openmp"):
        trees = made.fit(train.features, train.labels)
        found = trees.predict_proba(valid.features)
    scores = np.full((len(valid.labels), scorer.classes), np.log(_LEAST))
    scores[:, trees.classes_] = np.log(np.maximum(found, _LEAST))
    answers = Answers.empty(1, len(valid.labels))
    answers.note_scores(0, np.arange(len(valid.labels)), scores, valid.labels)
    gain, low, high = scorer.gains([answers], blended, seed)[0]["balanced_accuracy"]
    if low <= 0.0:
        return None
    points = f"{100 * gain:.1f} ({100 * low:.1f} … {100 * high:.1f}) points"
    return (
        f"Trees do better: gradient boosting on TRAIN has {points} of balanced accuracy more on VALID than the blend, "
        "as it may where features are a table's own columns. It is no head; take scikit-learn's "
        "HistGradientBoostingClassifier(class_weight='balanced')."
    )
