"""A metric that watches features while a network trains."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import fields
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from penultimate.audits.alignment import Alignment
from penultimate.errors import FeaturesError
from penultimate.features.head import Head, checked_names
from penultimate.features.label_statistics import LabelStatistics
from penultimate.features.statistics import FeatureStatistics
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.model.arguments import whole
from penultimate.optional import needed
from penultimate.torch.class_order import contradiction
from penultimate.torch.fixed_head import Linear
from penultimate.torch.monitoring import judging
from penultimate.torch.monitoring.forms import form_of
from penultimate.torch.monitoring.judging import BAD, OUTSIDE, REPEATED, STRANGE
from penultimate.torch.monitoring.parts import PART_SUMS, KeptMeans, Parts, announce, residuals
from penultimate.torch.monitoring.tracked import Tracked
from penultimate.torch.monitoring.watched import WatchedLayers

if TYPE_CHECKING:
    from torchmetrics import Metric
else:
    Metric = needed("torchmetrics", "torch", "FeatureMonitor").Metric


class FeatureMonitor(Metric, Tracked):
    """Neural collapse, recall, and the strength of every direction, over training: a metric of fixed size.

    Parameters
    ----------
    classes : int, or sequence of str
        K, or the name of every class in the order of the labels (``dataset.classes``).
    dimension : int
        d.
    head : nn.Linear or FixedHead, iterable of these (the first reads the features), or Head, optional
        What reads the features. Layers are read when figures are computed, as they then stand, and are not part of the
        metric's own parameters.
    forecast : Forecast or LabelForecast, optional
        For the counts, or targets, *in training*: adds distances to it and, with a head, the alignment with its
        directions. Where classes are named, its own are put in their order.
    figures : sequence of str, optional
        Which figures `compute` returns, by name or pattern: ``["nc1", "accuracy", "recall/*"]``. By default all, but
        those of single classes only up to 20 classes. ``direction/…`` are always among them.
    directions : int, default 10
        How many of the leading distinct singular values get a figure.
    dataset_size : int, optional
        How many samples there are: another total is a warning. With it `update` takes ``ids``.
    ignore_index : int, default −100
        Samples with this label are left out.
    keep_means : bool, default False
        Have `means`, which a `Trajectory` keeps of every look to tell which directions stand above noise. Takes
        16 K d numbers more while it looks, and 72 K d bytes for every look that is kept; a warning says so from 64 MiB
        on. Each look must be of the same samples: in the same order, or with ``ids``.
    label_sets : bool, default False
        Samples have several labels each: ``update`` takes 0 or 1 for each label. With a `LabelForecast` it is so.
    dtype : torch.dtype, default torch.float64
        Of the sums. Take torch.float32 for devices that have nothing wider (Apple's).
    **options : object
        Of `torchmetrics.Metric`.

    Raises
    ------
    CountsError, FeaturesError
        For sizes or names that do not fit one another, for a figure that there is not, and for means of which one look
        would take 4 GiB.

    Warns
    -----
    UserWarning
        When the means of one look take 64 MiB or more.

    Notes
    -----
    Sums are kept about a shift of each class on the device of the metric (`penultimate.torch.monitoring.sums`) and
    never come to the host while batches pass, so what is wrong with *values* is told by `compute`: NaN and infinity are
    left out and a warning counts them, labels out of range are an error. Of several processes the sums are gathered
    and merged, each about its own shifts. Memory: 2 K d + d² numbers, and one byte a
    sample where ``dataset_size`` is given. Of label sets K² + K d + d², and 8,192 (d + K/8) for the sets: what lies
    beyond the labels and within label sets is known for some 6,000 different ones.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> _ = torch.manual_seed(0)
    >>> head = torch.nn.Linear(8, 3)
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=5e-4, feature_ratio=1)
    >>> monitor = pen.torch.FeatureMonitor(3, 8, head=head, forecast=forecast)
    >>> monitor.update(torch.randn(90, 8), torch.arange(90) % 3)
    >>> values = monitor.compute()
    >>> float(values["classes"]), [name for name in values if name.startswith("direction")]
    (3.0, ['direction/1', 'direction/2'])
    >>> monitor = pen.torch.FeatureMonitor(["ant", "bee", "cat"], 8, head=head, figures=["recall/*"])
    >>> monitor.update(torch.randn(90, 8), torch.arange(90) % 3)
    >>> list(monitor.compute())
    ['recall/ant', 'recall/bee', 'recall/cat']

    Several labels a sample:

    >>> targets = (torch.rand(90, 3) < torch.tensor([0.5, 0.3, 0.1])).float()
    >>> monitor = pen.torch.FeatureMonitor(["cat", "pet", "newt"], 8, head=head, label_sets=True)
    >>> monitor.update(torch.randn(90, 8), targets)
    >>> sorted(name for name in monitor.compute() if "/" not in name)
    ['additive', 'alive', 'beyond', 'labels', 'lack_of_fit', 'lift', 'off_diagonal_share', 'samples', ...]
    """

    LOG_PREFIX = "collapse/"
    is_differentiable = False
    higher_is_better = None
    # A batch alone is measured from its own sums: those of two batches are about different shifts.
    full_state_update = True

    weight: Tensor
    shift: Tensor
    right: Tensor
    tally: Tensor
    seen: Tensor
    part_weight: Tensor
    part_total: Tensor
    order: Tensor

    def __init__(
        self,
        classes: int | Sequence[str],
        dimension: int,
        *,
        head: Linear | Iterable[nn.Module] | Head | None = None,
        forecast: Forecast | LabelForecast | None = None,
        figures: Sequence[str] | None = None,
        directions: int = 10,
        dataset_size: int | None = None,
        ignore_index: int = -100,
        keep_means: bool = False,
        label_sets: bool = False,
        dtype: torch.dtype = torch.float64,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        names = None if isinstance(classes, Real) else checked_names(classes)
        self.classes = len(names) if names is not None else whole(classes, "the number of classes", least=0)
        self.dimension = whole(dimension, "the width of the features", least=0)
        if not dtype.is_floating_point:
            raise FeaturesError(f"dtype={dtype}: give a floating type, in which sums are kept")
        directions = whole(directions, "directions", least=0)
        self.dataset_size, self.ignore_index, self.keep_means = dataset_size, ignore_index, keep_means
        self._head = None if head is None else WatchedLayers.from_head(head, dtype)
        self.forecast, self._of_batch = forecast, False
        self._form, self._figures, self._expected = form_of(
            self.classes, names, forecast, label_sets=label_sets, directions=directions, figures=figures, stacklevel=3
        )
        FeatureStatistics(2, dimension)  # refuses no width
        if keep_means and self._form.own:
            raise FeaturesError("means are kept of one class a sample: leave out keep_means=True")
        if keep_means:
            announce(self.classes, dimension)
        if self.head is not None:
            self.head.check(self.classes, dimension)
        add_state = cast(Any, self).add_state  # The library leaves its types open.
        for name, zeros in vars(self._form.sums.empty(self.classes, dimension, dtype)).items():
            add_state(name, zeros, dist_reduce_fx=None)
        if keep_means:
            for name, zeros in vars(Parts.empty(self.classes, dimension, dtype)).items():
                add_state(name, zeros, dist_reduce_fx="sum" if name == "order" else None)
        add_state("right", torch.zeros(self._form.answers, dtype=torch.int64), dist_reduce_fx="sum")
        add_state("tally", torch.zeros(4, dtype=torch.int64), dist_reduce_fx="sum")
        add_state("seen", torch.zeros(dataset_size or 0, dtype=torch.uint8), dist_reduce_fx=None)

    @property
    def head(self) -> Head | None:
        """The head as it now stands."""
        return None if self._head is None else self._head.head

    @property
    def watched(self) -> tuple[Linear, ...]:
        """The layers that were given as head; none if it was a `Head`, or nothing."""
        return () if self._head is None or self._head.given is not None else self._head.layers

    def update(self, features: Tensor, labels: Tensor, ids: Tensor | None = None) -> None:
        """Add a batch.

        Parameters
        ----------
        features : Tensor of shape (…, d)
            Of any floating type.
        labels : Tensor of shape (…)
            Whole numbers from 0 to K − 1, or `ignore_index`; with ``label_sets`` of shape (…, K), 0 or 1.
        ids : Tensor of shape (…), optional
            Number of each sample in the data set, from 0: those seen before are left out. Needs ``dataset_size``.

        Raises
        ------
        FeaturesError
            For shapes and types that do not fit; the sums stay as they were.
        """
        form = self._form
        judging.check_batch(
            features, labels, ids, self.dimension, form, self.tally.device, countable=bool(self.dataset_size)
        )
        # Under inference mode (Lightning's validation) tensors are made that nothing else may change in place.
        with torch.inference_mode(False), torch.no_grad():
            for name in self.metric_state:
                held = getattr(self, name)
                setattr(self, name, held.clone() if held.is_inference() else held)
            given = features.detach().reshape(-1, self.dimension)
            rows = given.to(self.weight.dtype)
            own = form.rows(labels.detach())
            used = ~form.ignored(own, self.ignore_index)
            used = used & self._count(used & form.outside(own), OUTSIDE)
            used = used & self._count(used & ~torch.isfinite(rows).all(dim=1), BAD)
            own_ids = None if ids is None else ids.detach().reshape(-1).long()
            if own_ids is not None:
                used = used & self._count(used & ((own_ids < 0) | (own_ids >= len(self.seen))), STRANGE)
                fresh = judging.fresh(own_ids, used, self.seen)
                self._count(used & ~fresh, REPEATED)
                used = fresh
            sums = self._sums
            with torch.autocast(rows.device.type, enabled=False):
                sums.add(rows, own, used)
                if self.keep_means:
                    self._parts.add(rows, own, used, self.shift, own_ids)
                if self._head is not None and self._figures.with_answers:
                    self.right += form.right(self._head, given, own, used)
                if self.update_count > 1 and self.update_count & (self.update_count - 1) == 0:
                    before = self.shift.clone() if self.keep_means else None
                    sums.settle()
                    if before is not None:
                        self._parts.move(self.shift - before)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Add a batch as `update` does, and return the figures of that batch alone."""
        self._of_batch = True
        try:
            return super().forward(*args, **kwargs)
        finally:
            self._of_batch = False

    def compute(self) -> dict[str, Tensor]:
        """All figures of what has been seen, by all processes together.

        Returns
        -------
        dict of str to Tensor
            Ready for a logger: ``samples``, ``classes`` (those with samples) and the figures of
            `penultimate.metrics.CollapseMetrics`. With a head, ``accuracy``, ``balanced_accuracy`` and
            ``recall/<class>``, each sample answered by the head as it stood when the sample was added. With a forecast
            too ``recall_many``, ``recall_medium``, ``recall_few`` (`ClassCounts.bands`) and, once every class that has
            training samples has been seen, ``alignment/…``, and ``direction/i``, the strength t_i of the i-th distinct
            singular value (beside `Forecast.timeline`). What does not exist, or was not asked for, is left out.

            Of label sets: ``labels`` (those with samples); ``additive``, ``beyond``, ``within``, ``lack_of_fit`` and
            ``sets`` (`LabelAudit.shares`); ``separation`` over all labels and of each, ``separation/<label>``; with a
            head the same of ``lift``, ``alive`` directions and ``off_diagonal_share``; with a forecast too
            ``direction/i``, ``macro_f1``, ``micro_f1``, ``f1/<label>`` at a threshold of ½, and how many labels are
            ever ``answered``.

        Raises
        ------
        FeaturesError
            When there were labels or ids out of range.

        Warns
        -----
        UserWarning
            When samples were left out as not finite, the total is not that of the data set, or the samples seen are
            those of the forecast's counts in another order.
        """
        statistics = self._merged()
        try:
            judging.refuse_out_of_range(self.tally, self.seen, self._form)
        except FeaturesError:
            if self._is_synced:  # of what fails the library would keep the states of all processes
                self.unsync()
            raise
        for said in self._remarks(statistics):
            warnings.warn(said, stacklevel=3)  # past the library, which wraps this
        right = None if self._head is None else self.right.cpu().double().numpy()
        figures = self._figures.of(statistics, self.head, right if self._figures.with_answers else None)
        return {
            name: torch.tensor(value, dtype=self.weight.dtype, device=self.device) for name, value in figures.items()
        }

    def statistics(self) -> Any:
        """What has been seen by all processes, `FeatureStatistics` or `LabelStatistics`; a collective call."""
        with cast(Any, self).sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            return self._merged()

    def means(self) -> KeptMeans:
        """What a `Trajectory` keeps of this look, in the order of the forecast's classes; a collective call.

        Returns
        -------
        KeptMeans

        Raises
        ------
        FeaturesError
            When the monitor was not made to keep them.

        Examples
        --------
        >>> import torch, penultimate as pen
        >>> monitor = pen.torch.FeatureMonitor(3, 8, keep_means=True)
        >>> monitor.update(torch.ones(6, 8), torch.arange(6) % 3)
        >>> monitor.means().residuals.shape
        (3, 16, 8)
        """
        if not self.keep_means:
            raise FeaturesError("the monitor keeps no means: make it with FeatureMonitor(…, keep_means=True)")
        with cast(Any, self).sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            merged = self._merged()
            part_counts, sums = residuals(merged.means, *self._processes("shift", "part_weight", "part_total"))
            place, order = self._figures.outputs, int(self.order)
        return KeptMeans(merged.counts[place], merged.means[place], part_counts[place], sums[place], order)

    def alignment(self) -> Alignment | None:
        """The head along the directions of the forecast; None without a head, a forecast or samples of every class."""
        return self._figures.aligned(self.statistics(), self.head)

    def merge_state(self, incoming_state: "dict[str, Any] | Metric") -> None:
        """Add what another monitor, or its `metric_state`, has seen.

        Parameters
        ----------
        incoming_state : FeatureMonitor or dict

        Raises
        ------
        FeaturesError
            When it is of other sizes.
        """
        other = incoming_state.metric_state if isinstance(incoming_state, Metric) else incoming_state
        state = cast(dict[str, Tensor], other)
        for name, own in self.metric_state.items():
            if name not in state or state[name].shape != cast(Tensor, own).shape:
                raise FeaturesError(f"the other monitor has another {name}: merge monitors of the same sizes")
        sums, names = self._form.sums, self._sum_names
        merged = self._sums.joined(sums(*(state[name].to(self.device) for name in names)))
        if self.keep_means:
            shift = merged.shift
            ours, theirs = self._parts, Parts(*(state[name].to(self.device, copy=True) for name in PART_SUMS))
            ours.move(shift - self.shift)
            theirs.move(shift - state["shift"].to(shift))
            for name in PART_SUMS:
                setattr(self, name, getattr(ours, name) + getattr(theirs, name))
        for name in names:
            setattr(self, name, getattr(merged, name))
        self.tally = self.tally + state["tally"].to(self.device)
        self.right = self.right + state["right"].to(self.device)
        # How often each was counted: a sample of both monitors is in the sums twice.
        self.seen = self.seen + state["seen"].to(self.device)
        self._computed = None
        self._update_count += 1

    @property
    def _sums(self) -> Any:
        return self._form.sums(*(getattr(self, name) for name in self._sum_names))

    @property
    def _sum_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self._form.sums))

    @property
    def _parts(self) -> Parts:
        return Parts(*(getattr(self, name) for name in PART_SUMS))

    def _count(self, what: Tensor, place: int) -> Tensor:
        """Count samples, and say which are none of them."""
        self.tally[place] += what.sum()
        return ~what

    def _merged(self) -> Any:
        """The statistic of this process or, where states have been gathered, of all."""
        parts: Any = (self._form.sums(*states) for states in zip(*self._processes(*self._sum_names), strict=True))
        whole = self._form.gathered(parts)
        if isinstance(whole, FeatureStatistics):
            whole.dropped = int(self.tally[BAD])
        return whole

    def _processes(self, *names: str) -> list[Iterable[Tensor]]:
        """States, with an axis of the processes before their own."""
        states = [getattr(self, name) for name in names]
        return [state[None] for state in states] if self.weight.ndim == 1 else states

    def _remarks(self, statistics: FeatureStatistics | LabelStatistics) -> list[str]:
        """What is odd about the samples; whether they are all is not asked of one batch."""
        said = [judging.not_finite(self.tally)]
        if not self._of_batch:
            if self.forecast is not None:
                said.append(contradiction(statistics.counts, self._expected, self._figures.names))
            said.append(judging.other_total(statistics.samples, self.tally, self.seen, self.dataset_size))
        return [text for text in said if text is not None]
