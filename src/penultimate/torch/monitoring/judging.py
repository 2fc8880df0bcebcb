"""What is wrong with the batches that a monitor is given: shapes at once, values when figures are computed."""

import torch
from torch import Tensor

from penultimate.errors import FeaturesError
from penultimate.torch.monitoring.forms import Form

# What a monitor's `tally` counts.
BAD, OUTSIDE, STRANGE, REPEATED = range(4)


def check_batch(
    features: Tensor,
    labels: Tensor,
    ids: Tensor | None,
    dimension: int,
    form: Form,
    device: torch.device,
    *,
    countable: bool,
) -> None:
    """Refuse shapes, types and places that do not fit, and ids where it is not known how many there can be."""
    for what, given in (("features", features), ("labels", labels), ("ids", ids)):
        if given is not None:
            _check_tensor(given, what, device)
    shape = tuple(features.shape)
    if len(shape) < 2 or shape[-1] != dimension or not features.is_floating_point():
        raise FeaturesError(
            f"features are {features.dtype} of shape {shape}: give floating numbers of shape (…, {dimension})"
        )
    if labels.shape != (*features.shape[:-1], *form.own) or not form.takes(labels):
        several = not form.own and labels.ndim == features.ndim
        raise FeaturesError(
            f"labels are {labels.dtype} of shape {tuple(labels.shape)} for features of shape {shape}: give "
            f"{form.wanted} for each sample"
            + ("; of several labels a sample make the monitor with label_sets=True" if several else "")
        )
    if ids is not None and (ids.shape != features.shape[:-1] or ids.is_floating_point() or ids.is_complex()):
        raise FeaturesError(
            f"ids are {ids.dtype} of shape {tuple(ids.shape)} for features of shape {shape}: give one whole number for "
            "each sample"
        )
    if ids is not None and not countable:
        raise FeaturesError("ids need to know how many there can be: make the monitor with dataset_size=")


def _check_tensor(given: object, what: str, device: torch.device) -> None:
    if not isinstance(given, Tensor):
        raise FeaturesError(f"{what} are of type {type(given).__name__}: give a tensor, torch.as_tensor makes one")
    if given.layout != torch.strided:
        raise FeaturesError(f"{what} are a sparse tensor: give a dense one, to_dense() makes it")
    if given.device != device:
        raise FeaturesError(f"{what} are on {given.device} and the monitor is on {device}: move one of them, .to(…)")


def refuse_out_of_range(tally: Tensor, seen: Tensor, form: Form) -> None:
    """Refuse labels and ids that were out of range."""
    for place, what in ((OUTSIDE, form.range), (STRANGE, f"ids were outside 0 … {seen.shape[-1] - 1}")):
        if number := int(tally[place]):
            raise FeaturesError(f"{number} {what} and are in no sum: mend them and reset the monitor")


def fresh(ids: Tensor, used: Tensor, seen: Tensor) -> Tensor:
    """Of the used samples those with an id that was not seen before, noted as seen."""
    place = torch.where(used, ids, 0)
    # Unused samples sort behind all others.
    order = torch.argsort(torch.where(used, ids, len(seen)), stable=True)
    again = torch.zeros_like(used)
    again[order[1:]] = ids[order[1:]] == ids[order[:-1]]
    found = used & ~again & (seen[place] == 0)
    seen.index_put_((place,), found.to(torch.uint8), accumulate=True)
    return found


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
