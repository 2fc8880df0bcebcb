"""A forecast leaves PyTorch the number of threads that it had."""

import os
import subprocess
import sys

PROBE = """
import torch
before = torch.get_num_threads()
import penultimate as pen
pen.frames.simplex_etf(4).mean_gram.dense()
pen.forecast(pen.ClassCounts([60, 30, 10])).geometry.logits.dense()
assert (before, torch.get_num_threads()) == (1, 1), torch.get_num_threads()
"""


def test_threads_of_the_process_stay_as_they_were():
    # As in each process of torchrun; Numba's threads are its own.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", PROBE], check=True, env=environment)
