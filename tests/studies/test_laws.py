"""The studies of the laws in their quick forms: what must hold in them, and what they share."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import penultimate as pen
from studies import random_features, randomised_svd, real_or_noise, resolvent, ridge, scaling, tensor, truncation
from studies.results import Study


def failing(study: Study) -> set[str]:
    return {claim.claim for claim in study.claims if claim.verdict == "fails"}


def told(study: Study) -> bool:
    """Whether claims are judged in words without a stray not-a-number, and charts can be drawn."""
    words = [claim.predicted + claim.measured for claim in study.claims] + list(study.tables.values())
    for chart in study.figures.values():
        json.dumps(chart.to_dict(), allow_nan=False)
    return not any("nan" in text for text in words) and all(math.isfinite(claim.distance) for claim in study.claims)


def test_resolvents():
    """With so few draws the distance of the mean is noise; the scatter is known."""
    found = resolvent.study(quick=True)
    assert told(found)
    assert not {claim for claim in failing(found) if claim.startswith("a single entry")}
    assert set(found.figures) == {"density"} and set(found.tables) == {"rates"}


def test_smoothing_keeps_the_mass():
    at = np.linspace(-50.0, 50.0, 20_001)
    density = resolvent.smoothed(at, np.array([0.0, 1.0]), np.array([0.25, 0.75]))
    assert density.sum() * (at[1] - at[0]) == pytest.approx(1.0, abs=2e-3)
    assert at[density.argmax()] == pytest.approx(1.0, abs=0.01)


def test_ridge_regression():
    found = ridge.study(quick=True)
    assert told(found)
    missing = failing(found)
    assert not {
        claim for claim in missing if claim.startswith(("variance", "closed forms", "the error on new samples"))
    }
    assert (
        "cnn-mse-test: without samples at hand, from statistics alone, it chooses better than a fixed weight decay"
        in {claim.claim for claim in found.claims} - missing
    )


def test_random_features():
    found = random_features.study(quick=True)
    assert told(found)
    peak = "digits 3 and 8: the peak of double descent, next to no weight decay"
    assert peak in {claim.claim for claim in found.claims} - failing(found)


def test_scaling():
    """Exponents are met only by larger numbers; the recursion is exact, and spectra are told apart."""
    found = scaling.study(quick=True)
    assert told(found)
    assert not {claim for claim in failing(found) if "scaling_law" in claim or "recursion" in claim}


def test_one_direction_in_noise():
    """Of so few small tensors only the inferred strengths are near enough."""
    found = tensor.study(quick=True)
    assert told(found)
    assert "strength inferred from the norm alone" in {claim.claim for claim in found.claims} - failing(found)
    assert tensor.edge((12, 9, 6), 2.0, np.random.default_rng(0))[0] == pytest.approx(2.0, rel=1e-6)


def test_two_steps_of_the_recursion_are_their_expectation():
    """Fourth moments of two Gaussian features, summed by hand: E[u_i² (u·e)²] = s_i (Σ s_j e_j² + 2 s_i e_i²)."""
    features = scaling.Features(np.array([1.0, 0.25]), np.array([2.0, 3.0]), 0.0)
    step, s, v = scaling.step_size(features), features.spectrum, features.target
    assert scaling.schedule(2, step).tolist() == [step, step]
    for _ in range(2):
        v = v * (1 - 2 * step * s) + step**2 * s * (s @ v + 2 * s * v)
    assert scaling.expected(features, 2, 0.0)[0] == pytest.approx(s @ v)


def test_randomised_singular_vectors():
    """In few draws fluctuations of the edge and of power are all that may be off."""
    found = randomised_svd.study(quick=True)
    assert told(found)
    assert not {claim for claim in failing(found) if not claim.startswith(("edge of noise", "cnn-"))}
    assert set(found.figures) == set(found.tables) == {"transition"}


def test_real_heads_and_classes_without_a_download(monkeypatch):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 100)
    audit = pen.audit(
        np.array([[0.0] * 5, [0.0] * 5, [9.0] * 5, [-9.0] * 5])[labels] + rng.normal(size=(400, 5)), labels
    )
    noise = pen.audit_head(pen.Head((rng.normal(size=(60, 30)),)), np.ones(60)).rows.noise
    monkeypatch.setattr(real_or_noise, "BUNDLED", ("cnn-mse-test",))
    monkeypatch.setattr(real_or_noise, "fetch", lambda source: Path(source.package))
    monkeypatch.setattr(real_or_noise, "noise_of", lambda path: noise)
    monkeypatch.setattr(real_or_noise, "countries", lambda every: (audit, ["A", "B", "C", "D"]))
    found = real_or_noise.study(quick=True)
    assert told(found) and not failing(found)
    assert "| wordllama | 60 × 30 | 0 of 30 | yes |" in found.tables["heads"]
    assert "| merged | 1: A and B |" in found.tables["countries"]


def test_targets_inside_a_survival_set(monkeypatch):
    """The rate is exact, and fits of real scores without what was dropped are refused; counts are only told."""
    monkeypatch.setattr(truncation, "SETS", {"[0, ∞)": (0.0, np.inf)})
    monkeypatch.setattr(truncation, "SIZES", (500, 1000))
    monkeypatch.setattr(truncation, "WIDTH", 6)
    monkeypatch.setattr(truncation, "_LEARNT", 2000)
    found = truncation.study(quick=True)
    assert told(found)
    assert set(found.tables) == {"rates", "scores", "counts"}
    assert all(cell["refused"] >= 5 for cell in found.facts["real"])
