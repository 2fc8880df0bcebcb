"""What people hand in as features and labels: read right, or refused in one line that names the way out."""

import numpy as np
import pytest
import torch

import penultimate as pen

LABELS = np.arange(12) % 3
FEATURES = np.eye(3, 4)[LABELS] + np.random.default_rng(0).normal(size=(12, 4)) / 4


def nc1(features, labels=LABELS):
    return pen.audit(features, labels).metrics.nc1


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize(
    "of",
    [
        np.asmatrix,
        np.ma.masked_array,
        lambda values: np.asfortranarray(values)[::-1][::-1],
        lambda values: values.tolist(),
        lambda values: values.astype(">f8"),
        lambda values: torch.tensor(values, requires_grad=True),
        lambda values: list(torch.tensor(values)),
        lambda values: torch.complex(*[torch.tensor(values)] * 2).imag,
    ],
)
def test_containers_of_one_matrix_are_the_same(of):
    assert nc1(of(FEATURES)) == pytest.approx(nc1(FEATURES), rel=1e-12)


NO_MATRICES = {
    "masked": (np.ma.masked_array(FEATURES, FEATURES > 1), LABELS, "masked entries in features"),
    "masked labels": (FEATURES, np.ma.masked_array(LABELS, LABELS == 2), "masked entries in labels"),
    "ragged": ([[1.0, 2.0], [3.0]], [0, 1], "features cannot be read as one array"),
    "sparse": (torch.tensor(FEATURES).to_sparse(), LABELS, "to_dense"),
    "meta": (torch.empty(FEATURES.shape, device="meta"), LABELS, "no data"),
    "meta labels": (
        FEATURES,
        torch.empty(12, dtype=torch.int64, device="meta"),
        "labels cannot be read as one array",
    ),
    "ragged labels": (FEATURES[:2], [[0], [0, 1]], "labels cannot be read as one array"),
    "negated view": (torch.complex(*[torch.tensor(FEATURES)] * 2).conj().imag, LABELS, "resolve_neg"),
    "float8": (torch.tensor(FEATURES).to(torch.float8_e4m3fn), LABELS, "Float8"),
    "generator": ((row for row in FEATURES), LABELS, "features are of type object"),
}


@pytest.mark.parametrize(("features", "labels", "message"), NO_MATRICES.values(), ids=NO_MATRICES)
def test_what_is_no_matrix_of_numbers_is_one_error(features, labels, message):
    with pytest.raises(pen.FeaturesError, match=message) as raised:
        pen.audit(features, labels)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("labels", [["cat", "dog", "cat"], [0.0, 1.0, 1.0], torch.empty(3, device="meta")])
@pytest.mark.parametrize("of", [pen.FeatureStatistics.from_features, pen.equivalents.Population.from_features])
def test_labels_that_are_no_whole_numbers_are_one_error(of, labels):
    with pytest.raises(pen.FeaturesError, match="labels"):
        of(np.eye(3), labels)


def test_rows_that_all_had_gaps_are_said_to_be_gone():
    with pytest.raises(pen.FeaturesError, match="there are no samples, all rows had gaps"):
        pen.audit(FEATURES * np.nan, LABELS, gaps="drop")


def test_the_callers_arrays_stay_as_they_were():
    features, labels = FEATURES.copy(), LABELS.copy()
    features.flags.writeable = labels.flags.writeable = False
    pen.audit(features, labels, head=pen.Head((np.eye(3, 4),), np.zeros(3)))
    np.testing.assert_array_equal(features, FEATURES)
