"""Which directions of a head stand above the noise of its rows, and which of its rows are the same but for noise.

That what is left of a trained head is noise is an assumption, and is tested: where the singular values below the edge
do not look like it nothing is counted (docs/theory §12.1).
"""

from dataclasses import dataclass

from penultimate.errors import ProblemError
from penultimate.noise.row_directions import Directions, Shifted, directions_of
from penultimate.noise.row_pairs import EqualRows, equal_rows
from penultimate.reported import OneLine

# Multiplications that comparing all rows with one another may take here: a quarter of a minute.
_WORK = 1 << 40


@dataclass(frozen=True, repr=False)
class HeadNoise(OneLine):
    """A head against the noise of its rows.

    Attributes
    ----------
    directions : Directions or None
        Of the rows; None where the head has no edge.
    refusal : str
        Why there is none; empty where there is.
    pairs : EqualRows or None
        Every row with the one nearest to it along the directions; None without directions, where the rest does not look
        like noise, and where comparing rows would take too long.
    """

    directions: Directions | None
    refusal: str
    pairs: EqualRows | None


def head_noise(rows: Shifted) -> HeadNoise:
    """Find directions, and compare rows, as far as it can be done."""
    try:
        found = directions_of(rows)
    except ProblemError as error:
        return HeadNoise(None, str(error), None)
    comparable = found.fits and found.count and len(rows.matrix) ** 2 * found.count <= _WORK
    return HeadNoise(found, "", equal_rows(found) if comparable else None)
