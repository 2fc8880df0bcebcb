"""Install a built wheel into bare environments, without and with each extra, and do there what the extra is for.

    python -m tests.packaging.install dist/penultimate-*.whl

Not among the tests, for it downloads every library anew; `make dist` runs it before a release.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from rich.console import Console

console = Console()

# What is done with an extra, as arguments of `python`.
_TABLE = "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'label': list('aab')}), 'y.parquet')"
_PLOT = "import penultimate as pen; pen.figure(pen.forecast('lvis', 1e-3).plot('spectrum')).savefig('spectrum.pdf')"
_HDF5 = "import h5py, numpy as np; f = h5py.File('h.h5', 'w'); f['H'] = np.eye(6); f['y'] = np.arange(6) % 2"
_ZARR = "import zarr, numpy as np; g = zarr.open_group('z.zarr'); g['H'] = np.eye(6); g['y'] = np.arange(6) % 2"
_DASK = "import dask.array as da, penultimate as pen; pen.audit(da.eye(6), da.arange(6) % 2)"
_ONNX = "import penultimate as pen, onnx, gguf, tokenizers"
_TORCH = "import torch, penultimate as pen; pen.torch.make_loss('ce', pen.ClassCounts([9, 3]))"
# Files of a wheel that are listed with their sizes.
_LARGEST = 8
COMMAND = ("-m", "penultimate")
USES: dict[str, list[tuple[str, ...]]] = {
    "": [(*COMMAND, "forecast", "lvis"), (*COMMAND, "audit", "cnn-ce-test"), (*COMMAND, "doctor")],
    "report": [(*COMMAND, "forecast", "lvis", "--html", "report.html")],
    "plot": [("-c", _PLOT)],
    "app": [(*COMMAND, "app", "--help"), ("-c", "import penultimate.app.server")],
    "parquet": [("-c", _TABLE), (*COMMAND, "forecast", "y.parquet")],
    "hdf5": [("-c", _HDF5), (*COMMAND, "audit", "h.h5")],
    "zarr": [("-c", _ZARR), (*COMMAND, "audit", "z.zarr")],
    "dask": [("-c", _DASK)],
    "heads": [(*COMMAND, "heads", "cnn-ce-test")],
    "models": [("-c", _ONNX)],
    "torch": [("-c", _TORCH)],
}


def tried(wheel: Path, extra: str) -> None:
    """Make an environment, install, and run; the first command that fails ends it with its words."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder, "env"), with_pip=True)
        python = str(Path(folder, "env", "bin", "python"))
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        quiet = ("--quiet", "--disable-pip-version-check", "--no-cache-dir")
        for step in (("-m", "pip", "install", *quiet, wanted), *USES[extra]):
            done = subprocess.run([python, *step], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{extra or 'no extra'}: {' '.join(step)[:200]}\n{done.stderr}")
        console.print(f"{extra or 'no extra'}: installed, and {len(USES[extra])} commands ran")


def weighed(wheel: Path) -> None:
    """Print what takes most room in the wheel."""
    with zipfile.ZipFile(wheel) as held:
        files = sorted(held.infolist(), key=lambda file: -file.file_size)
    console.print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(files)} files, the largest of them")
    for file in files[:_LARGEST]:
        console.print(f"{file.file_size:>12,}  {file.filename}")


if __name__ == "__main__":
    built = Path(sys.argv[1]).resolve()
    weighed(built)
    for name in sys.argv[2:] or USES:
        tried(built, name)
