"""What one trained network tells about the feature decay, which nobody sets and every forecast needs (docs/theory §6).

*By norms*: at a minimiser the factors are balanced, so ``λ_H = λ_1 ‖W_1‖² / ‖H − h_G‖²``.

*By strengths*: a direction stops growing where the loss pulls no harder than the decays do, so every direction that was
learnt well says what they are. The pull is ``γ_i = Nκ t_i^{p−1}`` for any loss; for squared error it is ``σ_i − t_i``,
what is missing.

What forecasts other weight decays and other counts is the *law* of the run, or of two (`law_reading`, docs/theory §15).
Where none can be read, the feature decay does: λ_H stays as it is over weight decays and N λ_H over counts, and the
quartiles of its directions are the band of the forecast.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.audits import keys
from penultimate.audits.doubted import doubts_of_counts
from penultimate.audits.feature_decay import balance
from penultimate.audits.law_reading import Run, read_law
from penultimate.audits.recorded import Record, check_loss, read_record
from penultimate.counts.given import Counts, counts_of
from penultimate.errors import FileError, ProblemError
from penultimate.features.head import Head
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import forecast
from penultimate.losses import Loss
from penultimate.minimisers.shrinkage import Shrinkage
from penultimate.model.problem import Bias, Problem
from penultimate.model.strength_law import StrengthLaw

# A decay is positive; where a quarter of the directions lost nothing, the band begins at this part of its middle.
LEAST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """The feature decay of a trained network, measured in two ways, and the law that its strengths follow.

    Attributes
    ----------
    weight_decay : tuple of float
        λ_1 … λ_L it was trained with.
    samples : float
        N it was trained on.
    bias : {"free", "none"} or float
        Of its head.
    loss : str, CrossEntropy or SquaredError
        It was trained with.
    by_norms : float
        λ_H from the balance of norms.
    by_strengths : tuple of float or None
        λ_H from the lower quartile, the median and the upper quartile of the directions that were learnt well; None
        when there are fewer than three, or they kept all of their strength, so that nothing can be read off.
    directions : int
        How many directions were learnt well.
    runs : tuple of Run
        What the law is read from: one audited network, or two (`joined`); empty where only norms were measured.
    doubts : tuple of str
        What speaks against forecasting from it, such as samples other than those of training; forecasts repeat it.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.audits.calibration import Calibration
    >>> trained = Calibration((5e-4,), 14886.0, "free", "mse", 1.6e-7, (3e-8, 5e-8, 9e-8), directions=9)
    >>> trained.feature_decay, trained.source, round(trained.threshold(trained.by_norms), 3)
    (5e-08, 'strengths', 0.133)
    >>> pen.forecast(pen.datasets.counts("fashion-mnist-lt"), problem=trained.problem(weight_decay=(0.1,))).survivors
    9
    """

    weight_decay: tuple[float, ...]
    samples: float
    bias: Bias
    loss: str | Loss
    by_norms: float
    by_strengths: tuple[float, float, float] | None
    directions: int
    runs: tuple[Run, ...] = ()
    doubts: tuple[str, ...] = ()

    @cached_property
    def law(self) -> StrengthLaw | None:
        """The law of strengths over weight decay that the runs tell; None where they do not.

        They do not with fewer than three directions that were learnt well, a regularised bias, or several layers and
        another loss than squared error.
        """
        problem = self._problem(self.feature_decay, self.source)
        plain = problem.is_plain_squared_error
        if not self.runs or not isinstance(self.bias, str) or not (plain or problem.layers == 1):
            return None
        return read_law(self.runs, convex=not plain)

    @property
    def feature_decay(self) -> float:
        """λ_H by strengths where there is one, else by norms."""
        return self.by_norms if self.by_strengths is None else self.by_strengths[1]

    @property
    def source(self) -> str:
        """How `feature_decay` was measured: "strengths" or "norms"."""
        return "norms" if self.by_strengths is None else "strengths"

    @property
    def open_below(self) -> bool:
        """Whether a quarter of the directions lost nothing, so that the band by strengths has no lower end."""
        return self.by_strengths is not None and self.by_strengths[0] <= LEAST * self.by_strengths[1]

    def threshold(self, feature_decay: float) -> float:
        """The σ below which a direction dies, at the network's own weight decay, for a feature decay λ_H.

        NaN for several layers and another loss than squared error, where none is known in advance.
        """
        problem = self._problem(feature_decay, self.source)
        if problem.layers > 1 and not problem.is_plain_squared_error:
            return float("nan")
        return Shrinkage(self.samples, problem.kappa(self.samples), problem.layers).threshold

    def problem(self, samples: float | None = None, weight_decay: tuple[float, ...] | None = None) -> Problem:
        """The calibrated problem, for the network's own data and decay or for others.

        Parameters
        ----------
        samples : float, optional
            N of the data to forecast; N λ_H is kept (docs/theory §1).
        weight_decay : tuple of float, optional
            Decays to forecast, one for all layers or one for each; λ_H does not depend on them.

        Returns
        -------
        Problem

        Raises
        ------
        ProblemError
            When the decays are neither one nor one for each layer.
        """
        problem = self._problem(self.feature_decay, self.source, samples, weight_decay)
        return replace(problem, law=self.law)

    def band(
        self, samples: float | None = None, weight_decay: tuple[float, ...] | None = None
    ) -> tuple[Problem, Problem] | None:
        """The problems at the lower and the upper end of what is known.

        With a law the ends of its 90 % interval, else the quartiles of the feature decay; None if calibrated by norms.
        """
        if self.law is not None:
            problem = self.problem(samples, weight_decay)
            return replace(problem, law=self.law.at_end(-1)), replace(problem, law=self.law.at_end(1))
        if self.by_strengths is None:
            return None
        low, _, high = self.by_strengths
        return (
            self._problem(low, self.source, samples, weight_decay),
            self._problem(high, self.source, samples, weight_decay),
        )

    def forecast(
        self, counts: Counts, weight_decay: tuple[float, ...] | None = None, *, width: int | None = None
    ) -> Forecast:
        """Forecast from what the network told, with the band of its own uncertainty.

        Parameters
        ----------
        counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
            The network's own, or others.
        weight_decay : tuple of float, optional
            As for `problem`; by default the network's own.
        width : int, optional
            The narrowest layer or feature width, if below the number of classes.

        Returns
        -------
        Forecast
            Its `band` is that of `band`; None when calibrated by norms.

        Raises
        ------
        ProblemError
            As `problem`.

        Examples
        --------
        >>> import penultimate as pen
        >>> calibration = pen.audit("cnn-mse").calibration
        >>> forecast = calibration.forecast(pen.datasets.counts("cifar10-lt"), weight_decay=(0.05,))
        >>> forecast.survivors, [end.survivors for end in forecast.band]
        (9, [9, 1])
        """
        counts = counts_of(counts)

        def at(problem: Problem) -> Forecast:
            return forecast(counts, problem=replace(problem, width=width))

        band = self.band(counts.samples, weight_decay)
        middle = at(self.problem(counts.samples, weight_decay))
        middle = replace(middle, doubts=(*self.doubts, *doubts_of_counts(middle, self.samples, self.runs)))
        return middle if band is None else replace(middle, band=(at(band[0]), at(band[1])))

    def _problem(
        self,
        feature_decay: float,
        source: str,
        samples: float | None = None,
        weight_decay: tuple[float, ...] | None = None,
    ) -> Problem:
        decays = self.weight_decay if weight_decay is None else weight_decay
        if len(decays) not in (1, len(self.weight_decay)):
            layers = len(self.weight_decay)
            raise ProblemError(
                f"{len(decays)} weight decays for {layers} layer{'s' if layers > 1 else ''}: give one, or as many"
            )
        decays = decays * len(self.weight_decay) if len(decays) == 1 else decays
        scale = 1.0 if samples is None else self.samples / samples
        return Problem(decays, feature_decay * scale, bias=self.bias, loss=self.loss, measured=source)

    def to_dict(self) -> dict[str, object]:
        """The ``calibration`` part of an audit's JSON, which `read` understands."""
        strengths = None if self.by_strengths is None else list(self.by_strengths)
        return {
            "weight_decay": list(self.weight_decay),
            "samples": self.samples,
            "bias": self.bias,
            "loss": str(self.loss),
            "feature_decay_by_norms": self.by_norms,
            "feature_decay_by_strengths": strengths,
            "directions": self.directions,
            "doubts": list(self.doubts),
        }

    @classmethod
    def from_head(
        cls,
        features: Float[np.ndarray, "N d"],
        head: Head,
        weight_decay: float | Sequence[float] = 5e-4,
        *,
        loss: str | Loss = "mse",
    ) -> "Calibration":
        """Measure the feature decay by norms alone, which needs no labels: ``λ_H = λ_1 ‖W_1‖² / ‖H − h_G‖²``.

        An audit of features, labels and head measures it by strengths too, which is better (docs/theory §6).

        Parameters
        ----------
        features : ndarray of shape (N, d)
            Penultimate features of the training set, one row a sample.
        head : Head
            The trained classifier; without a bias the features are not centred.
        weight_decay : float or sequence of float, default 5e-4
            What the network was trained with: one for all layers, or one for each.
        loss : str, CrossEntropy or SquaredError, default "mse"
            What it was trained with.

        Returns
        -------
        Calibration

        Raises
        ------
        ProblemError
            If shapes do not fit, a value is not finite, or features or weights are constant.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> from penultimate.audits.calibration import Calibration
        >>> features, weights = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[2.0, 0.0], [-2.0, 0.0]])
        >>> head = pen.Head((weights,), np.zeros(2))
        >>> Calibration.from_head(features, head, weight_decay=1e-3).feature_decay
        0.004
        """
        first, bias = np.asarray(head.weights[0], dtype=np.float64), "none" if head.bias is None else "free"
        if features.ndim != 2 or first.shape[1] != features.shape[1]:
            raise ProblemError(
                f"features {features.shape} and first layer {first.shape} do not fit: "
                "give features (N, d) and weights (outputs, d)"
            )
        problem = Problem.from_decays(weight_decay, layers=len(head.weights), bias=bias, loss=loss)
        centre = 0.0 if bias == "none" else features.mean(axis=0, dtype=np.float64)
        total_square = float(np.sum(np.square(features - centre), dtype=np.float64))
        by_norms = balance(first, problem.weight_decay[0], total_square)
        return cls(problem.weight_decay, float(len(features)), bias, loss, by_norms, None, 0)

    def joined(self, other: "Calibration") -> "Calibration":
        """The calibration by two networks, alike but for their weight decay: the law is read off both.

        Parameters
        ----------
        other : Calibration
            Of the second network.

        Returns
        -------
        Calibration
            The feature decay in it is that of the first.

        Raises
        ------
        ProblemError
            When they were not trained alike, have one weight decay, or no law can be read off one of them.

        Examples
        --------
        >>> import penultimate as pen
        >>> one = pen.audit("cnn-mse").calibration
        >>> one.joined(one)
        Traceback (most recent call last):
        ...
        penultimate.errors.ProblemError: both audits are of networks trained at weight decay 0.0005, so ...
        """
        for name, mine, theirs in (
            ("loss", str(self.loss), str(other.loss)),
            ("number of layers", len(self.weight_decay), len(other.weight_decay)),
            ("bias", self.bias, other.bias),
        ):
            if mine != theirs:
                raise ProblemError(
                    f"the audits differ in their {name} ({mine} and {theirs}): give two networks that differ in weight "
                    "decay alone"
                )
        doubts = tuple(dict.fromkeys((*self.doubts, *other.doubts)))
        both = replace(self, runs=(*self.runs, *other.runs), doubts=doubts)
        if self.law is None or other.law is None or both.law is None:
            raise ProblemError(
                "no law can be read off one of the audits: fewer than three of its directions were learnt well, its "
                "bias has a decay, or it has several layers with this loss; give the other audit alone"
            )
        return both

    @classmethod
    def from_dict(cls, held: object, alignment: object = None) -> "Calibration":
        """What `to_dict` wrote, and the directions in the ``alignment`` of the same audit; ValueError if damaged."""
        record = Record(held, "calibration")
        strengths = record["feature_decay_by_strengths"]
        strengths = None if strengths is None else record.numbers("feature_decay_by_strengths")
        if strengths is not None and (len(strengths) != 3 or not 0.0 < strengths[0] <= strengths[1] <= strengths[2]):
            raise ValueError("feature_decay_by_strengths are no three positive numbers in order")
        bias, decays = record["bias"], record.numbers("weight_decay")
        if not decays or min(*decays, record.number("samples"), record.number("feature_decay_by_norms")) <= 0.0:
            raise ValueError("decays and samples must be positive")
        return cls(
            decays,
            record.number("samples"),
            bias if bias in ("free", "none") else record.number("bias"),
            record.text("loss"),
            record.number("feature_decay_by_norms"),
            strengths,
            record.count("directions"),
            () if alignment is None else Run.from_record(alignment, decays, record.number("samples")),
            # Audits of earlier versions say nothing of it.
            record.texts("doubts") if "doubts" in record else (),
        )

    @classmethod
    def read(cls, path: "str | os.PathLike[str]") -> "Calibration":
        """Read the calibration from the JSON of an audit.

        Parameters
        ----------
        path : path-like
            As written by ``penultimate audit --json``.

        Returns
        -------
        Calibration

        Raises
        ------
        FileError
            When the file is missing, is no audit, or the audit could not calibrate (it had no features or no head).
        """
        audit = read_record(path)
        held = audit.get(keys.CALIBRATION)
        if held is None:
            raise FileError(f"{path}: no calibration in it: give the JSON of an audit of features and their head")
        try:
            found = cls.from_dict(held, audit.get(keys.ALIGNMENT))
        except ValueError as error:
            raise FileError(f"{path}: the calibration in it is damaged ({error}): write the audit again") from None
        check_loss(str(found.loss), path)
        return found
