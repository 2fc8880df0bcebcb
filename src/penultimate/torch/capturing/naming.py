"""What the classes are called: in the data set behind a loader, and in a model's configuration."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Int

from penultimate.counts.class_names import as_names
from penultimate.counts.matching import places
from penultimate.errors import CountsError, FeaturesError

# What Hugging Face calls classes that nobody named.
_UNNAMED = re.compile(r"LABEL_\d+")


def names_of_data(loader: Any, classes: int) -> Sequence[str] | None:
    """Names of the labels 0, 1, … in the data set of a loader; None where it does not name that many classes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from penultimate.torch.capturing.naming import names_of_data
    >>> names_of_data(SimpleNamespace(dataset=SimpleNamespace(classes=["cat", "dog"])), classes=2)
    ('cat', 'dog')
    """
    return _names(_said(getattr(loader, "dataset", None)), classes)


def names_of_model(model: Any, classes: int) -> Sequence[str] | None:
    """Names of the logits 0, 1, … in a model's ``config.id2label``; None where it does not name that many classes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from penultimate.torch.capturing.naming import names_of_model
    >>> model = SimpleNamespace(config=SimpleNamespace(id2label={0: "dog", 1: "cat"}))
    >>> names_of_model(model, classes=2)
    ('dog', 'cat')
    """
    said: Any = getattr(getattr(model, "config", None), "id2label", None)
    if not isinstance(said, Mapping):
        return None
    by_number = {int(number): name for number, name in cast(Mapping[Any, Any], said).items()}
    if sorted(by_number) != list(range(len(by_number))):
        return None
    names = _names([by_number[number] for number in range(len(by_number))], classes)
    return None if names is None or all(_UNNAMED.fullmatch(name) for name in names) else names


def logits_of_labels(
    given: Sequence[str] | None, model: Any, loader: Any, classes: int
) -> tuple[Sequence[str] | None, Int[np.ndarray, " K"] | None]:
    """The classes' names in the order of the logits, and which logit each label means, where that is another.

    Parameters
    ----------
    given : sequence of str or None
        By the user, in the order of the labels; by default those of the data set.
    model, loader : object
    classes : int

    Raises
    ------
    FeaturesError
        When data set and model name other classes, and the user gives no names.
    """
    of_labels = names_of_data(loader, classes) if given is None else given
    of_logits = names_of_model(model, classes)
    if of_labels is None or of_logits is None:
        return (of_logits if of_labels is None else of_labels), None
    # Configurations like to write names in capitals.
    plain, wanted = ([name.casefold() for name in names] for names in (of_labels, of_logits))
    if given is not None and set(plain) != set(wanted):
        return of_labels, None
    try:
        order = places(plain, wanted, "the data set", "the model's configuration")
    except FeaturesError as error:
        raise FeaturesError(
            f"{error}; or give names= in the order of the labels, if it is that of the logits"
        ) from None
    if np.array_equal(order, np.arange(classes)):
        return of_labels, None
    in_order: list[int] = np.argsort(order).tolist()
    return tuple(of_labels[label] for label in in_order), order


def _said(dataset: Any) -> Iterable[Any] | None:
    """The names that a data set has, in the order of its labels."""
    while hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        dataset = dataset.dataset
    features: Any = getattr(dataset, "features", None)
    if isinstance(features, Mapping):
        named = [f.names for f in cast(Mapping[str, Any], features).values() if getattr(f, "names", None) is not None]
        return named[0] if len(named) == 1 else None
    # Labels that are transformed are not those that the names belong to.
    return None if getattr(dataset, "target_transform", None) is not None else getattr(dataset, "classes", None)


def _names(said: Any, classes: int) -> Sequence[str] | None:
    if not isinstance(said, list | tuple) or len(cast(list[Any], said)) != classes:
        return None
    try:
        return as_names(cast(list[Any], said))
    except CountsError:
        return None
