"""Heads that bend: against scikit-learn's own Nyström features, sums of them, and their file."""

import importlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.utils import estimator_checks as checks

import penultimate as pen
from penultimate.errors import FileError, PenultimateError
from penultimate.features.head import Head
from penultimate.heads.kernel_head import KernelHead, added, renamed
from seeds import SEED

NAMES = ("bee", "cat")


@cache
def crossed():
    """Two classes that no plane parts."""
    rng = np.random.default_rng(2 + SEED)
    X = rng.normal(size=(400, 3))
    return X, np.array(NAMES)[(X[:, 0] * X[:, 1] > 0).astype(int)]


@cache
def fitted():
    X, y = crossed()
    return pen.heads.NystroemHead(60, weight_decay=1e-2).fit(X[:300], y[:300])


def some(seed=0, landmarks=4):
    rng = np.random.default_rng(seed)
    flat = Head((rng.normal(size=(2, 3)),), rng.normal(size=2), NAMES)
    return KernelHead(
        flat, rng.normal(size=(landmarks, 3)), rng.uniform(0.5, 2, landmarks), rng.normal(size=(2, landmarks))
    )


def test_scores_are_those_of_scikit_learn_on_the_same_landmarks():
    X, y = crossed()
    rows = X[:300]
    head = pen.heads.NystroemHead(60, weight_decay=1e-2, tol=1e-9).fit(rows, y[:300])
    marks = rows[np.sort(np.random.default_rng(0).permutation(300)[:60])]
    lift = Nystroem(gamma=1 / (2 * head.unit_**2), n_components=60).fit(marks)
    lifted = lift.transform(rows)
    decay = 1e-2 * lifted.var(axis=0).mean()
    # Of two rows of opposite sign, as softmax has them, each bears half the penalty of scikit-learn's one.
    model = LogisticRegression(C=2 / (300 * decay), tol=1e-10, max_iter=5000).fit(lifted, y[:300])
    wanted = model.decision_function(lift.transform(X[300:]))
    # Directions of the kernel that are rounding are left out, which scikit-learn keeps.
    np.testing.assert_allclose(head.decision_function(X[300:]), wanted, atol=0.03 * np.abs(wanted).max())


def test_it_answers_what_no_linear_head_can():
    X, y = crossed()
    assert np.mean(fitted().predict(X[300:]) == y[300:]) > 0.85
    assert np.mean(pen.heads.LogisticHead().fit(X[:300], y[:300]).predict(X[300:]) == y[300:]) < 0.7


def test_the_kernel_head_answers_as_the_estimator():
    X, _ = crossed()
    kept = fitted().kernel_head()
    assert kept.names == NAMES and (kept.classes, kept.dimension) == (2, 3)
    logits = kept.logits(X)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], fitted().decision_function(X), atol=1e-10)
    np.testing.assert_allclose(kept.logits(X.astype(np.float32)), logits, atol=1e-3)


def test_scores_are_the_sum_that_they_are_said_to_be():
    head, X = some(), crossed()[0]
    near = np.exp(-np.square(cdist(X, head.landmarks)) / (2 * np.square(head.widths)))
    wanted = X @ head.linear.product.T + head.linear.offset + near @ head.coefficients.T
    np.testing.assert_allclose(head.logits(X), wanted, atol=1e-12)


def test_heads_are_added_with_their_shares():
    X = crossed()[0]
    heads = [some(1), some(2).linear, some(3)]
    both = added(heads, [0.5, 2.0, 1.5])
    wanted = sum(share * head.logits(X) for share, head in zip((0.5, 2.0, 1.5), heads, strict=True))
    np.testing.assert_allclose(both.logits(X), wanted, atol=1e-12)
    assert isinstance(added(heads, [0.0, 1.0, 0.0]), Head)


def test_there_and_back(tmp_path):
    head, X = some(), crossed()[0].astype(np.float32)
    path = tmp_path / "head.safetensors"
    head.save(path)
    read = KernelHead.read(path)
    assert read.names == NAMES
    np.testing.assert_allclose(read.logits(X), head.logits(X), atol=1e-4)
    costs = [[0, 1], [9, 0]]
    assert np.mean(read.predict(X, costs=costs)) > np.mean(read.predict(X))
    np.testing.assert_array_equal(renamed(read, None).predict(X, costs=costs), read.predict(X, costs=costs))


def test_its_graph_gives_the_same_scores(tmp_path):
    onnx = pytest.importorskip("onnx")
    reference = importlib.import_module("onnx.reference")
    head, X = some(), crossed()[0].astype(np.float32)
    head.save(tmp_path / "head.onnx")
    model = onnx.load(tmp_path / "head.onnx")
    scores, shares = reference.ReferenceEvaluator(model).run(["scores", "probabilities"], {"features": X})
    np.testing.assert_allclose(scores, head.logits(X), atol=1e-4)
    np.testing.assert_allclose(shares, softmax(head.logits(X), axis=1), atol=1e-5)
    assert [(one.key, one.value) for one in model.metadata_props] == [("classes", '["bee", "cat"]')]


@pytest.mark.parametrize("form", ["safetensors", "onnx"])
def test_it_is_not_taken_for_a_layer(form, tmp_path):
    """W alone answers otherwise, and must not be read out of the file."""
    path = tmp_path / f"head.{form}"
    some().save(path)
    with pytest.raises(PenultimateError):
        pen.Head.read(path, classes=2, dimension=3)
    if form == "onnx":
        assert pen.Head.read(path).dimension == 7  # of features and landmarks: it fits no features
    else:
        with pytest.raises(PenultimateError):
            pen.Head.read(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file|cannot be read"), (b"", "damaged|no penultimate"), (b"PK\x03\x04" * 9, "damaged|no pen")],
)
def test_what_is_no_such_file_is_refused(tmp_path, content, says):
    path = tmp_path / "head.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=says):
        KernelHead.read(path)
    with pytest.raises(pen.FeaturesError, match=r"written as \.safetensors or \.onnx"):
        some().save(tmp_path / "head.npz")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"landmarks": np.ones((4, 2))}, "landmarks have shape"),
        ({"landmarks": np.ones((0, 3))}, "0 landmarks"),
        ({"widths": np.ones(3)}, "widths have shape"),
        ({"widths": np.array([1.0, 0.0, 1.0, 1.0])}, "positive"),
        ({"coefficients": np.ones((3, 4))}, "coefficients have shape"),
        ({"coefficients": np.full((2, 4), np.nan)}, "coefficients hold NaN"),
    ],
)
def test_parts_that_do_not_fit_are_refused(given, says):
    with pytest.raises(pen.FeaturesError, match=says):
        replace(some(), **given)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"landmarks": 2.5}, "number of landmarks"), ({"bandwidth": 0}, "bandwidth"), ({"weight_decay": -1}, "decay")],
)
def test_settings_that_are_none_are_refused(settings, says):
    X, y = crossed()
    with pytest.raises(PenultimateError, match=says):
        pen.heads.NystroemHead(**settings).fit(X, y)
    with pytest.raises(pen.FeaturesError, match="the same in every sample"):
        pen.heads.NystroemHead().fit(np.ones((4, 2)), [0, 1, 0, 1])


@pytest.mark.parametrize(
    "check",
    [
        checks.check_no_attributes_set_in_init,
        checks.check_estimators_unfitted,
        checks.check_classifiers_one_label,
        checks.check_estimators_nan_inf,
        checks.check_fit2d_1sample,
    ],
    ids=lambda check: check.__name__,
)
def test_passes_checks_of_scikit_learn(check):
    check("NystroemHead", pen.heads.NystroemHead(10))
