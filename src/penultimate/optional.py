"""Libraries that only some of the work needs: import one, or say which extra brings it."""

from importlib import import_module
from typing import Any

from penultimate.errors import MissingDependencyError

# Where the name to import is not the name that people know the library by.
_KNOWN_AS = {
    "lightning.pytorch": "lightning",
    "sklearn": "scikit-learn",
    "torch": "PyTorch",
    "vl_convert": "vl-convert-python",
}


def needed(module: str, extra: str | None, for_what: str) -> Any:
    """Import a library that is not installed with the package itself.

    Parameters
    ----------
    module : str
        Its name as it is imported.
    extra : str or None
        Of ``pip install 'penultimate[extra]'``; None for a framework that its users install themselves.
    for_what : str
        What the user wants of it, as the subject of a sentence: ``"a chart"``.

    Returns
    -------
    module

    Raises
    ------
    MissingDependencyError
        If it is not installed, or cannot be imported.

    Examples
    --------
    >>> needed("json", "report", "a chart").dumps(1)
    '1'
    """
    try:
        return import_module(module)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name in (module, module.partition(".")[0])
        fault = "is not installed" if absent else f"cannot be imported ({error})"
        known = _KNOWN_AS.get(module, module)
        install = known if extra is None else f"'penultimate[{extra}]'"
        raise MissingDependencyError(f"{for_what} needs {known}, which {fault}: pip install {install}") from error
