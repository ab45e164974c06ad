"""Write labels and scores to one file: OME-TIFF with the pixel size, PNG, or OME-Zarr.

Arrays larger than memory are written one row of tiles at a time into a tiled BigTIFF.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from napari_unet.core.arrays.axes import check_axes
from napari_unet.core.arrays.boxes import Pixels, split, whole
from napari_unet.core.files.atomic_write import check_free, new_file

LARGE = 2**28  # bytes; more is written in tiles, which lets a viewer open a part
TILE = 512  # pixels
CLASSIC = 2**32 - 2**25  # bytes that a TIFF without 64-bit offsets holds, with room for the rest


def write_labels(
    path: Path | str,
    labels: Pixels,
    *,
    axes: str,
    pixel_size: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> None:
    """Write whole-numbered ``labels`` (array or lazily sliceable) to ``path``.

    ``path`` ends in .tif (OME-TIFF, zlib), .png (one plane of at most 65 535 labels) or .zarr
    (OME-Zarr labels 0.5). ``pixel_size`` holds micrometres a pixel by axis.
    """
    path = Path(path)
    axes = check_axes(axes, labels.shape)
    if "C" in axes or np.dtype(labels.dtype).kind not in "bui":
        raise TypeError(
            f"labels are whole numbers without channels, not {labels.dtype} with axes {axes}"
        )
    check_free(path, overwrite)
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        write_tiff(path, compact(labels), axes=axes, pixel_size=pixel_size, overwrite=overwrite)
    elif suffix == ".png":
        _write_png(path, np.asarray(compact(labels)), overwrite)
    elif suffix == ".zarr":
        from napari_unet.core.files.ome_zarr import write_ome_zarr

        write_ome_zarr(path, compact(labels), axes=axes, pixel_size=pixel_size, overwrite=overwrite)
    else:
        raise ValueError(f"{path} has no suffix for labels: use .tif, .png or .zarr")


def compact(labels: Pixels) -> Pixels:
    """Return labels in the smallest unsigned type of 8, 16 or 32 bits that other programs read.

    Lazily sliceable labels keep their type: to look for the largest would be to read them all.
    """
    if not isinstance(labels, np.ndarray) or labels.dtype in (np.uint8, np.uint16):
        return labels
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if low < 0 or high > 2**32 - 1:
        raise ValueError(f"labels go from {low} to {high}: a file takes 0 to {2**32 - 1}")
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    return labels.astype(np.uint16 if high < 2**16 else np.uint32)


def write_tiff(
    path: Path,
    image: Pixels,
    *,
    axes: str,
    pixel_size: Mapping[str, float] | None = None,
    dtype: np.dtype | None = None,
    overwrite: bool = False,
) -> None:
    """Write ``image`` (array or lazily sliceable) as OME-TIFF, compressed without loss.

    ``dtype``: what the numbers are written as, where that is not what they are kept as.
    """
    import tifffile

    dtype = np.dtype(dtype or image.dtype)
    size = int(np.prod(image.shape, dtype=object)) * dtype.itemsize
    options: dict[str, Any] = {
        "metadata": _ome(axes, pixel_size or {}),
        "compression": "zlib",
        "photometric": "minisblack",
        **_resolution(pixel_size or {}),
    }
    if dtype.kind == "f":
        options["predictor"] = 3
    large = size > LARGE
    if large:
        options |= {"tile": (TILE, TILE), "shape": image.shape, "dtype": dtype}
    whole = tuple(slice(0, length) for length in image.shape)
    data = _tiles(image, dtype) if large else np.asarray(image[whole]).astype(dtype, copy=False)
    with (
        new_file(path, overwrite=overwrite) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=size > CLASSIC, ome=True) as writer,
    ):
        writer.write(data, **options)


def _tiles(image: Pixels, dtype: np.dtype) -> Iterator[np.ndarray]:
    """Yield the tiles of every plane, row by row, those at the edge filled up with zeros."""
    width = image.shape[-1]
    across = -(-width // TILE) * TILE
    for box in split(whole(image.shape), (*(1 for _ in image.shape[:-2]), TILE, width)):
        rows = np.zeros((TILE, across), dtype)
        part = np.asarray(image[box])
        rows[: part.shape[-2], :width] = part.reshape(part.shape[-2:])
        for left in range(0, across, TILE):
            yield rows[:, left : left + TILE]


def _ome(axes: str, pixel_size: Mapping[str, float]) -> dict[str, Any]:
    # a random UUID: one made of the time and the network card would name the machine
    metadata: dict[str, Any] = {"axes": axes, "UUID": str(uuid4())}
    for axis in [axis for axis in "ZYX" if axis in pixel_size]:
        metadata[f"PhysicalSize{axis}"] = float(pixel_size[axis])
        metadata[f"PhysicalSize{axis}Unit"] = "µm"
    return metadata


def _resolution(pixel_size: Mapping[str, float]) -> dict[str, Any]:
    """Return the tags that say pixels a centimetre, for programs that do not read OME."""
    if not {"Y", "X"} <= set(pixel_size):
        return {}
    return {
        "resolution": (1e4 / pixel_size["X"], 1e4 / pixel_size["Y"]),
        "resolutionunit": "CENTIMETER",
    }


def _write_png(path: Path, labels: np.ndarray, overwrite: bool) -> None:
    if labels.ndim != 2 or labels.dtype.itemsize > 2:
        raise ValueError(
            f"{path} cannot hold labels of shape {labels.shape} up to {labels.max()}: "
            "a PNG takes one plane of labels up to 65535; use .tif"
        )
    from imagecodecs import png_encode

    with new_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(png_encode(np.ascontiguousarray(labels)))
