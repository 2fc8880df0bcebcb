"""The first pass from files of every format, against reading the bytes and one matrix product."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from safetensors.numpy import save_file
from scipy.linalg.blas import sgemm

import penultimate as pen
from bench_audit import DIMENSION, trained
from measure import alternately, console, table
from penultimate.features.passes.one_process import run

SAMPLES, CLASSES = 200_000, 100


def _parquet(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), DIMENSION)
    pq.write_table(pa.table({"H": lists, "y": labels}), path, compression="none")


def _hdf5(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["H"], file["y"] = features, labels


def _zarr(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    group = zarr.open_group(path, mode="w")
    for name, array in (("H", features), ("y", labels)):
        group.create_array(name, data=array, chunks=(8192, *array.shape[1:]), compressors=None)


def _npy(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    path.mkdir()
    np.save(path / "H.npy", features)
    np.save(path / "y.npy", labels)


WRITERS: dict[str, Callable[[Path, np.ndarray, np.ndarray], object]] = {
    "npy": _npy,
    "npz": lambda path, features, labels: np.savez(path, H=features, y=labels),
    "safetensors": lambda path, features, labels: save_file({"H": features, "y": labels}, path),
    "h5": _hdf5,
    "zarr": _zarr,
    "parquet": _parquet,
}


def stream(path: Path) -> pen.FeatureStatistics:
    """The statistic of a file."""
    statistics = pen.FeatureStatistics(CLASSES, DIMENSION)
    run(pen.open_features(path), statistics, "features")
    return statistics


def read(path: Path) -> None:
    """Read every byte and throw it away."""
    files = [str(file) for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [str(path)]
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Print times and the share of the limit that is reached."""
    features, labels, _ = trained(SAMPLES, CLASSES)
    columns = ("format", "cat", "HᵀH", "first pass", "(cat + HᵀH) ÷ pass", "bound")
    out = table(f"Features from disk, {SAMPLES:,} × {DIMENSION} float32, file in the page cache", *columns)
    with tempfile.TemporaryDirectory() as folder:
        for name, write in WRITERS.items():
            path = Path(folder, "features" if name == "npy" else f"features.{name}")
            write(path, features, labels)
            cat, product, own = alternately(
                lambda path=path: read(path),
                lambda: sgemm(1.0, features.T, features.T, trans_b=True),
                lambda path=path: stream(path),
            )
            row = (f"{cat:.2f} s", f"{product:.2f} s", f"{own:.2f} s", f"{(cat + product) / own:.0%}")
            out.add_row(name, *row, "80%" if name in ("npy", "safetensors", "npz") else "")
            os.sync()
    console.print(out)


if __name__ == "__main__":
    main()
