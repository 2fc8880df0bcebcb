"""Class counts, and everything they can be read from."""

from penultimate.counts.class_counts import ClassCounts as ClassCounts
