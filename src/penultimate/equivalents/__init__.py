"""Deterministic equivalents: what a head fitted on random samples does on average, and how far it scatters about that.

`Population` holds what is known of the classes, `ScoreLaw` is the law of the scores of a ridge head (docs/theory §9).
"""

from penultimate.equivalents.population import Population as Population
from penultimate.equivalents.score_law import ScoreLaw as ScoreLaw
