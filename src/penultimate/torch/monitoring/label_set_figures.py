"""What a monitor says of samples with several labels: shares, separation, lifts, strengths, F1 (docs/theory §20)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from penultimate.audits.label_audit import LabelAudit
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.label_statistics import LabelStatistics
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.losses import CrossEntropy
from penultimate.torch.monitoring.chosen import Chosen

_SHARES = ("additive", "beyond", "within", "lack_of_fit", "sets")
_MEASURED = ("separation", "lift", "alive", "off_diagonal_share")
_ANSWERED = ("macro_f1", "micro_f1", "answered")
# A direction has a figure where labels that no sample has carry no more of it than this: one in a hundred.
_UNSEEN = 0.01


class LabelSetFigures:
    """Figures of a monitor of label sets, by name.

    Parameters
    ----------
    names : sequence of str
        Labels, in the order of the columns.
    forecast : LabelForecast or None
    outputs : ndarray of shape (K,)
        The column of each label of the forecast.
    directions : int
        How many of them get a figure.
    chosen : sequence of str or None
        Names or patterns of those wanted.
    """

    def __init__(
        self,
        names: Sequence[str],
        forecast: LabelForecast | None,
        outputs: Int[np.ndarray, " K"],
        directions: int,
        chosen: Sequence[str] | None,
    ) -> None:
        self.names, self.forecast, self.directions = names, forecast, directions
        self.outputs = outputs
        possible = ("samples", "labels", *_SHARES, *_MEASURED, "direction/1", *_ANSWERED)
        self._chosen = Chosen(chosen, possible, ("separation", "lift", "f1"), "label", names)

    @property
    def threshold(self) -> float | None:
        """The score from which a label is answered; None where no forecast says the loss, and for one softmax."""
        if self.forecast is None or isinstance(self.forecast.loss, CrossEntropy):
            return None
        return 0.5 if self.forecast.loss is None else 0.0

    @property
    def with_answers(self) -> bool:
        """Whether any figure needs to know what the head answers."""
        return self.threshold is not None and any(map(self._chosen.takes, (*_ANSWERED, "f1/")))

    def of(
        self, statistics: LabelStatistics, head: Head | None, right: Float[np.ndarray, "2 K"] | None
    ) -> dict[str, float]:
        """Those that exist and were asked for; `right` has the right answers of each label, and all its answers."""
        figures: dict[str, float | None] = {"samples": statistics.samples}
        if statistics.samples > 1 and statistics.targets.variance.any():
            figures |= self._measured(LabelAudit(statistics, head))
        if right is not None and self.with_answers and statistics.samples:
            figures |= self._answers(right, statistics.targets.positives)
        return self._chosen.among(figures)

    def aligned(self, statistics: LabelStatistics, head: Head | None) -> None:
        """There is an audit in its place."""
        raise FeaturesError(
            "alignments are of one label a sample: say pen.audit_label_sets(monitor.statistics(), head=monitor.head)"
        )

    def _measured(self, audit: LabelAudit) -> dict[str, float | None]:
        figures: dict[str, float | None] = {name: getattr(audit.shares, name) for name in _SHARES}
        figures |= {"labels": float(np.count_nonzero(audit.targets.positives)), "separation": _mean(audit.separation)}
        figures |= self._each("separation", audit.separation)
        if audit.lift is not None:
            figures |= {"lift": _mean(audit.lift), "alive": audit.alive, "off_diagonal_share": audit.off_diagonal_share}
            figures |= self._each("lift", audit.lift)
        return figures | {f"direction/{i}": t for i, t in enumerate(self._strengths(audit), start=1)}

    def _strengths(self, audit: LabelAudit) -> list[float]:
        """``t_i = s_i u_iᵀ W V̂ᵀ u_i`` along the leading directions of the forecast, V̂ the label vectors measured."""
        if audit.head is None or self.forecast is None or self.forecast.problem.bias != "free":
            return []
        spectrum = self.forecast.geometry.spectrum
        vectors = spectrum.vectors[np.argsort(self.outputs), : self.directions]
        unseen = np.sum(vectors[audit.targets.variance <= 0] ** 2, axis=0) > _UNSEEN
        known = int(np.argmax(unseen)) if unseen.any() else unseen.size
        head, labels = vectors.T @ audit.head.product, vectors.T @ audit.label_vectors
        strengths = spectrum.sigma[: vectors.shape[1]] * np.einsum("rd,rd->r", head, labels)
        return strengths[:known].tolist()

    def _answers(self, right: Float[np.ndarray, "2 K"], positives: Float[np.ndarray, " K"]) -> dict[str, float | None]:
        there: Float[np.ndarray, " K"] = right[1] + positives
        f1 = np.divide(2.0 * right[0], there, out=np.full(positives.size, np.nan), where=there > 0)
        whole = float(there.sum())
        figures = {
            "macro_f1": _mean(np.where(positives > 0, f1, np.nan)),
            "micro_f1": 2.0 * float(right[0].sum()) / whole if whole else None,
            "answered": float(np.count_nonzero(right[1])),
        }
        return figures | self._each("f1", f1)

    def _each(self, name: str, values: Float[np.ndarray, " K"]) -> dict[str, float]:
        return {f"{name}/{label}": value for label, value in zip(self.names, values.tolist(), strict=True)}


def _mean(values: Float[np.ndarray, " n"]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
