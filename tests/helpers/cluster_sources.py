"""Sources that misbehave where they are read: workers import this module, so that they can be sent there."""

import os
import signal
import time

import numpy as np

from penultimate.features.sources import ArraySource


class Shard(ArraySource):
    """One shard with a name, whose labels can always be read."""

    def __init__(self, features, labels, name="a shard"):
        super().__init__(features, labels)
        self._name = name

    def labels(self, start=0):
        yield self._labels[start:]


class Deadly(Shard):
    """Kills the process that reads its features: the first time only if there is a file to remember it by."""

    def __init__(self, features, labels, memory=None):
        super().__init__(features, labels, "the deadly shard")
        self._memory = memory

    def batches(self, start=0):
        if self._memory is None or not self._memory.exists():
            if self._memory is not None:
                self._memory.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield from super().batches(start)


class Sleepy(Shard):
    """Says that it is being read by making a file, and then takes for ever."""

    def __init__(self, place):
        super().__init__(np.eye(4), np.arange(4), "a sleepy shard")
        self._place = place

    def batches(self, start=0):
        (self._place / str(os.getpid())).touch()
        time.sleep(3600)
        yield from super().batches(start)
