"""The page of verdicts has every word that a command prints as a result, and none that it does not."""

import re
from enum import Enum
from pathlib import Path

import pytest

from penultimate.advice.status import Reason, Status
from penultimate.drifts.drift import ClassOutcome
from penultimate.forecasts.status import FATES, LABEL_STATUSES
from penultimate.forecasts.width_margin import Width
from penultimate.minimisers.solution import Outcome
from penultimate.noise.class_means import MeansOutcome
from penultimate.noise.standing import Standing
from penultimate.scans.groups import Kind

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
# Enumerations whose members are no results: what a loss is asked for, and how much a name sounds like a head's.
NO_RESULTS = {"Goal", "Grade"}


def names(members: type[Enum]) -> list[str]:
    return [member.name.lower() for member in members]


WORDS = {
    "Directions and classes, forecast of a network": FATES,
    "How much of its own direction a class keeps": LABEL_STATUSES,
    "How a minimum was found": names(Outcome),
    "Class means of an audit": [
        *names(MeansOutcome),
        *("merged", "apart", "undecided"),
        *(standing.value for standing in Standing),
    ],
    "Classes that moved": names(ClassOutcome),
    "Rows of a last layer that were never trained": names(Kind),
    "Width of a head with many classes": [width.value for width in Width],
    "Advice": [*names(Status), *names(Reason)],
}


@pytest.mark.parametrize("heading", WORDS)
def test_a_section_has_the_words_of_the_code(heading):
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == sorted(WORDS[heading])


def test_no_section_and_no_enumeration_is_left_out():
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == list(WORDS)
    found = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for name in re.findall(r"^class (\w+)\((?:Int)?Enum\)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    here = {"ClassOutcome", "Kind", "MeansOutcome", "Outcome", "Reason", "Standing", "Status", "Width"}
    assert found == NO_RESULTS | here
