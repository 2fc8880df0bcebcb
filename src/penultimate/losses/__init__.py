"""Losses that the one-layer model turns into a convex problem (docs/theory §5), and their names on the command line."""

from penultimate.losses.binary_cross_entropy import BinaryCrossEntropy as BinaryCrossEntropy
from penultimate.losses.cross_entropy import CrossEntropy as CrossEntropy
from penultimate.losses.names import Loss as Loss
from penultimate.losses.names import check_name as check_name
from penultimate.losses.names import plainly as plainly
from penultimate.losses.names import resolve as resolve
from penultimate.losses.names import unseen_shift as unseen_shift
from penultimate.losses.squared_error import SquaredError as SquaredError
