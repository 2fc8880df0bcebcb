"""The same features in every format: one writer a format, each taking a folder and arrays and giving the path."""

import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from safetensors.numpy import save_file

# Class names are told apart from arrays by their key.
NAMES = "classes"


def arrays(samples=300, dimension=5, classes=4, seed=0, dtype=np.float32):
    """Features and labels without structure."""
    rng = np.random.default_rng(seed)
    return {
        "H": rng.normal(size=(samples, dimension)).astype(dtype),
        "y": rng.integers(0, classes, samples),
    }


def head_arrays(dimension=5, classes=4, seed=1):
    """A head for these features, with class names."""
    rng = np.random.default_rng(seed)
    return {
        "W": rng.normal(size=(classes, dimension)).astype(np.float32),
        "b": rng.normal(size=classes).astype(np.float32),
        NAMES: np.array([f"class {k}" for k in range(classes)]),
    }


def write_npz(folder, content, stem="features"):
    path = folder / f"{stem}.npz"
    np.savez(path, **content)
    return path


def write_compressed(folder, content, stem="features"):
    path = folder / f"{stem}.npz"
    np.savez_compressed(path, **content)
    return path


def write_safetensors(folder, content, stem="features"):
    path = folder / f"{stem}.safetensors"
    note = {NAMES: json.dumps(content[NAMES].tolist())} if NAMES in content else None
    save_file({key: np.ascontiguousarray(array) for key, array in content.items() if key != NAMES}, path, note)
    return path


def write_tensors(path, **tensors):
    """A .safetensors file byte by byte, for the types that NumPy lacks: name=(type, shape, bytes)."""
    header, body = {}, b""
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def write_npy(folder, content, stem="features"):
    for key, array in content.items():
        np.save(folder / f"{stem}_{key}.npy", array)
    return folder / f"{stem}_{next(iter(content))}.npy"


def write_parquet(folder, content, stem="features", fixed=True):
    path = folder / f"{stem}.parquet"
    samples = len(next(iter(content.values())))
    columns = {key: _column(array, fixed) for key, array in content.items() if len(array) == samples}
    pq.write_table(pa.table({"id": pa.array(range(samples)), **columns}), path, row_group_size=70)
    return path


def _column(array, fixed):
    flat = pa.array(array.ravel())
    if array.ndim == 1:
        return flat
    if fixed:
        return pa.FixedSizeListArray.from_arrays(flat, array.shape[1])
    return pa.ListArray.from_arrays(pa.array(np.arange(len(array) + 1, dtype=np.int32) * array.shape[1]), flat)


def write_parquet_lists(folder, content, stem="features"):
    return write_parquet(folder, content, stem, fixed=False)


def write_zarr(folder, content, stem="features"):
    path = folder / f"{stem}.zarr"
    group = zarr.open_group(path, mode="w")
    for key, array in content.items():
        if key == NAMES:
            group.attrs[NAMES] = array.tolist()
        else:
            group.create_array(key, data=array, chunks=(min(50, max(1, len(array))), *array.shape[1:]))
    return path


def write_hdf5(folder, content, stem="features"):
    path = folder / f"{stem}.h5"
    with h5py.File(path, "w") as file:
        for key, array in content.items():
            file[key] = array.tolist() if key == NAMES else array
    return path


def write_chunked_hdf5(folder, content, stem="features"):
    path = folder / f"{stem}.hdf5"
    with h5py.File(path, "w") as file:
        for key, array in content.items():
            if key == NAMES:
                file.attrs[NAMES] = array.tolist()
            elif not len(array):
                file[key] = array
            else:
                chunks = (min(30, len(array)), *array.shape[1:])
                file.create_dataset(key, data=array, chunks=chunks, compression="gzip", shuffle=True)
    return path


WRITERS = {
    "npz": write_npz,
    "npz-compressed": write_compressed,
    "safetensors": write_safetensors,
    "npy": write_npy,
    "parquet": write_parquet,
    "parquet-lists": write_parquet_lists,
    "zarr": write_zarr,
    "hdf5": write_hdf5,
    "hdf5-chunked": write_chunked_hdf5,
}
# Formats that have a place for a head and class names.
WITH_HEAD = [name for name in WRITERS if not name.startswith("parquet")]
