"""The losses of the certified solver as PyTorch modules: what a network minimises is then what was forecast.

For a sample of class k with logits z, both families begin with the same shift of the sample's own logit:

    cross-entropy    ω_k ( log Σ_j exp(v_j) − Σ_j y_j v_j ),     v = Δ z + ι − m_k e_k,    y = (1 − ε) e_k + ε/K
    squared error    ω_k ½ ‖v‖²,                                 v = z − e_k

(`penultimate.losses` names the vectors.) A label that is a distribution q stands for the mean of the loss over it,
``Σ_k q_k ℓ_k(z)``.
"""

from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from penultimate.counts.given import Counts, counts_of
from penultimate.errors import FeaturesError, ProblemError
from penultimate.losses import CrossEntropy, Loss, resolve
from penultimate.losses.weights import normalised
from penultimate.torch.class_order import Names, outputs_of

Reduction = Literal["mean", "sum", "none"]


class ClassLoss(nn.Module):
    """A loss of `penultimate.losses` for training: takes the place of ``torch.nn.CrossEntropyLoss``.

    Parameters
    ----------
    loss : str, CrossEntropy or SquaredError
        By its name (``"ce"``, ``"la:1"``, ``"weighted:inverse"``, ``"mse"``, …: see `penultimate.losses`), or as an
        object. Label smoothing is part of it.
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Training samples of each class.
    names : sequence of str or int, optional
        Class of each logit, such as ``dataset.classes``: counts are put in this order. Without it classes that are
        numbered go by their numbers, and others in the order of the counts, with a warning.
    ignore_index : int, default -100
        Targets of this value are left out.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the number of samples (those ignored not counted), never by the sum of their weights.
    device, dtype : optional
        Of the vectors, as everywhere in PyTorch. They are buffers, so ``.to`` moves them and ``state_dict`` holds them.

    Raises
    ------
    CountsError
        If classes are numbered in another order than that of the numbers, and no names are given.
    ProblemError
        If there is no such loss or reduction, or its vectors are not one number for each class.
    FeaturesError
        If the names are other than those of the counts. When called: if shapes do not fit, or targets are probabilities
        and the loss has margins, which belong to a class.

    Notes
    -----
    Weights have the mean 1 over the training set, as in the forecast and its certificate (docs/theory §5), and a mini
    batch is an unbiased sample of that objective: a weight decay means the same here and there.
    ``CrossEntropyLoss(weight=…)`` divides by the weights in the batch instead, which for the whole training set is the
    same. With class weights *and* smoothing it also weights each term of the sum over classes; here a sample has one
    weight, that of its class.

    A class without training samples stays in the softmax as in PyTorch and is nobody's target, so its logit is driven
    down; the solver takes the limit, and refuses smoothing there, which gives the class a share.

    Half precision is computed in float32. Call it inside or outside of ``torch.autocast``.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> counts = pen.ClassCounts([60, 30, 10])
    >>> criterion = pen.torch.ClassLoss("la:1", counts)
    >>> criterion
    ClassLoss(logit-adjusted cross-entropy, τ = 1, classes=3)
    >>> logits = torch.zeros(2, 3, requires_grad=True)
    >>> criterion(logits, torch.tensor([0, 2]))
    tensor(1.4067, grad_fn=<DivBackward0>)
    >>> pen.torch.ClassLoss("ce", counts)(torch.zeros(1, 3), torch.tensor([[0.5, 0.5, 0.0]]))
    tensor(1.0986)
    >>> named = pen.torch.ClassLoss("la:1", {"newt": 10, "cat": 30, "ant": 60}, names=["ant", "cat", "newt"])
    >>> bool((named.offsets == criterion.offsets).all())
    True
    """

    weights: torch.Tensor | None
    scales: torch.Tensor | None
    offsets: torch.Tensor | None
    margins: torch.Tensor | None

    def __init__(
        self,
        loss: str | Loss,
        counts: Counts,
        *,
        names: Names | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        counts = counts_of(counts)
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ProblemError(f"unknown reduction {reduction!r}: give 'mean', 'sum' or 'none'")
        self.loss, self.classes = resolve(loss, counts), counts.classes
        self.ignore_index, self.reduction = ignore_index, reduction
        self.smoothing = self.loss.smoothing if isinstance(self.loss, CrossEntropy) else 0.0
        vectors = dict(self.loss.vectors)
        if "weights" in vectors:
            vectors["weights"] = normalised(vectors["weights"], counts.values)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        order = np.argsort(outputs_of(counts.names, names, stacklevel=2))
        for name in ("weights", "scales", "offsets", "margins"):
            held = torch.tensor(vectors[name][order], device=device, dtype=dtype) if name in vectors else None
            self.register_buffer(name, held)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss of logits.

        Parameters
        ----------
        input : Tensor of shape (N, K), (N, K, d1, …) or (K,)
            Logits.
        target : Tensor
            Class indices, of the shape of `input` without K; or probabilities, of the shape of `input`.

        Returns
        -------
        Tensor
            A scalar, or with ``reduction="none"`` one number for each target; float32, or float64 for float64 logits.

        Raises
        ------
        FeaturesError
            As the class says.
        """
        soft = target.is_floating_point()
        self._check(input, target, soft)
        logits = input.to(torch.promote_types(input.dtype, torch.float32))
        if soft:
            each = self._of_probabilities(logits, target.to(logits.dtype))
            samples = each.numel()
        else:
            # In a byte, −100 would be class 156.
            own = target.long()
            kept = own != self.ignore_index
            each = self._of_indices(logits, own, kept)
            samples = kept.sum()
        if self.reduction == "none":
            return each
        return each.sum() / samples if self.reduction == "mean" else each.sum()

    def extra_repr(self) -> str:
        """What the loss is, for ``repr``."""
        return f"{self.loss}, classes={self.classes}"

    def _of_indices(self, logits: torch.Tensor, target: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        if isinstance(self.loss, CrossEntropy) and self.margins is None and not self.smoothing:
            return self._own(functional.log_softmax(self._adjusted(logits), _axis(logits)), target, self.weights)
        known = torch.where(kept, target, 0)
        if isinstance(self.loss, CrossEntropy):
            v = self._adjusted(logits)
            if self.margins is not None:
                v = _shifted(v, known, -self.margins.to(v.dtype)[known])
            log_p = functional.log_softmax(v, _axis(v))
            each = self._own(log_p, target)
            if self.smoothing:
                each = torch.lerp(each, self._evenly(log_p), self.smoothing)
        else:
            residual = _shifted(logits, known, torch.full_like(known, -1, dtype=logits.dtype))
            each = 0.5 * residual.square().sum(_axis(logits))
        if self.weights is not None:
            each = each * self.weights.to(each.dtype)[known]
        return torch.where(kept, each, 0.0)

    def _own(self, log_p: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """``−log p`` of each sample's own class, times its weight; 0 where ignored."""
        weights = None if weights is None else weights.to(log_p.dtype)
        return functional.nll_loss(log_p, target, weights, ignore_index=self.ignore_index, reduction="none")

    def _of_probabilities(self, logits: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        axis = _axis(logits)
        share = share if self.weights is None else share * self._wide(self.weights, logits)
        if isinstance(self.loss, CrossEntropy):
            log_p = functional.log_softmax(self._adjusted(logits), axis)
            own = -(share * log_p).sum(axis)
            return torch.lerp(own, share.sum(axis) * self._evenly(log_p), self.smoothing) if self.smoothing else own
        # Σ_k q_k ω_k ½ ‖z − e_k‖²
        return share.sum(axis) * (0.5 * (logits.square().sum(axis) + 1.0)) - (share * logits).sum(axis)

    def _adjusted(self, logits: torch.Tensor) -> torch.Tensor:
        if self.scales is None:
            return logits if self.offsets is None else logits + self._wide(self.offsets, logits)
        scales = self._wide(self.scales, logits)
        return logits * scales if self.offsets is None else self._wide(self.offsets, logits).addcmul(logits, scales)

    def _evenly(self, log_p: torch.Tensor) -> torch.Tensor:
        """The loss with all classes for a label; divided last, when there is one number a sample."""
        return log_p.sum(_axis(log_p)) / -self.classes

    @staticmethod
    def _wide(vector: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """A vector over the classes, to be broadcast along the others."""
        return vector.to(logits.dtype).view(-1, *[1] * (logits.ndim - 1 - _axis(logits)))

    def _check(self, logits: torch.Tensor, target: torch.Tensor, soft: bool) -> None:
        if not logits.ndim or logits.shape[_axis(logits)] != self.classes:
            raise FeaturesError(
                f"logits of shape {tuple(logits.shape)} for {self.classes} classes: give (N, {self.classes}) or "
                f"(N, {self.classes}, d1, …)"
            )
        axis = _axis(logits)
        expected = logits.shape if soft else (*logits.shape[:axis], *logits.shape[axis + 1 :])
        if target.shape != expected:
            what, other = ("probabilities", "long") if soft else ("class indices", "float")
            raise FeaturesError(
                f"targets of shape {tuple(target.shape)} and type {target.dtype} are {what}, which for logits of shape "
                f"{tuple(logits.shape)} have shape {tuple(expected)}: give that shape, or target.{other}() where they "
                f"are {'class indices' if soft else 'probabilities'}"
            )
        if soft and self.margins is not None:
            raise FeaturesError(
                f"{self.loss} subtracts a margin from the logit of a sample's own class, and a sample with "
                "probabilities for a target has none: give class indices"
            )


def _axis(logits: torch.Tensor) -> int:
    """Where the classes are."""
    return min(1, logits.ndim - 1)


def _shifted(logits: torch.Tensor, own: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Logits with something added to each sample's own."""
    axis = _axis(logits)
    return logits.scatter_add(axis, own.unsqueeze(axis), shift.unsqueeze(axis))
