"""Which weight of a checkpoint is the head: by its rows, one for each class, by its name, and by how deep it lies.

What fits the classes and bears a usual name goes first, then what fits alone. The embedding of a language model is
taken where nothing else fits: its head may be tied to it. Two that fit equally well are never chosen between.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from penultimate.errors import FeaturesError
from penultimate.features.array_names import features_with_labels
from penultimate.features.checkpoints.stored import Stored, stored_weights

if TYPE_CHECKING:
    from penultimate.archives.archive import Archive

# What the libraries of models call the last layer (timm, torchvision, transformers, detectron2, mmdetection, JAX).
_USUAL = frozenset(
    "fc classifier head heads lm_head linear last_linear logits output score cls_score cls_classifier cls_head "
    "cls_logits class_predictor class_embed embed_out output_layer fc_out fc_cls classification_head vocab_projector "
    "mlp_head output_projection lm_predictions final_layer predictions classifier_head".split()
)
# The same where they stand below one of the above: classifier.out_proj, cls.predictions.decoder, head.proj.
_BELOW = frozenset("out_proj decoder proj fc linear head dense_out out output layer predictions conv".split())
_LIKELY = re.compile(r"head|class|score|logit|pred|cls")
_EMBEDDING = re.compile(r"embed_tokens|wte|(word|tok|token)_emb(eddings?|d)|embed_in|shared|embedding")
# Numbered modules, and those of any depth that are never the last.
_STACK = re.compile(r"layers?|blocks?|stages?|h|resblocks|groups|features|encoder|decoder|transformer|experts")
_BODY = re.compile(
    r"(layer|block|stage)_?\d+|pooler|wpe|.*(attn|attention|mlp|ffn|conv|patch|pos(ition)?_|token_type|downsample|norm|"
    r"rel_pos|rotary|position).*"
)
# Neither helps to tell one layer from another.
_WRAPPERS = frozenset("weight kernel w base_layer modules_to_save default module params model state_dict".split())
_LISTED = 12
# What positions and masks are stored in, and weights never.
_INDICES = ("int64", "int32", "bool")


class Grade(IntEnum):
    """How much a name sounds like a head's, best first."""

    USUAL = 0
    LIKELY = 1
    OTHER = 2
    EMBEDDING = 3
    BODY = 4


@dataclass(frozen=True)
class Candidate:
    """A weight that may be the head, as the head would have it: one row for each class.

    Attributes
    ----------
    stored : Stored
    grade : Grade
        By its name.
    transposed : bool
        Whether it has a column for each class.
    fits : bool
        Whether it has the rows and columns that are asked for; True where nothing is.
    """

    stored: Stored
    grade: Grade
    transposed: bool
    fits: bool

    @property
    def name(self) -> str:
        """Of the weight."""
        return self.stored.name

    @property
    def shape(self) -> tuple[int, int]:
        """Classes and width."""
        rows, columns = self.stored.shape
        return (columns, rows) if self.transposed else (rows, columns)

    @property
    def depth(self) -> int:
        """Modules that it lies in."""
        return len(re.findall(r"[./]", self.name))

    def __str__(self) -> str:
        return f"{self.name} ({self.shape[0]} × {self.shape[1]})"


@runtime_checkable
class _Graph(Protocol):
    """An archive that knows how its weights follow one another."""

    def last(self) -> list[str]:
        """The weights that outputs are computed with."""
        ...


def find_head(
    archive: "Archive", key: str | None, classes: int | None, dimension: int | None, embedding: bool = False
) -> tuple[Candidate, str]:
    """The weight of the head, and what to say of the choice.

    Parameters
    ----------
    archive : Archive
        Open; nothing is read but names and shapes.
    key : str or None
        Name of the weight, of one of its parts, or of its module.
    classes, dimension : int or None
        Rows and columns that it must have, where they are known.
    embedding : bool, default False
        Whether the embedding of tokens will do where there is no head.

    Returns
    -------
    Candidate, str
        The remark is empty where there is nothing to add.

    Raises
    ------
    FeaturesError
        When there is none, or several fit equally well; the message lists the best first.
    """
    weights = _weights(archive)
    found = _found(weights, classes, dimension)
    if key is not None:
        return _by_key(archive, key, weights, found), ""
    if isinstance(archive, _Graph):  # which knows better than names
        ends = archive.last()
        best = [one for one in found if one.fits and one.name in ends]
    else:
        best = _best(found, sure=classes is not None)
    if not best and embedding:
        best = [one for one in found if one.fits and one.grade is Grade.EMBEDDING]
    if len(best) > 1:
        best = _last_of_sequence(best)
    if len(best) > 1:
        raise FeaturesError(f"several weights may be the head, {_listed(best)}: choose one (key=, --key)")
    if not best:
        raise _nothing(archive, found, classes, dimension)
    _check_missing(archive, weights, best[0].grade)
    return best[0], _remark(best[0], found, classes)


