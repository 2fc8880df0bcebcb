"""What stands above noise: directions of means, heads and training runs, and rows that are the same."""

from penultimate.noise.bulk import Bulk as Bulk
from penultimate.noise.class_means import ClassDirections as ClassDirections
from penultimate.noise.class_means import MeansOutcome as MeansOutcome
from penultimate.noise.class_means import class_directions as class_directions
from penultimate.noise.edges import Strengths as Strengths
from penultimate.noise.edges import edge as edge
from penultimate.noise.edges import fisher_edge as fisher_edge
from penultimate.noise.edges import strengths as strengths
from penultimate.noise.krylov import Leading as Leading
from penultimate.noise.krylov import leading as leading
from penultimate.noise.nearest_classes import ClassPairs as ClassPairs
from penultimate.noise.nearest_classes import class_pairs as class_pairs
from penultimate.noise.row_directions import Directions as Directions
from penultimate.noise.row_directions import directions as directions
from penultimate.noise.row_pairs import EqualRows as EqualRows
from penultimate.noise.row_pairs import equal_rows as equal_rows
from penultimate.noise.spiked_tensor import Spike as Spike
from penultimate.noise.spiked_tensor import SpikedTensor as SpikedTensor
from penultimate.noise.within_classes import ScatterDirections as ScatterDirections
from penultimate.noise.within_classes import scatter_directions as scatter_directions
