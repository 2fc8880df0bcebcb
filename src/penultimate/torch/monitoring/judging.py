"""What is wrong with the batches that a monitor is given: shapes at once, values when figures are computed."""

from torch import Tensor

from penultimate.errors import FeaturesError

# What a monitor's `tally` counts.
BAD, OUTSIDE, STRANGE, REPEATED = range(4)


def check_batch(features: Tensor, labels: Tensor, ids: Tensor | None, dimension: int, *, countable: bool) -> None:
    """Refuse shapes and types that do not fit, and ids where it is not known how many there can be."""
    shape = tuple(features.shape)
    if len(shape) < 2 or shape[-1] != dimension or not features.is_floating_point():
        raise FeaturesError(
            f"features are {features.dtype} of shape {shape}: give floating numbers of shape (…, {dimension})"
        )
    for what, given in (("labels", labels), ("ids", ids)):
        if given is None:
            continue
        if given.shape != features.shape[:-1] or given.is_floating_point() or given.is_complex():
            raise FeaturesError(
                f"{what} are {given.dtype} of shape {tuple(given.shape)} for features of shape {shape}: give one "
                "whole number for each sample"
            )
    if ids is not None and not countable:
        raise FeaturesError("ids need to know how many there can be: make the monitor with dataset_size=")


def refuse_out_of_range(tally: Tensor, seen: Tensor, classes: int) -> None:
    """Refuse labels and ids that were out of range."""
    for place, what, size in ((OUTSIDE, "labels", classes), (STRANGE, "ids", seen.shape[-1])):
        if number := int(tally[place]):
            raise FeaturesError(
                f"{number} {what} were outside 0 … {size - 1} and are in no sum: mend them and reset the monitor"
            )


def not_finite(tally: Tensor) -> str | None:
    """What to say of samples that were left out."""
    bad = int(tally[BAD])
    return f"{bad} samples held NaN or infinity and were left out: has training diverged?" if bad else None


def other_total(samples: float, tally: Tensor, seen: Tensor, size: int | None) -> str | None:
    """What to say where more or fewer samples were counted than the data set has, or some by several processes."""
    if not size:
        return None
    times = seen.sum(dim=0) if seen.ndim > 1 else seen
    number, twice = round(samples), int((times - times.clamp(max=1)).sum())
    return _told(number, size, int(tally[REPEATED]), twice) if twice or number != size else None


def _told(samples: int, size: int, repeated: int, twice: int) -> str:
    text = f"{samples:,} samples were counted and the data set has {size:,}"
    if twice:
        return (
            f"{text}; {twice:,} were counted by several processes: a distributed sampler repeats samples to give all "
            "processes as many (drop_last=True, or a sampler that does not pad)"
        )
    if samples < size:
        return f"{text}: reset the monitor only between full passes, or say dataset_size= as it is"
    known = f" ({repeated:,} repeats were left out)" if repeated else ""
    return (
        f"{text}{known}: samples were counted twice, by passes without reset() between them or by a distributed "
        "sampler that pads; give update(…, ids=) to leave out repeats, or a sampler that does not pad"
    )
