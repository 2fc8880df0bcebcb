"""The second tests of drift: what they see, that they keep their level, and what is refused."""

import numpy as np
import pytest

import penultimate as pen
from command import run
from penultimate.drifts.neighbours import neighbours
from penultimate.drifts.samples import first_look
from penultimate.drifts.shape import shapes
from penultimate.drifts.sides import two_sides
from seeds import SEED

K, WIDTH, EACH = 3, 5, 25
LABELS = np.repeat(np.arange(K), EACH)
MEANS = 4 * np.eye(K, WIDTH)


def sides(seed, wider=1.0, aside=0.0):
    """Two sides, class 1 of the second with more scatter, or moved where no neighbour lies."""
    rng = np.random.default_rng(seed)
    one, other = (rng.normal(size=(K * EACH, WIDTH)) for _ in range(2))
    other[LABELS == 1] *= wider
    other[LABELS == 1, WIDTH - 1] += aside
    return pen.ArraySource(MEANS[LABELS] + one, LABELS), pen.ArraySource(MEANS[LABELS] + other, LABELS)


@pytest.mark.parametrize(
    ("shape", "planted"), [("mmd", {"wider": 2.5}), ("mmd", {"aside": 2.0}), ("sinkhorn", {"aside": 2.0})]
)
def test_what_no_neighbour_spans_is_seen_and_nothing_is_not(shape, planted):
    """The divergence sees shifts; of scatter it sees little at ε = 1 (studies/positive_features.py)."""
    seen = pen.drift(*sides(SEED, **planted), shape=shape)
    assert seen.shape_p[1] < 0.01 and seen.moved[1] and (seen.shape_p[[0, 2]] > 0.001).all()
    excess = seen.divergence - seen.divergence_by_chance
    if shape == "sinkhorn":
        # The squared shift, three standard errors of a mean of twenty-five samples on either side.
        assert excess[1] == pytest.approx(4.0, abs=3 * 2 * 2.0 * np.sqrt(2 / EACH))
    else:
        assert np.isnan(excess).all()


@pytest.mark.parametrize("shape", ["mmd", "sinkhorn"])
def test_second_tests_keep_their_level(shape):
    """Bounds of three standard errors of 24 classes."""
    p = []
    for draw in range(8):
        both = sides(7 * draw + 1000 * SEED)
        about = neighbours(*(first_look(side, K) for side in both))
        opened = two_sides(*both)[:2]
        p.append(shapes(shape, opened, about, np.ones(K, dtype=bool), 0.05, np.random.default_rng(draw)).p)
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 24)


def test_the_command_prints_and_writes_a_divergence(monkeypatch, capsys, tmp_path):
    for name, source in zip("ab", sides(SEED, aside=2.0), strict=True):
        batch = next(source.batches())
        np.savez(tmp_path / f"{name}.npz", H=batch.features, y=batch.labels)
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    code, out, _ = run(monkeypatch, capsys, "drift", *paths, "--shape", "sinkhorn", "--epsilon", "2")
    assert code == 0 and "Sinkhorn divergence by positive features" in " ".join(out.split())
    record = pen.drift(*paths, shape="sinkhorn").to_dict()["classes"][1]
    assert record["divergence"] > record["divergence_by_chance"] > 0
    for given, message in (
        (("--shape", "sinkhorn", "--epsilon", "0.1"), "below 0.3"),
        (("--epsilon", "0.5"), "is of shape='sinkhorn'"),
        (("--shape", "pie"), "pie"),
    ):
        code, _, err = run(monkeypatch, capsys, "drift", *paths, *given)
        assert code == 2 and message in err


def test_samples_that_do_not_vary_have_no_shape():
    still = pen.ArraySource(np.where((LABELS == 2)[:, None], MEANS[2], next(sides(SEED)[0].batches()).features), LABELS)
    for shape in ("mmd", "sinkhorn"):
        assert pen.drift(still, still, shape=shape).shape_p[2] == 1
