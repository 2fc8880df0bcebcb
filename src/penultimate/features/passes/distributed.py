"""Passes over features on a Dask cluster: shards fill accumulators of their own, which are merged in a tree.

Which accumulators are merged, and in which order, follows from the order of the shards alone, so the result is the
same whatever the number of workers and whichever is done first. Nothing on a worker is needed that cannot be made
again: when one is lost, Dask repeats its tasks on another. Groups of shards are merged on the workers, and the groups
here, in order; after each of them a checkpoint can be written.
"""

import gc
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib import import_module
from pkgutil import resolve_name
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import ClusterError, FeaturesError, MissingDependencyError, PenultimateError
from penultimate.features.arrays import as_labels
from penultimate.features.passes.accumulator import Accumulator
from penultimate.features.passes.checkpoint import Checkpoint
from penultimate.features.passes.kept_memory import kept_memory
from penultimate.features.passes.one_process import inferred_classes, run
from penultimate.features.passes.shards import Shard, gathered, shards_of
from penultimate.features.sources.source import ArraySource, FeatureSource
from penultimate.threads import one_thread_of_blas
from penultimate.version import __version__

Item = TypeVar("Item")
Counts = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]

# So many are merged at a time, and so many shards before they come here: 4 GiB of features, if shards are large, for
# the 128 MiB that an accumulator takes at most.
_FAN = 4
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
    dask, distributed = _library("dask"), _library("distributed")
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
    distributed, system = _library("distributed"), _library("dask.system")
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
    distributed, client, failure = _library("distributed"), None, ""
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
        self._before: Sequence[Counts] = []
        self.layout: Mapping[str, object] = {}

    def classes(self, known: int | None) -> int:
        """K, as known or else as the largest label says; samples of each class before every shard are counted too."""
        classes = known or inferred_classes(self._of_labels(_largest), self._dimension)
        self._shards = gathered(self._shards, 2 * classes * self._dimension + self._dimension**2)
        self.layout = {"shards on a cluster": len(self._shards)}
        counts = np.array(self._of_labels(partial(_count, classes)))
        self._before = list(np.cumsum(counts, axis=0) - counts)
        return classes

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
        groups = self._groups(rows)
        roots, leaves = _tasks(accumulator, groups)
        names = ["several shards"] * len(roots) + [shard.name for group in groups for shard, _ in group]
        sizes = [shard.samples for group in groups for shard, _ in group]
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
                    accumulator.merge(_restored(accumulator, _result(merged[turn], names[turn])))
                    merged.pop(turn).release()
                    rows += sum(shard.samples for shard, _ in groups[turn])
                    turn += 1
                    if checkpoint is not None:
                        checkpoint.keep(stage, accumulator, rows)
        if checkpoint is not None:
            checkpoint.keep(stage, accumulator, rows, done=True)

    def _groups(self, rows: int) -> list[list[tuple[Shard, Counts]]]:
        """Groups of shards that begin at some row or after it, with the samples of each class before every shard."""
        shards = list(zip(self._shards, self._before, strict=True))
        starts = np.cumsum([0, *(shard.samples for shard in self._shards)])
        bounds = range(0, len(shards), _GROUP)
        return [shards[first : first + _GROUP] for first in bounds if starts[first] >= rows]

    def _of_labels(self, function: Callable[..., Item]) -> list[Item]:
        """What a function finds in the labels of every shard, in order."""
        dask = _library("dask")
        tasks = [
            dask.delayed(partial(_look, function, shard.name, shard.source))(*shard.arrays[1:])
            for shard in self._shards
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
        distributed = _library("distributed")
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


def _check_versions(client: Any) -> None:
    """Make sure of our package on the workers: one without it would leave tasks undone, and say nothing."""
    try:
        versions: Mapping[str, str] = client.run(resolve_name, "penultimate:__version__")
    except ImportError as error:
        raise ClusterError(f"a worker of the Dask cluster lacks penultimate ({error}): install it there") from None
    for worker, version in versions.items():
        if version != __version__:
            raise ClusterError(f"the worker {worker} has penultimate {version}, and here is {__version__}: install one")


def _library(name: str) -> Any:
    # Dask's own types say less than none would.
    try:
        return import_module(name)
    except ImportError:
        raise MissingDependencyError(
            "a Dask cluster needs dask and distributed, which are not installed: pip install 'penultimate[dask]'"
        ) from None


def _tasks(accumulator: Accumulator, groups: list[list[tuple[Shard, Counts]]]) -> tuple[list[Any], list[Any]]:
    """The tasks that merge each group, and those that read the shards."""
    dask = _library("dask")
    blank = dask.delayed(accumulator.fresh(), traverse=False)
    merge = partial(dask.delayed(_merge), blank)
    roots: list[Any] = []
    leaves: list[Any] = []
    for index, group in enumerate(groups):
        with dask.annotate(priority=-index):  # else merged groups would wait on the workers for the first ones
            own = [
                dask.delayed(partial(_fill, shard.name, shard.source, before))(blank, *shard.arrays)
                for shard, before in group
            ]
            # Even a single leaf is merged, so that no task is both.
            roots.append(tree(own, merge) if len(own) > 1 else merge(*own))
            leaves += own
    return roots, leaves


def tree(items: Sequence[Item], merge: Callable[..., Item]) -> Item:
    """Merge neighbours, then neighbours of what that gave, until one is left.

    Parameters
    ----------
    items : sequence
        At least one.
    merge : callable
        Makes one of two, three or four.

    Returns
    -------
    object

    Examples
    --------
    >>> from penultimate.features.passes.distributed import tree
    >>> tree("abcdefghi", lambda *items: f"({''.join(items)})")
    '((abcd)(efgh)i)'
    """
    left = list(items)
    while len(left) > 1:
        groups: list[list[Item]] = [left[first : first + _FAN] for first in range(0, len(left), _FAN)]
        left = [group[0] if len(group) == 1 else merge(*group) for group in groups]
    return left[0]


def _fill(name: str, source: FeatureSource | None, before: Counts, blank: Accumulator, *arrays: NDArray[Any]) -> Arrays:
    """What a shard adds to an accumulator."""
    own = blank.fresh(before)
    with _named(name), one_thread_of_blas(), kept_memory():
        run(ArraySource(arrays[0], arrays[1]) if source is None else source, own, name)
    return own.arrays()


def _merge(blank: Accumulator, *parts: Arrays) -> Arrays:
    # The first one is added to, and Dask may need it again.
    whole = _restored(blank, {name: array.copy() for name, array in parts[0].items()})
    with one_thread_of_blas(), kept_memory():
        for part in parts[1:]:
            whole.merge(_restored(blank, part))
    return whole.arrays()


def _restored(kind: Accumulator, arrays: Arrays) -> Accumulator:
    accumulator = kind.fresh()
    accumulator.restore(arrays)
    return accumulator


def _look(function: Callable[[Any], Item], name: str, source: FeatureSource | None, *labels: NDArray[Any]) -> Item:
    with _named(name):
        return function(labels if source is None else source.labels())


def _largest(blocks: Sequence[NDArray[Any]]) -> tuple[int, int]:
    """The largest label of a shard, and how many there are."""
    found = [(int(labels.max(initial=0)), len(labels)) for labels in blocks]
    return max(top for top, _ in found), sum(number for _, number in found)


def _count(classes: int, blocks: Sequence[NDArray[Any]]) -> Counts:
    counts = np.zeros(classes, dtype=np.int64)
    for labels in blocks:
        counts += np.bincount(as_labels(labels, len(labels), classes), minlength=classes)
    return counts


@contextmanager
def _named(name: str) -> Generator[None]:
    """Put the name of the shard before errors that lack it; those of files have it."""
    try:
        yield
    except FeaturesError as error:
        raise FeaturesError(f"{name}: {error}") from None


def _result(future: Any, name: str) -> Any:
    """What a task returned, or its error as it would be without a cluster."""
    distributed = _library("distributed")
    try:
        return future.result()
    except PenultimateError as error:
        raise type(error)(*error.args) from None
    except distributed.KilledWorker as error:
        raise ClusterError(
            f"{name}: {error.allowed_failures + 1} workers in turn were lost with this to read, or a shard beside it: "
            "look at their logs; if they ran out of memory, give them more of it or fewer threads"
        ) from None
