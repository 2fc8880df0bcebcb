"""What a data frame shows of itself, for tests that need none of a library."""

import numpy as np


class Frame:
    def __init__(self, values, index, columns):
        self.values, self.index, self.columns = values, index, columns

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)
