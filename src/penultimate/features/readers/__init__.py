"""Features from files and arrays, streamed in batches (`penultimate.features.readers.opening` tells what is read)."""

from penultimate.features.readers.opening import open_features as open_features
from penultimate.features.readers.parts import Joined as Joined
from penultimate.features.readers.sources import ArraySource as ArraySource
from penultimate.features.readers.sources import Batch as Batch
from penultimate.features.readers.sources import FeatureSource as FeatureSource
