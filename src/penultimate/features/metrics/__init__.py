"""Measures of neural collapse, balanced and imbalance-aware, as functions of `FeatureStatistics`."""

from penultimate.features.metrics.collapse import nc1 as nc1
from penultimate.features.metrics.collapse import signal_to_noise as signal_to_noise
from penultimate.features.metrics.collapse import variability_quotient as variability_quotient
from penultimate.features.metrics.frames import effective_rank as effective_rank
from penultimate.features.metrics.frames import equinorm as equinorm
from penultimate.features.metrics.frames import gram_distance as gram_distance
from penultimate.features.metrics.frames import self_duality as self_duality
from penultimate.features.metrics.pairs import PairwiseVariance as PairwiseVariance
from penultimate.features.metrics.pairs import equiangularity as equiangularity
from penultimate.features.metrics.sinkhorn import sinkhorn_divergence as sinkhorn_divergence
from penultimate.features.metrics.summary import ClassMetrics as ClassMetrics
from penultimate.features.metrics.summary import CollapseMetrics as CollapseMetrics
from penultimate.features.metrics.summary import class_metrics as class_metrics
from penultimate.features.metrics.summary import collapse_metrics as collapse_metrics
