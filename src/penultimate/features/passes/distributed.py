"""Passes over features on a Dask cluster: shards fill accumulators of their own, which are merged in a tree.

Which accumulators are merged, and in which order, follows from the order of the shards alone, so the result is the
same whatever the number of workers and whichever is done first. Nothing on a worker is needed that cannot be made
again: when one is lost, Dask repeats its tasks on another. Groups of shards are merged on the workers, and the groups
here, in order; after each of them a checkpoint can be written. Large statistics are merged on the workers to the end,
each range of classes on its own (`penultimate.features.passes.class_ranges`).
"""

import gc
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pkgutil import resolve_name
from typing import Any, TypeVar, cast

import numpy as np

from penultimate.errors import ClusterError, PenultimateError
from penultimate.features.passes import class_ranges
from penultimate.features.passes.accumulator import Accumulator
from penultimate.features.passes.checkpoint import Checkpoint
from penultimate.features.passes.one_process import inferred_classes
from penultimate.features.passes.replicates import Replicates
from penultimate.features.passes.shards import gathered, large, shards_of
from penultimate.features.passes.tasks import (
    Counts,
    Group,
    count,
    largest,
    library,
    look,
    restored,
    tasks_of,
    tasks_of_ranges,
    told,
)
from penultimate.features.sources.source import FeatureSource
from penultimate.features.statistics import FeatureStatistics
from penultimate.version import __version__

Item = TypeVar("Item")

# So many shards are merged before they come here: 4 GiB of features, if shards are large, for the 128 MiB that an
# accumulator takes at most.
_GROUP = 16
# How long a scheduler may take to answer, and its first worker to come.
_SECONDS = 30


@contextmanager
def on_cluster(place: object, source: FeatureSource) -> Generator["Cluster"]:
    """Connect to a Dask cluster for passes over a source.

    Parameters
    ----------
    place : {"local"}, address, or distributed.Client
        A cluster of processes on this machine, closed afterwards; a scheduler; or a client, which is left open.
    source : FeatureSource

    Yields
    ------
    Cluster

    Raises
    ------
    ClusterError
        When there is no such cluster, or it has no workers.
    MissingDependencyError
        When Dask is not installed.
    """
    dask, distributed = library("dask"), library("distributed")
    with _reporting_loss(distributed), ExitStack() as stack:
        if isinstance(place, distributed.Client):
            client = cast(Any, place)
        elif place == "local":
            client = _connect(stack.enter_context(_local_cluster()), stack)
        elif isinstance(place, str):
            client = _connect(place, stack)
        else:
            raise ClusterError(f"{place!r} is no Dask cluster: give 'local', an address, or a distributed.Client")
        if client.asynchronous:
            raise ClusterError("the Dask client is asynchronous: give one that is not, or the address of its scheduler")
        _check_versions(client)
        # Class means and heads may be larger than what Dask expects in a graph; they are in it once.
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}))
        yield Cluster(client, source)


@contextmanager
def _reporting_loss(distributed: Any) -> Generator[None]:
    """Say in words that the scheduler is gone, wherever the library notices it."""
    try:
        yield
    except (distributed.CancelledError, distributed.comm.core.CommClosedError):
        raise ClusterError("the Dask cluster was lost or the audit cancelled there: start it again") from None


def _local_cluster() -> Any:
    distributed, system = library("distributed"), library("dask.system")
    try:
        return distributed.LocalCluster(
            host="127.0.0.1",
            n_workers=system.CPU_COUNT,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
            # An interrupt in the terminal reaches workers too, and ends them through this process alone.
            preload=["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"],
        )
    except RuntimeError as error:
        raise ClusterError(
            f"a local Dask cluster could not be started ({error}): "
            "call audit in a script below `if __name__ == '__main__':`"
        ) from None


