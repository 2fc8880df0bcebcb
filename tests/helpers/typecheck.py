"""The type checker of the tests: beartype, for which whole numbers and numbers of NumPy stand for floats."""

from typing import IO, Any, Self

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

_STANDS_FOR = FrozenDict(
    {
        float: float | int | np.floating | np.integer,
        int: int | np.integer,
        IO[str]: Any,  # which no open file inherits from
        IO[bytes]: Any,
        Self: Any,  # known only to a checker that is given the whole class
    }
)
checked = beartype(conf=BeartypeConf(hint_overrides=_STANDS_FOR))
