"""Features from files and arrays, streamed in batches (`penultimate.features.sources.opening` tells what is read)."""

from penultimate.features.sources.opening import open_features as open_features
from penultimate.features.sources.parts import Joined as Joined
from penultimate.features.sources.source import ArraySource as ArraySource
from penultimate.features.sources.source import Batch as Batch
from penultimate.features.sources.source import FeatureSource as FeatureSource
