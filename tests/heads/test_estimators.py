"""Every head is a scikit-learn estimator: the library's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import penultimate as pen

ESTIMATORS = [
    pen.heads.NearestMeanHead(),
    pen.heads.NearestMeanHead("within", pull=1.0),
    pen.heads.DiscriminantHead(),
    pen.heads.DiscriminantHead(0.0, prior="counts"),
    pen.heads.RidgeHead(),
    pen.heads.RidgeHead(class_weight="balanced"),
    pen.heads.LogisticHead(),
    pen.heads.LogisticHead(class_weight="balanced", adjustment=1.0),
    pen.heads.NormalisedHead(),
    pen.heads.PriorScaledHead(),
    pen.heads.AdjustedHead(tau=0.1),
    pen.heads.CalibratedHead(),
    pen.heads.WeightScalingHead(),
    pen.heads.FrameHead(),
    pen.heads.FrameHead("orthogonal"),
    pen.heads.FrameHead("forecast"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
