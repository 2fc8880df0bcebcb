"""Deterministic equivalents: what a head fitted on random samples does on average, and how far it scatters about that.

`Population` holds what is known of the classes, `ScoreLaw` is the law of the scores of a ridge head (docs/theory §9);
`RidgeLaw` is its case of one class, from a spectrum alone (docs/theory §10).
"""

from penultimate.equivalents.population import Population as Population
from penultimate.equivalents.power_law import PowerLaw as PowerLaw
from penultimate.equivalents.random_features import RandomFeaturesLaw as RandomFeaturesLaw
from penultimate.equivalents.ridge_law import RidgeLaw as RidgeLaw
from penultimate.equivalents.scatter import scatter_density as scatter_density
from penultimate.equivalents.scatter import scatter_edges as scatter_edges
from penultimate.equivalents.score_law import ScoreLaw as ScoreLaw
