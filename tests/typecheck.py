"""The type checker of the tests: beartype with PEP 484's numeric tower, so that an int may stand for a float."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
