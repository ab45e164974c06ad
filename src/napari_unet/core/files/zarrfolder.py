"""What a folder is told to be a Zarr store by: names alone, without Zarr itself."""

from pathlib import Path

MARKS = ("zarr.json", ".zarray", ".zgroup")  # files of which a store has one


def is_zarr(path: Path) -> bool:
    """Tell whether the folder ``path`` is a Zarr array or group."""
    return any((path / mark).exists() for mark in MARKS)
