"""Files of named arrays, read in blocks (NumPy, safetensors, zarr, HDF5, Parquet); no labels, no heads."""
