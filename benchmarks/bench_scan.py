"""A scan of a last layer: against one pass over its rows, and of a vocabulary of 256,000 × 4,096 from shards."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import penultimate as pen
from measure import alternately, console, process, table

PLANTED = 300
# Rows made at once.
STEP = 16_000


def rows(classes: int, dimension: int, planted: int, seed: int = 0) -> Callable[[int, int], np.ndarray]:
    """Trained rows with unequal directions, the first of which are one vector and noise instead, as float32."""
    spread = np.exp(-np.arange(dimension) / dimension).astype(np.float32)
    centre = np.random.default_rng(seed).standard_normal(dimension, dtype=np.float32) / 2
    size = np.sqrt(np.mean(spread**2))

    def block(start: int, stop: int) -> np.ndarray:
        rng = np.random.default_rng([seed, start])
        made = rng.standard_normal((stop - start, dimension), dtype=np.float32)
        untrained = max(0, min(planted, stop) - start)
        made[untrained:] *= spread
        made[:untrained] = size * (centre + 0.2 * made[:untrained])
        return made

    return block


def write_shards(folder: Path, classes: int, dimension: int) -> Path:
    """A bfloat16 head in the second of two shards, with their index."""
    shards = [folder / f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for shard, name, height in zip(shards, ("model.norm.weight", "lm_head.weight"), (2, classes), strict=True):
        block = rows(height, dimension, PLANTED)
        header = {name: {"dtype": "BF16", "shape": [height, dimension], "data_offsets": [0, 2 * height * dimension]}}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with shard.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for start in range(0, height, STEP):
                bits = block(start, min(start + STEP, height)).view(np.uint32) + 0x8000  # to the nearest
                file.write((bits >> 16).astype("<u2").tobytes())
    index = folder / "model.safetensors.index.json"
    index.write_text(
        json.dumps({"weight_map": {"model.norm.weight": shards[0].name, "lm_head.weight": shards[1].name}})
    )
    return index


def eps_rule(weight: np.ndarray) -> int:
    """What trainers use: rows no number of which is larger than 1e-16; one pass."""
    return int(np.sum(np.abs(weight).max(axis=1) <= 1e-16))


def read(path: Path) -> float:
    """Seconds to read every byte."""
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(32 << 20):
            pass
    return time.perf_counter() - start


def main() -> None:
    """Print times, ratios and the memory of a whole process."""
    out = table("Scan of a last layer in memory", "rows", "planted", "found", "one pass", "scan", "ratio", "bound")
    for planted in (200, 20, 0):
        weight = rows(50_000, 1_000, planted)(0, 50_000)
        found = pen.scan(weight).untrained
        right = f"{np.sum(found < planted)} right, {np.sum(found >= planted)} wrong"
        pass_, own = alternately(
            lambda weight=weight: eps_rule(weight), lambda weight=weight: pen.scan(weight), rounds=2
        )
        out.add_row(
            "50,000 × 1,000", f"{planted}", right, f"{pass_:.2f} s", f"{own:.1f} s", f"{own / pass_:.0f}", "10 s"
        )
    console.print(out)
    out = table(
        "Scan of a vocabulary, bfloat16 in shards", "rows", "found", "reading", "scan", "ratio", "memory", "bound"
    )
    with tempfile.TemporaryDirectory() as folder:
        index = write_shards(Path(folder), 256_000, 4_096)
        reading = read(index.parent / "model-00002-of-00002.safetensors")
        record = Path(folder, "scan.json")
        seconds, memory = process("scan", str(index), "--json", str(record))
        found = np.concatenate([group["rows"] for group in json.loads(record.read_text())["groups"]] or [[]])
        right = f"{np.sum(found < PLANTED)} of {PLANTED} right, {np.sum(found >= PLANTED)} wrong"
        shown = (f"{reading:.1f} s", f"{seconds:.0f} s", f"{seconds / reading:.0f}", f"{memory / 1024:.1f} GiB")
        out.add_row("256,000 × 4,096", right, *shown, "150 s, 6 GiB")
    console.print(out)


if __name__ == "__main__":
    main()
