"""Other data: does the law that one run implies hold for text, 45 classes, 340 to 1?

WordNet 3.0 sorts its 117,659 synsets into 45 lexicographer files; their sizes are the bundled counts ``wordnet``. A
multilayer perceptron (256-256-64-45) learns the file of a synset from its gloss, given as 256 numbers, at rising weight
decays; a quarter of the synsets keeps it short. All else is as in `studies.sweep`: the last layer is measured along the
directions of the label matrix, and each run forecasts all others by the law of one layer.
"""

import numpy as np

import penultimate as pen
from studies.data import read_glosses, require
from studies.results import NEVER, Claim, Study, main
from studies.series import grouped
from studies.sweep import factor_claims, factor_table, law_claims, law_table
from studies.sweep_figures import deaths_chart, decay_chart, names_of
from studies.training import Recipe, run_all


def recipes(quick: bool, seed: int) -> list[list[Recipe]]:
    """One list for each sweep over weight decays."""
    data, decays, epochs = "a quarter of the glosses", [2e-5 * 6**step for step in range(5)], 30
    if quick:
        data, decays, epochs = "a tenth of the glosses", [2e-5 * 36**step for step in range(3)], 5
    return [[Recipe(decay, start, epochs=epochs, data=data) for decay in decays] for start in range(seed, seed + 2)]


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    require("wordnet-base")
    wanted = recipes(quick, seed)
    flat = iter(run_all([recipe for some in wanted for recipe in some]))
    groups = grouped([[next(flat) for _ in some] for some in wanted])
    bundled, counted = pen.datasets.counts("wordnet").values, np.bincount(read_glosses()[1])
    off = int(np.sum(bundled != counted))
    same = Claim("the bundled counts are those of the source", "all 45", f"{45 - off} of 45", off, *NEVER)
    claims = [same, *(claim for group in groups for claim in [*law_claims(group), *factor_claims(group)])]
    figures = {"deaths": deaths_chart(groups, names_of(groups)), "decay": decay_chart(groups, names_of(groups))}
    facts = {"sigma": groups[0].sweeps[0].sigma, "exponents": groups[0].exponents(), "budget": groups[0].budget()}
    return Study(claims, figures, facts, {"law": law_table(groups), "factors": factor_table(groups)})


if __name__ == "__main__":
    main("text", study)
