"""What stands above noise: which directions of means, heads and training runs samples can show, and how well."""

from penultimate.noise.spiked_tensor import Spike as Spike
from penultimate.noise.spiked_tensor import SpikedTensor as SpikedTensor
