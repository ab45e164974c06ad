"""Numerics: numpy, scipy, scikit-image, numba; torch where needed. No Qt, no napari, no dask."""