def find_candidates(archive: "Archive") -> list[Candidate]:
    """All weights that may be a head or an embedding, those with the best names first.

    Parameters
    ----------
    archive : Archive

    Returns
    -------
    list of Candidate
    """
    found = _found(_weights(archive), None, None)
    return [one for one in found if one.grade < Grade.BODY and one.stored.dtype not in _INDICES]


def _weights(archive: "Archive") -> dict[str, Stored]:
    """All matrices but features of samples."""
    samples = features_with_labels(archive)
    return {name: stored for name, stored in stored_weights(archive).items() if name not in samples}


def _found(weights: Mapping[str, Stored], classes: int | None, dimension: int | None) -> list[Candidate]:
    # What peft keeps of the head from before its own training is not the head.
    own = [stored for stored in weights.values() if "original_module" not in stored.name]
    found = [_candidate(stored, classes, dimension) for stored in own]
    return sorted(found, key=lambda one: (not one.fits, one.grade, one.depth))


def find_bias(archive: "Archive", weight: Candidate) -> tuple[str | None, str]:
    """The bias of a head, and what to say of it.

    Parameters
    ----------
    archive : Archive
    weight : Candidate

    Returns
    -------
    str or None, str
        None where there is none.

    Raises
    ------
    FeaturesError
        When the one that belongs to the weight has another shape, or two may be it.
    """
    names = archive.names()
    classes = weight.shape[0]
    prefix, last = _module(weight.name)
    own = "b" if last == "W" else prefix + re.sub(r"^(.*_)?(weight|kernel)", r"\1bias", last)
    if own in names and own != weight.name:
        if not _vector(archive, own, classes):
            raise FeaturesError(
                f"the bias of the head has shape {archive.layout(own).shape} for {classes} classes: "
                "give one number for each"
            )
        return own, f"bias {own}"
    if last == "W":
        return None, "no bias"
    others = [name for name in names if _is_free_bias(name, names) and _vector(archive, name, classes)]
    tied = weight.grade is Grade.EMBEDDING
    near = [name for name in others if prefix.startswith(_module(name)[0]) or tied]
    if len(near) > 1:
        first = archive.read(near[0]).ravel()
        if any((archive.read(name).ravel() != first).any() for name in near[1:]):
            raise FeaturesError(f"{' and '.join(near)} differ, and each may be the bias of {weight.name}: keep one")
    if near:
        return near[0], f"bias {near[0]}"
    unsure = f" ({', '.join(others[:3])} has as many numbers, and is not taken for one)" if others else ""
    return None, f"no bias{unsure}"


def _candidate(stored: Stored, classes: int | None, dimension: int | None) -> Candidate:
    rows, columns = stored.shape
    grade = _grade(stored.name)
    # Keras and JAX keep a kernel as (in, out).
    kernel = _module(stored.name)[1].casefold().startswith("kernel")
    ways = (True, False) if kernel else (False, True) if grade <= Grade.LIKELY else (False,)
    for transposed in ways:
        out, into = (columns, rows) if transposed else (rows, columns)
        if stored.shape == (0, 0) or (classes in (None, out) and dimension in (None, into)):
            return Candidate(stored, grade, transposed, True)
    return Candidate(stored, grade, kernel, False)


def _grade(name: str) -> Grade:
    parts = [word.strip("_") for word in re.split(r"[./]", name.casefold().removesuffix(":0"))]
    words = [word for word in parts if word not in _WRAPPERS]
    if any(_EMBEDDING.fullmatch(word) for word in words):
        return Grade.EMBEDDING
    below_head = False
    for place, word in enumerate(words):
        head = word in _USUAL or _LIKELY.search(word) is not None
        numbered = "".join(words[place + 1 : place + 2]).isdecimal()
        stacked = word == "h" or (numbered and _STACK.fullmatch(word) is not None)
        if not below_head and (stacked or (not head and _BODY.fullmatch(word))):
            return Grade.BODY
        below_head |= head
    words = [word for word in words if not word.isdecimal()]
    if not words or words[-1] in _USUAL:
        return Grade.USUAL
    above = any(word in _USUAL or _LIKELY.search(word) for word in words[:-1])
    if above and words[-1] in _BELOW:
        return Grade.USUAL
    return Grade.LIKELY if above or _LIKELY.search(words[-1]) else Grade.OTHER


def _best(found: Sequence[Candidate], sure: bool) -> list[Candidate]:
    """Of what fits, that with the best names; names that are no head's need more to speak for them."""
    fits = [one for one in found if one.fits and one.grade < Grade.BODY]
    best = [one for one in fits if one.grade == fits[0].grade]
    grade = best[0].grade if best else Grade.USUAL
    # Not the embedding of a network whose head is there and has other classes, and no guess without the classes.
    headless = not any(one.grade is Grade.USUAL for one in found)
    believed = grade is Grade.USUAL or len(found) == 1 or (sure and (headless or grade is Grade.LIKELY))
    return best if believed else []