def _connect(place: Any, stack: ExitStack) -> Any:
    distributed, client, failure = library("distributed"), None, ""
    try:
        client = distributed.Client(place, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        failure = str(error)
    if client is None:
        # A half-made client hangs in a cycle. Were it collected while another one starts, Dask would wait for itself.
        gc.collect()
        raise ClusterError(
            f"no Dask scheduler answers at {place} ({failure}): check the address, such as tcp://host:8786"
        )
    stack.enter_context(client)
    try:
        client.wait_for_workers(1, timeout=_SECONDS)
    except TimeoutError:
        raise ClusterError(
            f"the Dask cluster at {place} has had no workers for {_SECONDS} s: start some, with `dask worker {place}`"
        ) from None
    return client


class Cluster:
    """Passes over the shards of a source on a Dask cluster; made by `on_cluster`.

    Parameters
    ----------
    client : distributed.Client
    source : FeatureSource

    Attributes
    ----------
    layout : dict
        What a checkpoint has to agree in, once `classes` has been asked for.
    """

    def __init__(self, client: Any, source: FeatureSource) -> None:
        self._client = client
        self._shards = shards_of(source)
        self._dimension = source.dimension
        self._classes = 0
        self._counts: list[Counts] | None = None
        self.layout: dict[str, object] = {}

    def classes(self, known: int | None) -> int:
        """K, as known or else as the largest label says."""
        self._classes = known or inferred_classes(self._of_labels(largest), self._dimension)
        # A task has no statistic of all classes, but one of those that it meets.
        most = max(class_ranges.RANGE, self._dimension**2)
        self._shards = gathered(self._shards, min(self._numbers, most))
        self.layout = {"shards on a cluster": len(self._shards)}
        if large(self._numbers):
            self.layout |= {"ranges of classes": len(self._bounds) - 1}
        return self._classes

    @property
    def _numbers(self) -> int:
        """Of a statistic of all classes."""
        return 2 * self._classes * self._dimension + self._dimension**2

    @property
    def _bounds(self) -> Counts:
        """Ranges of classes, each of which is merged on its own."""
        return class_ranges.bounds_of(self._classes, self._dimension)

    def run(
        self,
        accumulator: Accumulator,
        stage: str,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """One pass, once `classes` has been asked for; arguments are those of `one_process.run`.

        Raises
        ------
        PenultimateError
            What reading and adding raise, with the name of the shard; `ClusterError` when one worker after the other is
            lost, or the connection.
        """
        rows = 0 if checkpoint is None else checkpoint.resume(stage, accumulator)
        if progress is not None and rows:
            progress(rows)
        groups = self._groups(accumulator, rows)
        if large(self._numbers) and (sums := _of_one_part(accumulator)) is not None:
            self._run_in_ranges(sums, stage, groups, rows, checkpoint, progress)
            return
        roots, leaves = tasks_of(accumulator, groups)
        names, sizes = told(roots, groups)
        merged: dict[int, Any] = {}
        turn = 0
        with closing(self._finished([*roots, *leaves], names)) as finished:
            for index, future in finished:
                if index < len(roots):
                    merged[index] = future
                else:
                    future.release()  # the workers drop it once it is merged
                    if progress is not None:
                        progress(sizes[index - len(roots)])
                while turn in merged:
                    accumulator.merge(restored(accumulator, _result(merged[turn], names[turn])))
                    merged.pop(turn).release()
                    rows += sum(shard.samples for shard, _ in groups[turn])
                    turn += 1
                    if checkpoint is not None:
                        checkpoint.keep(stage, accumulator, rows)
        if checkpoint is not None:
            checkpoint.keep(stage, accumulator, rows, done=True)

    def _run_in_ranges(
        self,
        accumulator: Replicates,
        stage: str,
        groups: list[Group],
        rows: int,
        checkpoint: Checkpoint | None,
        progress: Callable[[int], object] | None,
    ) -> None:
        """The first pass with a large statistic: ranges of classes are merged on the workers, and come here once each.

        What has been merged goes on from group to group. It comes here in between for a checkpoint alone.
        """
        bounds, parts = self._bounds, list[Any]()
        if rows:
            parts = list[Any](class_ranges.split(accumulator.parts[0].arrays(), bounds))
        most = len(groups) if checkpoint is None else max(1, 2 * len(self._client.nthreads()) // _GROUP)
        while groups:
            some, groups = groups[:most], groups[most:]
            roots, leaves = tasks_of_ranges(accumulator.gaps, bounds, some, parts, last=not groups)
            names, sizes = told(roots, some)
            held: dict[int, Any] = {}
            with closing(self._finished([*roots, *leaves], names)) as finished:
                for index, future in finished:
                    if index < len(roots):
                        held[index] = future
                        continue
                    future.release()
                    if progress is not None:
                        progress(sizes[index - len(roots)])
            parts = [held[number] for number in range(len(roots))]
            rows += sum(sizes)
            if not groups or (checkpoint is not None and checkpoint.due):
                whole = class_ranges.whole_of(map(_result, parts, names), self._classes, self._dimension)
                accumulator.take(FeatureStatistics.from_arrays(whole))
                if checkpoint is not None:
                    checkpoint.keep(stage, accumulator, rows, done=not groups)

    def _groups(self, accumulator: Accumulator, rows: int) -> list[Group]:
        """Groups of shards that begin at some row or after it, with the samples before every shard.

        Those of each class are counted where the accumulator deals them out.
        """
        if accumulator.deals and self._counts is None:
            self._counts = self._of_labels(partial(count, self._classes))
        counts = np.array(self._counts if accumulator.deals else [[shard.samples] for shard in self._shards])
        shards = list(zip(self._shards, np.cumsum(counts, axis=0) - counts, strict=True))
        starts = np.cumsum([0, *(shard.samples for shard in self._shards)])
        bounds = range(0, len(shards), _GROUP)
        return [shards[first : first + _GROUP] for first in bounds if starts[first] >= rows]

    def _of_labels(self, function: Callable[..., Item]) -> list[Item]:
        """What a function finds in the labels of every shard, in order."""
        dask = library("dask")
        tasks = [
            dask.delayed(partial(look, function, shard.name, shard.source))(*shard.arrays[1:]) for shard in self._shards
        ]
        found: dict[int, Item] = {}
        names = [shard.name for shard in self._shards]
        with closing(self._finished(tasks, names)) as finished:
            for index, future in finished:
                found[index] = _result(future, names[index])
                future.release()
        return [found[index] for index in range(len(tasks))]

    def _finished(self, tasks: Sequence[Any], names: Sequence[str]) -> Generator[tuple[int, Any]]:
        """Compute tasks, and give index and future of each when it is done; the rest is given up if something fails."""
        distributed = library("distributed")
        futures: list[Any] = self._client.compute(list(tasks))
        index = {future.key: i for i, future in enumerate(futures)}
        waiting = dict(enumerate(futures))
        completed = distributed.as_completed(futures, loop=self._client.loop)
        try:
            for future in completed:
                i = index[future.key]
                if future.status != "finished":
                    _result(future, names[i])
                del waiting[i]
                yield i, future
        finally:  # tasks that nobody waits for are not begun
            for future in waiting.values():
                future.release()


def _of_one_part(accumulator: Accumulator) -> Replicates | None:
    """Statistics that are kept as a whole, which are what is split by class."""
    return accumulator if isinstance(accumulator, Replicates) and not accumulator.deals else None


def _check_versions(client: Any) -> None:
    """Make sure of our package on the workers: one without it would leave tasks undone, and say nothing."""
    try:
        versions: Mapping[str, str] = client.run(resolve_name, "penultimate:__version__")
    except ImportError as error:
        raise ClusterError(f"a worker of the Dask cluster lacks penultimate ({error}): install it there") from None
    for worker, version in versions.items():
        if version != __version__:
            raise ClusterError(f"the worker {worker} has penultimate {version}, and here is {__version__}: install one")


def _result(future: Any, name: str) -> Any:
    """What a task returned, or its error as it would be without a cluster."""
    distributed = library("distributed")
    try:
        return future.result()
    except PenultimateError as error:
        raise type(error)(*error.args) from None
    except distributed.KilledWorker as error:
        raise ClusterError(
            f"{name}: {error.allowed_failures + 1} workers in turn were lost with this to read, or a shard beside it: "
            "look at their logs; if they ran out of memory, give them more of it or fewer threads"
        ) from None
