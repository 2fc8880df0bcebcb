"""A weight decay of its own for each class's row of the head."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.hooks import RemovableHandle

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.counts.matching import places
from penultimate.errors import ProblemError
from penultimate.model.arguments import positive
from penultimate.torch.class_order import Names, outputs_of


class ClassDecay:
    """Decays that give the head of one's data the decays' effect of other data: by default, of balanced ones.

    Class k's row decays with ``λ_k = λ π_k/π*_k``, its share of the data over its target share. Give the head's matrix
    no other decay, and use either `penalty` or `attach`.

    Parameters
    ----------
    head : nn.Linear
        The last layer, one row a class.
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Training samples of each class.
    weight_decay : float
        λ, which every class would have if its share were its target share.
    target : as counts, optional
        Data with the target shares; by default all are equal. Only ratios matter. Names decide which class is which.
    names : sequence of str or int, optional
        Class of each row of the head, as in `ClassLoss`.

    Attributes
    ----------
    decays : Tensor of shape (K,)
        λ_k; λ for classes without samples.

    Raises
    ------
    CountsError, FeaturesError
        If names are needed, or are those of other classes, as in `ClassLoss`.
    ProblemError
        If the head has not one row for each class, the decay is not positive, or the target has no samples of a class
        that has some.

    Notes
    -----
    Derived for this project (docs/theory §5, "Decay for each class"). With squared error and no bias, decay shortens
    the output of a class of share π by ``√(c λ λ_k/π_k)``, exactly. So outputs are those that the target data would
    have with λ everywhere, and a rare class dies no earlier than it would there. With a free bias, or cross-entropy,
    this holds exactly for directions among classes of equal count; for the others it is a guide.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> head = torch.nn.Linear(8, 3)
    >>> decay = pen.torch.ClassDecay(head, pen.ClassCounts([60, 30, 10]), weight_decay=5e-3)
    >>> decay.decays
    tensor([0.0090, 0.0045, 0.0015])
    >>> decay.penalty().shape
    torch.Size([])
    """

    def __init__(
        self,
        head: nn.Linear,
        counts: Counts,
        weight_decay: float,
        *,
        target: Counts | None = None,
        names: Names | None = None,
    ) -> None:
        weight, counts = getattr(head, "weight", None), counts_of(counts)
        if not isinstance(weight, torch.Tensor):
            raise ProblemError(f"the head, of type {type(head).__name__}, has no weight: give the last linear layer")
        if weight.ndim != 2 or weight.shape[0] != counts.classes:
            raise ProblemError(
                f"the head's weight has shape {tuple(weight.shape)} for {counts.classes} classes: give the last layer, "
                "one row a class"
            )
        weight_decay = positive(weight_decay, "the weight decay")
        self.head = head
        order = np.argsort(outputs_of(counts.names, names, stacklevel=2))
        rates = weight_decay * _shares(counts, None if target is None else counts_of(target))[order]
        self.decays = torch.tensor(rates, device=weight.device, dtype=torch.get_default_dtype())

    def penalty(self) -> torch.Tensor:
        """``Σ_k (λ_k/2) ‖w_k‖²``, to be added to the loss.

        It is what the forecast minimises, and what SGD's ``weight_decay`` amounts to. Adaptive optimisers divide it by
        the gradients' size, which undoes the differences between classes: with those use `attach`.

        Returns
        -------
        Tensor
            A scalar.
        """
        weight = self.head.weight
        return 0.5 * self.decays.to(weight.device).dot(weight.square().sum(dim=1).to(self.decays.dtype))

    def attach(self, optimizer: torch.optim.Optimizer) -> RemovableHandle:
        """Decay the rows at every step of an optimiser, apart from its gradients, as AdamW does.

        See Loshchilov and Hutter 2019, arXiv 1711.05101.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            One that trains the head; its learning rates count as they stand at each step.

        Returns
        -------
        RemovableHandle
            ``.remove()`` ends it.

        Raises
        ------
        ProblemError
            Now or at a step: if the optimiser does not train the head, or has another weight decay for it.
        """
        self._group(optimizer)
        return optimizer.register_step_pre_hook(self._decay)

    @torch.no_grad()
    def _decay(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        weight = self.head.weight
        if weight.grad is not None:
            kept = 1.0 - self._group(optimizer)["lr"] * self.decays.to(weight.device)
            weight.mul_(kept.unsqueeze(1))

    def _group(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        for group in optimizer.param_groups:
            if any(parameter is self.head.weight for parameter in group["params"]):
                if group.get("weight_decay", 0.0) != 0.0:
                    raise ProblemError(
                        f"the optimiser decays the head's matrix too, by {group['weight_decay']:g}: give it none "
                        "there, as parameter_groups(…, head_weight_decay=0) does"
                    )
                return group
        raise ProblemError("the optimiser does not train the head's matrix: give one that does")


def _shares(counts: ClassCounts, target: ClassCounts | None) -> NDArray[np.float64]:
    """``π_k/π*_k``; 1 for classes without samples."""
    aim = np.ones(counts.classes)
    if target is not None:
        aim = target.values[places(counts.names, target.names, "the counts", "target=")]
    seen = counts.values > 0
    starved = np.flatnonzero(seen & (aim == 0))
    if starved.size:
        raise ProblemError(
            f"class {counts.names[int(starved[0])]!r} has samples and the target has none of it: give it some there"
        )
    out = np.ones(counts.classes)
    # The target's share of a class without samples does not count: there is no row for it to shorten.
    out[seen] = (counts.values[seen] / counts.samples) / (aim[seen] / aim[seen].sum())
    return out
