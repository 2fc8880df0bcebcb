"""Targets of any kind: several labels a sample, soft labels, regression; and everything they can be read from."""

from penultimate.targets.label_scatter import LabelScatter as LabelScatter
