import pytest

from penultimate.report.kit.numbers import number, percent


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (99.6, 2, "100"),
        (99.4, 2, "99"),
        (-99.6, 2, "-100"),
        (9999.7, 4, "10,000"),
        (0.0123456, 3, "0.0123"),
        (12345.6, 4, "12,346"),
        (7.0, 2, "7"),
        (1e14, 2, "100,000,000,000,000"),
        (1e30, 4, "1e+30"),
        (-1.25e20, 3, "-1.25e+20"),
        (float("nan"), 2, "–"),
    ],
)
def test_numbers_below_a_power_of_ten_are_rounded_to_it(value, digits, text):
    assert number(value, digits) == text


def test_shares_are_percentages():
    assert percent(0.996, 2) == "100 %" and percent(0.5, 2) == "50 %"
