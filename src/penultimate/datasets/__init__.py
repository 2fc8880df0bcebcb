"""Class counts of long-tailed data sets the field knows, and features of networks, bundled with their sources."""

from penultimate.datasets.bundled import CountsInfo as CountsInfo
from penultimate.datasets.bundled import counts as counts
from penultimate.datasets.bundled import describe_features as describe_features
from penultimate.datasets.bundled import feature_names as feature_names
from penultimate.datasets.bundled import features as features
from penultimate.datasets.bundled import names as names
from penultimate.datasets.bundled import table as table
