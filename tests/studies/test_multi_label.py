"""What the study of several labels says on average, against a plain count; and its sets that took no part."""

import unicodedata

import numpy as np
import pytest

from studies import multi_label, multi_label_unseen
from studies.multi_label_sets import LabelledFeatures
from studies.multi_label_tables import BENT, KERNEL, OURS, TUNED, averaged, claims


def ways(gain):
    base = np.linspace(0.2, 0.6, 40)
    row = {"gain": [gain, gain - 0.01, gain + 0.01], "gain_few": [0.0, 0.0, 0.0], "gain_bent": [gain, 0.0, 0.0]}
    batches = {"MultiLabelHead, thresholds of batches of 200": row}
    return {OURS: {"f": base + gain, **row}, **{way: {"f": base, **row} for way in (BENT, TUNED, KERNEL)}, **batches}


def test_an_average_over_sets_counts_each_set_alike():
    point, low, high = averaged([ways(0.01), ways(0.03)], OURS, TUNED)
    assert point == pytest.approx(0.02) and low == pytest.approx(0.02) == pytest.approx(high)
    noisy = ways(0.02)
    noisy[OURS]["f"] = noisy[OURS]["f"] + np.random.default_rng(0).normal(size=40)
    _, low, high = averaged([noisy], OURS, TUNED)
    assert high - low == pytest.approx(2 * 1.96 / 40**0.5, rel=0.3)


def test_sets_that_took_no_part_are_judged_one_by_one_and_on_average():
    facts = {name: {"ways": ways(0.02), "labels": 40} for name in multi_label_unseen.UNSEEN}
    found = claims(facts, {})
    assert len(found) == 3 * len(facts) + 4
    assert sum("on average over 5 sets" in claim.claim for claim in found) == 3


def test_no_sample_of_a_set_that_took_no_part_is_tested_twice_and_groups_stay_together():
    groups = np.arange(300) // 3
    data = LabelledFeatures(np.zeros((300, 1)), np.tile([[1], [0]], (150, 1)), groups)
    tests = np.array([multi_label._cut("ages of abalone", data, split)[0] for split in range(5)])
    np.testing.assert_array_equal(tests.sum(axis=0), 1)
    assert all(np.isin(groups[~test], groups[test]).sum() == 0 for test in tests)


def test_properties_of_characters_are_those_of_the_standard():
    assert {"L", "Lu", "has lower case", "identifier", "direction L"} <= set(multi_label_unseen._properties("A"))
    assert {"N", "No", "decomposes", "<fraction>", "number"} <= set(multi_label_unseen._properties("½"))
    assert {"combines", "M"} <= set(multi_label_unseen._properties(unicodedata.lookup("COMBINING ACUTE ACCENT")))
