"""What studies write, and that what is committed is what they wrote."""

import json
import math
from pathlib import Path

import altair as alt
import pytest

from studies.results import RESULTS, Claim, Study, markdown, table, write

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = dict.fromkeys(("model", "spectrum", "sweep", "constancy", "timeline", "sampling", "text"), "does-it-hold.md")
SHOWN |= dict.fromkeys(("untrained", "fixes", "checkpoints"), "untrained.md")
SHOWN |= dict.fromkeys(("resolvent", "ridge", "random_features", "scaling", "tensor", "randomised_svd"), "laws.md")
SHOWN |= {
    "learning_curves": "learning-curves.md",
    "few_samples": "laws.md",
    "real_or_noise": "laws.md",
    "truncation": "laws.md",
    "class_shares": "probabilities.md",
    "multi_label": "multi-label.md",
    "drift": "drift.md",
    "positive_features": "drift.md",
    "two_entries": "audit.md",
    "foreseeing": "training.md",
    "foreseeing_entropy": "training.md",
}


def claim(distance: float, allowed: float = 1.0) -> Claim:
    return Claim("a claim", "p", "m", distance, allowed, "because")


@pytest.mark.parametrize(("distance", "verdict"), [(0.5, "holds"), (1.0, "holds"), (1.1, "fails"), (math.nan, "fails")])
def test_verdicts_are_computed(distance, verdict):
    assert claim(distance).verdict == verdict


def test_tables_escape_bars():
    assert markdown(("a", "b"), [("x|y", "z")]).splitlines()[-1] == r"| x\|y | z |"


def test_everything_is_written_with_command_seed_and_versions(tmp_path):
    chart = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    study = Study([claim(0.0)], {"dots": chart}, {"numbers": [1.0, math.nan]}, {"more": markdown(("a",), [("b",)])})
    write(tmp_path, "thing", study, {"command": "python -m studies.thing", "seed": 3})
    record = json.loads((tmp_path / "thing.json").read_text())
    assert record["seed"] == 3 and record["command"].endswith("thing") and record["versions"]["penultimate"]
    assert record["facts"]["numbers"] == [1.0, None] and record["claims"][0]["verdict"] == "holds"
    assert (tmp_path / "thing.md").read_text() == table(study.claims)
    assert (tmp_path / "thing-dots.svg").read_text().startswith("<svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "thing-dots.svg",
        "thing-more.md",
        "thing.json",
        "thing.md",
    ]


@pytest.mark.parametrize("name", list(SHOWN))
def test_committed_results_are_whole_and_shown(name):
    record = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert (
        record["command"] == f"python -m studies.{name} --seed 0" and record["commit"] and record["versions"]["numpy"]
    )
    claims = [Claim(**{k: v for k, v in found.items() if k != "verdict"}) for found in record["claims"]]
    assert [found["verdict"] for found in record["claims"]] == [c.verdict for c in map(_restored, claims)]
    page = (DOCS / SHOWN[name]).read_text(encoding="utf-8")
    shown = {path for path in RESULTS.glob(f"{name}*") if path.suffix in (".md", ".svg")}
    assert len(shown) > 1
    for path in shown:
        assert f"studies/results/{path.name}" in page, f"{path.name} is not shown in {SHOWN[name]}"


def _restored(found: Claim) -> Claim:
    """Not-a-number is null in JSON."""
    return Claim(**{**vars(found), "distance": math.nan if found.distance is None else found.distance})
