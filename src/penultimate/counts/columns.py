"""What the name of a column says: whether it holds counts, labels, or something about single samples.

Names are taken apart into words (``numImages``, ``num_images`` and ``Num images`` are the same), so that a list of
words stands here and none of spellings. What a name does not tell is told by the data (`penultimate.counts.deciding`).
"""

import re
from collections.abc import Sequence

_COUNT_WORDS = frozenset(
    "count counts cnt frequency frequencies freq freqs support samples instances examples images imgs pictures photos "
    "occurrences observations objects annotations boxes n num nb".split()
)
_BESIDE_COUNTS = frozenset(
    "of the in per by for total train training class label category image img sample instance example object "
    "annotation row rows item items number no nr n num nb abs absolute data set dataset #".split()
)
# A column of one of these names may hold ids as well.
_WEAK = frozenset("n num nb no".split())

_LABEL_ORDER = ("label", "labels", "class", "target", "targets", "y", "category")
_LABEL_WORDS = frozenset(
    "label labels lbl class classes cls target targets y category categories species diagnosis dx".split()
)
_BESIDE_LABELS = frozenset(
    "id ids idx index name names true ground truth gt train training the of image no number nr code str int text "
    "encoded num primary".split()
)
_NAME_WORDS = frozenset(("name", "names"))
_SAMPLE_WORDS = frozenset(
    "image img file filename filenames path paths filepath url uri uuid text sentence document review audio video clip "
    "picture photo sample patient title".split()
)
_ID_WORDS = frozenset("id ids idx index no nr key".split())
_SPLIT_WORDS = frozenset("split splits subset fold partition phase set usage".split())
_TRAIN = frozenset(("train", "training"))
_HELD_OUT = frozenset("val valid validation test testing dev eval holdout".split())


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> from penultimate.counts.columns import words_of
    >>> words_of("numImages"), words_of("Class name")
    (['num', 'images'], ['class', 'name'])
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    return re.findall(r"[^\W_]+|#", parted.casefold())


def place_of(column: str, names: Sequence[str]) -> int | None:
    """Where the column that a user asks for stands: by its name, else in other case, else by its number from 1 on.

    Parameters
    ----------
    column : str
        What was asked for.
    names : sequence of str
        Those of all columns.

    Returns
    -------
    int or None
        None where there is no such column.

    Examples
    --------
    >>> from penultimate.counts.columns import place_of
    >>> place_of("tags", ["Tags", "tags"]), place_of("TAGS", ["id", "Tags"]), place_of("2", ["id", "tags"])
    (1, 1, 1)
    """
    wanted = column.strip().casefold()
    same = [i for i, name in enumerate(names) if name.strip().casefold() == wanted]
    if same:
        return next((i for i in same if names[i] == column), same[0])
    return int(column) - 1 if column.isdecimal() and 1 <= int(column) <= len(names) else None


def names_counts(name: str) -> bool:
    """Whether a name says that a column holds counts.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.columns import names_counts
    >>> [names_counts(name) for name in ("num_images", "Support", "count", "image_id")]
    [True, True, True, False]
    """
    words = set(words_of(name))
    return bool(words & _COUNT_WORDS) and words <= _COUNT_WORDS | _BESIDE_COUNTS


def names_counts_for_certain(name: str) -> bool:
    """Whether a name leaves no doubt that a column holds counts, even those that look like ids.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    return names_counts(name) and not set(words_of(name)) <= _WEAK


def label_rank(name: str) -> int | None:
    """How clearly a name says that a column holds labels: 0 for ``label``; None when it does not.

    Parameters
    ----------
    name : str

    Returns
    -------
    int or None

    Examples
    --------
    >>> from penultimate.counts.columns import label_rank
    >>> label_rank("Label"), label_rank("y"), label_rank("category_id"), label_rank("image_id")
    (0, 5, 7, None)
    """
    words = words_of(name)
    if len(words) == 1 and words[0] in _LABEL_ORDER:
        return _LABEL_ORDER.index(words[0])
    told = set(words) & _LABEL_WORDS and set(words) <= _LABEL_WORDS | _BESIDE_LABELS
    return len(_LABEL_ORDER) if told else None


def names_classes(name: str) -> bool:
    """Whether a name says that a column holds class names, beside counts.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    words = set(words_of(name))
    return label_rank(name) is not None or (bool(words) and words <= _NAME_WORDS)


def names_samples(name: str) -> bool:
    """Whether a name says that a column holds something of each sample: its file, its text, its id.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    words = set(words_of(name))
    return bool(words & _SAMPLE_WORDS) and label_rank(name) is None and not names_counts(name)


def names_ids(name: str) -> bool:
    """Whether a name says that a column holds ids or row numbers; a column without a name does.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    words = words_of(name)
    return not words or words[-1] in _ID_WORDS or not {"index", "unnamed"}.isdisjoint(words)


def is_known(name: str) -> bool:
    """Whether a name is one that headers have, and hardly any class.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    return names_counts(name) or label_rank(name) is not None or names_classes(name) or words_of(name) in (["id"],)


def tells_splits(name: str, values: Sequence[str]) -> bool:
    """Whether a column says of each sample if it is for training.

    Parameters
    ----------
    name : str
    values : sequence of str
        Its first rows.

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.columns import tells_splits
    >>> tells_splits("split", ["train", "test", "train"])
    True
    """
    held = {value.casefold() for value in values}
    return bool(set(words_of(name)) & _SPLIT_WORDS) and held <= _TRAIN | _HELD_OUT | {"unlabeled"} and len(held) > 0


def is_training(value: str) -> bool:
    """Whether an entry of such a column means training.

    Parameters
    ----------
    value : str

    Returns
    -------
    bool
    """
    return value.strip().casefold() in _TRAIN
