"""The type checker of the tests: beartype with PEP 484's numeric tower, so that an int may stand for a float."""

from typing import Any, Self

from beartype import BeartypeConf, FrozenDict, beartype

# It is asked method by method, and knows `Self` only where it is given the whole class.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({Self: Any})))