def _by_key(archive: "Archive", key: str, weights: Mapping[str, Stored], found: Sequence[Candidate]) -> Candidate:
    for one in found:
        if key in (one.name, *one.stored.parts) or one.name == f"{key}.weight":
            return one
    if key in archive.names():
        raise FeaturesError(f"{key} has shape {archive.layout(key).shape}: give a matrix of shape (classes, width)")
    raise FeaturesError(f"there is no {key!r}: give one of {_listed(found)}")


def _last_of_sequence(best: list[Candidate]) -> list[Candidate]:
    """Of the layers of one torch.nn.Sequential the last, if they are all of one."""
    numbered = [re.fullmatch(r"(.*?)(\d+)(\.\w+)", one.name) for one in best]
    if None in numbered or len({(found[1], found[3]) for found in numbered if found}) > 1:
        return best
    return [max(zip(numbered, best, strict=True), key=lambda pair: int(pair[0][2]) if pair[0] else 0)[1]]


def _nothing(
    archive: "Archive", found: Sequence[Candidate], classes: int | None, dimension: int | None
) -> FeaturesError:
    """Why there is no head, and what to do."""
    if not found:
        for name in archive.names():
            archive.layout(name)  # an array that is damaged, or a pickle, says so
        samples = features_with_labels(archive)
        if samples:
            return FeaturesError(
                f"{samples[0]} holds features with their labels, and there is no head beside them: give the file that "
                "has the last layer; features are for `penultimate audit`"
            )
        return FeaturesError("there is no matrix in it, so no head: give the file that has the last layer")
    heads = [one for one in found if one.grade <= Grade.LIKELY]
    named = heads[0] if len(heads) == 1 else next((one for one in heads if one.grade is Grade.USUAL), None)
    if classes is not None and named is not None and named.shape[0] == classes + 1:
        return FeaturesError(
            f"{named} has one row more than the {classes} classes: a detector has one for the background, the first or "
            "the last. Name it in the counts, in its place, with 0 samples; or save W and b without it"
        )
    if classes is not None and named is not None and named.shape[0] != classes:
        more = named.shape[0] - classes
        padded = "; rows that pad a vocabulary are classes of 0 samples in the counts" if 0 < more <= 1024 else ""
        return FeaturesError(
            f"the head has {named.shape[0]} classes and the counts have {classes}: {named} reads {named.shape[1]} "
            f"numbers. Give those of one task, or name another weight (key=, --key){padded}"
        )
    sizes = [f"{classes} rows" if classes else "", f"{dimension} columns" if dimension else ""]
    wanted = " and ".join(size for size in sizes if size)
    nameless = "there is no W and no weight with a usual name of a head"
    why = f"no weight outside the body has {wanted}" if wanted else nameless
    tied = next((one for one in found if one.grade is Grade.EMBEDDING), None)
    hint = f" (a head tied to the embedding: {tied.name})" if tied is not None and not wanted else ""
    return FeaturesError(f"{why}; the matrices are {_listed(found)}: choose one (key=, --key){hint}")


def _check_missing(archive: "Archive", weights: Mapping[str, Stored], grade: Grade) -> None:
    """Make sure that no weight with as good a name lies in a shard that is not there, or is damaged."""
    known = {part for stored in weights.values() for part in stored.parts}
    for name in archive.names():
        if name not in known and re.search(r"(weight|kernel)$", name) and _grade(name) <= grade:
            archive.layout(name)  # says what is wrong with it


def _remark(chosen: Candidate, found: Sequence[Candidate], classes: int | None) -> str:
    if chosen.grade is Grade.EMBEDDING:
        why = "there is no other" if classes is None else f"nothing else has {classes} rows"
        return f"the embedding, to which a head may be tied: {why}"
    rest = [one for one in found if one.fits and one is not chosen and one.shape == chosen.shape]
    others = [one.name for one in rest if one.grade <= (Grade.LIKELY if classes is None else Grade.OTHER)]
    return f"not {', '.join(others[:3])}, which would fit too" if others else ""


def _module(name: str) -> tuple[str, str]:
    last = re.split(r"[./]", name)[-1]
    return name[: len(name) - len(last)], last


def _is_free_bias(name: str, names: Sequence[str]) -> bool:
    """Whether an array is called a bias, and no weight of its own module goes with it."""
    prefix, last = _module(name)
    own = (f"{prefix}weight", f"{prefix}kernel", f"{prefix}weight_v", f"{prefix}gamma")
    free = re.fullmatch(r"(\w*_)?bias(:0)?", last) is not None and not any(other in names for other in own)
    return free and _grade(name) is not Grade.BODY


def _vector(archive: "Archive", name: str, size: int) -> bool:
    shape = archive.layout(name).shape
    return bool(shape) and max(shape) == size and sorted(shape)[:-1] == [1] * (len(shape) - 1)


def _listed(found: Sequence[Candidate]) -> str:
    shown = ", ".join(map(str, found[:_LISTED])) or "(none)"
    return shown if len(found) <= _LISTED else f"{shown} and {len(found) - _LISTED} more"
