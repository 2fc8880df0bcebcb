"""Heads that are not trained: only the features move, and where they go is known beforehand."""

from typing import Self, TypedDict, Unpack

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.arrays import as_array
from penultimate.features.head import Head
from penultimate.forecasts.forecast import Forecast
from penultimate.minimisers.frames import orthogonal_frame, simplex_etf
from penultimate.minimisers.softmax_code import softmax_code
from penultimate.minimisers.solution import Solution
from penultimate.model.arguments import positive, whole
from penultimate.model.geometry import Geometry

Device = torch.device | str | None


class Options(TypedDict, total=False):
    """What every head made from a geometry can be given (`FixedHead.from_forecast`)."""

    bias: bool
    scale: float
    seed: int
    device: Device
    dtype: torch.dtype | None


class FixedHead(nn.Module):
    """A linear head whose matrix is a buffer, out of reach of optimisers and their decay; its bias is trained.

    Parameters
    ----------
    weight : array-like or Tensor of shape (K, d)
        W, copied.
    bias : array-like or Tensor of shape (K,), optional
        Where the trained bias starts; None for a head without one.
    device, dtype : optional
        As everywhere in PyTorch.

    Attributes
    ----------
    weight : Tensor of shape (K, d)
        A buffer: moved by ``.to``, held by ``state_dict``, whose names are those of ``nn.Linear``.
    bias : nn.Parameter of shape (K,) or None

    Raises
    ------
    FeaturesError
        If shapes do not fit or a number is not finite.

    Notes
    -----
    Heads fixed to a simplex ETF: Zhu et al. 2021 (arXiv 2105.02375) and, for imbalanced classes, Yang et al. 2022
    (arXiv 2203.09081). `capture`, `FeatureMonitor` and `Tap` take it for the linear layer that it is.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> head = pen.torch.FixedHead.etf(classes=3, features=8)
    >>> head
    FixedHead(features=8, classes=3, bias=True)
    >>> (head.weight @ head.weight.T).round(decimals=3)
    tensor([[ 1.0000, -0.5000, -0.5000],
            [-0.5000,  1.0000, -0.5000],
            [-0.5000, -0.5000,  1.0000]])
    >>> [name for name, _ in head.named_parameters()], head(torch.ones(2, 8)).shape
    (['bias'], torch.Size([2, 3]))
    """

    weight: torch.Tensor
    bias: nn.Parameter | None

    def __init__(
        self, weight: object, bias: object = None, *, device: Device = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        dtype = torch.get_default_dtype() if dtype is None else dtype
        matrix = _copied(weight, device, dtype)
        start = None if bias is None else _copied(bias, device, dtype)
        if matrix.ndim != 2 or (start is not None and start.shape != matrix.shape[:1]):
            with_bias = "" if start is None else f" and a bias of shape {tuple(start.shape)}"
            raise FeaturesError(f"a weight of shape {tuple(matrix.shape)}{with_bias}: give (K, d) and (K,)")
        self.register_buffer("weight", matrix)
        self.register_parameter("bias", None if start is None else nn.Parameter(start))

    @classmethod
    def etf(cls, classes: int, features: int, **options: Unpack[Options]) -> Self:
        """Simplex equiangular tight frame: rows of equal length, all angles equal and as wide as can be.

        Parameters
        ----------
        classes, features : int
            K and d, which is at least K − 1.
        **options : object
            As for `from_forecast`; the rows have length 1 before they are scaled, and the bias starts at zero.

        Returns
        -------
        FixedHead

        Raises
        ------
        ProblemError
            If the features are too few, with the width needed.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.torch.FixedHead.etf(classes=3, features=8, scale=5.0).weight.norm(dim=1).round(decimals=3)
        tensor([5., 5., 5.])
        """
        return cls._from_geometry(simplex_etf(classes), features, **options)

    @classmethod
    def softmax_code(cls, classes: int, features: int, **options: Unpack[Options]) -> Self:
        """Rows of equal length, as far apart as the features allow: for more classes than `etf` has room for.

        Parameters and errors as `etf`, but K is at most 4,096 and d at least 2; with d ≥ K − 1 it is the simplex ETF.

        Returns
        -------
        FixedHead

        Notes
        -----
        Jiang et al. 2023 (arXiv 2310.05351). Rows are found by descent: seconds for 200 classes, and
        growing with K² d. A scale of several is needed: logits of training are the scale times a cosine.

        Examples
        --------
        >>> import penultimate as pen
        >>> head = pen.torch.FixedHead.softmax_code(classes=6, features=3, scale=10.0)
        >>> cosines = head.weight @ head.weight.T / 100
        >>> round(float((cosines - 2 * torch.eye(6)).max()), 3) + 0.0
        0.0
        """
        if features >= classes - 1:
            return cls.etf(classes, features, **options)
        return cls._from_rows(softmax_code(classes, features, options.get("seed", 0)), np.zeros(classes), **options)

    @classmethod
    def orthogonal_frame(cls, classes: int, features: int, **options: Unpack[Options]) -> Self:
        """Orthonormal rows; parameters and errors as `etf`, but d is at least K.

        Returns
        -------
        FixedHead

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.torch.FixedHead.orthogonal_frame(classes=3, features=8, bias=False)
        FixedHead(features=8, classes=3, bias=False)
        """
        return cls._from_geometry(orthogonal_frame(classes), features, **options)

    @classmethod
    def from_forecast(cls, forecast: Forecast | Solution, features: int, **options: Unpack[Options]) -> Self:
        """The head that a forecast expects after training: of one's own data, or of data with other class counts.

        Parameters
        ----------
        forecast : Forecast or Solution
            Of several layers the product is taken.
        features : int
            d, at least the number of directions.
        **options : object
            ``bias`` (bool, default True): whether a bias is trained, which starts at the forecast's, classes without
            samples at the lowest of the others. ``scale`` (float, default 1): multiplies the rows. ``seed`` (int,
            default 0): of the orientation. ``device`` and ``dtype`` as everywhere in PyTorch.

        Returns
        -------
        FixedHead

        Raises
        ------
        ProblemError
            If the features are too few, with the width needed; or if weight decay leaves some direction without
            strength, because the classes that differ along it could never be told apart.

        Examples
        --------
        >>> import penultimate as pen
        >>> forecast = pen.forecast(pen.ClassCounts([60, 60, 30]), loss="ce", weight_decay=5e-3, feature_ratio=1)
        >>> pen.torch.FixedHead.from_forecast(forecast, features=8, seed=1).weight.norm(dim=1)
        tensor([1.5231, 1.5231, 1.3817])
        """
        return cls._from_geometry(forecast.geometry, features, **options)

    @classmethod
    def from_head(cls, head: Head, *, device: Device = None, dtype: torch.dtype | None = None) -> Self:
        """Fix a head that there is: from a file, an audit, or `penultimate.heads`.

        Parameters
        ----------
        head : Head
            Of several layers the product is taken. Without a bias none is trained.
        device, dtype : optional
            As everywhere in PyTorch.

        Returns
        -------
        FixedHead
        """
        return cls(head.product, None if head.bias is None else head.offset, device=device, dtype=dtype)

    @classmethod
    def _from_geometry(
        cls,
        geometry: Geometry,
        features: int,
        *,
        bias: bool = True,
        scale: float = 1.0,
        seed: int = 0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        kept, all_of_them = _directions(geometry), geometry.svd.rank
        if kept < all_of_them:
            raise ProblemError(
                f"of {all_of_them} directions the forecast keeps {kept}: a fixed head without the others could never "
                "tell their classes apart; lower the weight decay of the forecast"
            )
        if whole(features, "features") < kept:
            raise ProblemError(
                f"features={features} cannot hold a head of {geometry.counts.classes} classes that spans {kept} "
                f"directions: give features >= {kept}, by a linear layer before the head that widens them if need be, "
                "or take FixedHead.softmax_code, which needs no more than 2"
            )
        finite = geometry.bias[np.isfinite(geometry.bias)]
        start = np.maximum(geometry.bias, finite.min())
        rows = geometry.factors(features, seed).product
        return cls._from_rows(rows, start, bias=bias, scale=scale, device=device, dtype=dtype)

    @classmethod
    def _from_rows(
        cls,
        rows: Float[np.ndarray, "K d"],
        start: Float[np.ndarray, " K"],
        *,
        bias: bool = True,
        scale: float = 1.0,
        seed: int = 0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        return cls(positive(scale, "the scale of a head") * rows, start if bias else None, device=device, dtype=dtype)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits ``W h + b``.

        Parameters
        ----------
        input : Tensor of shape (…, d)

        Returns
        -------
        Tensor of shape (…, K)
        """
        return nn.functional.linear(input, self.weight, self.bias)

    def to_linear(self) -> nn.Linear:
        """The same as a ``nn.Linear``, copied, which can be trained.

        Returns
        -------
        nn.Linear
        """
        classes, features = self.weight.shape
        # Made without numbers, so that none are drawn.
        layer = nn.Linear(features, classes, self.bias is not None, device="meta", dtype=self.weight.dtype)
        layer = layer.to_empty(device=self.weight.device)
        layer.load_state_dict(self.state_dict())
        return layer

    def extra_repr(self) -> str:
        """Shape, for ``repr``."""
        return f"features={self.weight.shape[1]}, classes={self.weight.shape[0]}, bias={self.bias is not None}"


Linear = nn.Linear | FixedHead
"""Modules that are ``W h + b``."""


def _directions(geometry: "Geometry") -> int:
    """How many survive."""
    return int(np.rint(geometry.share * geometry.svd.multiplicity)[geometry.strength > 0].sum())


def _copied(values: object, device: Device, dtype: torch.dtype) -> torch.Tensor:
    held = (
        values
        if isinstance(values, torch.Tensor)
        else torch.tensor(as_array(values, "the numbers of a head").astype(np.float64))
    )
    tensor = held.detach().to(device=device, dtype=dtype, copy=True)
    if tensor.device.type != "meta" and not bool(tensor.isfinite().all()):
        raise FeaturesError("the head holds NaN or infinity: give finite numbers")
    return tensor
