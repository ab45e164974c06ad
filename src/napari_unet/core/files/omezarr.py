"""OME-Zarr 0.5: labels with all their levels, and scores as an image, however large.

A level is half of the one before along Y and X. Labels take every second pixel, which keeps each
pixel a label that exists; scores take the mean of four.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_unet.core.axes import check_axes
from napari_unet.core.files.safefile import new_folder
from napari_unet.core.sweep import sweep

VERSION = "0.5"
CHUNK = 512  # pixels along Y and X
SMALLEST = 1024  # pixels; where the image has no levels, the coarsest level is no larger
KINDS = {"T": "time", "C": "channel"}


def write_ome_zarr(
    path: Path,
    image: Any,
    *,
    axes: str,
    pixel_size: Mapping[str, float] | None = None,
    levels: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write ``image`` (array or lazily sliceable) as OME-Zarr; whole numbers are labels."""
    with new_folder(path, overwrite=overwrite) as folder:
        group = zarr.create_group(folder, zarr_format=3)
        level = add_level(group, image.shape, image.dtype, axes)
        for box in sweep(level.shape, level.chunks):
            level[box] = np.asarray(image[box])
        complete(group, pixel_size or {}, levels, path.stem)


def add_level(
    group: zarr.Group,
    shape: Sequence[int],
    dtype: np.dtype,
    axes: str,
    chunks: Sequence[int] | None = None,
) -> zarr.Array:
    """Add the next level to ``group``, empty; chunks never reach beyond one plane."""
    number = len(list(group.array_keys()))
    if chunks is None:
        chunks = (*(1,) * (len(shape) - 2), CHUNK, CHUNK)
    return group.create_array(
        str(number),
        shape=tuple(shape),
        chunks=tuple(min(n, size) for n, size in zip(chunks, shape, strict=True)),
        dtype=dtype,
        dimension_names=list(axes.lower()),
    )


def complete(
    group: zarr.Group, pixel_size: Mapping[str, float], levels: int | None, name: str
) -> None:
    """Add the coarser levels to a group that has its first, then say what they are."""
    for left in [key for key in group.array_keys() if key != "0"]:
        del group[left]  # of an attempt that was cut short
    finest = group["0"]
    axes = check_axes("".join(finest.metadata.dimension_names), finest.shape)
    wanted = levels or enough_levels(finest.shape)
    while (done := len(list(group.array_keys()))) < wanted:
        finer = group[str(done - 1)]
        shape = (*finer.shape[:-2], *(-(-size // 2) for size in finer.shape[-2:]))
        coarser = add_level(group, shape, finer.dtype, axes, finer.chunks)
        for box in sweep(coarser.shape, coarser.chunks):
            coarser[box] = _halved(finer, box)
    group.attrs["ome"] = _description(group, axes, pixel_size, name)


def enough_levels(shape: Sequence[int]) -> int:
    """Return how many levels it takes until the last is small enough to be drawn whole."""
    levels, size = 1, max(shape[-2:])
    while size > SMALLEST:
        levels, size = levels + 1, -(-size // 2)
    return levels


def _halved(finer: zarr.Array, box: tuple[slice, ...]) -> np.ndarray:
    rows, columns = (slice(2 * part.start, 2 * part.stop) for part in box[-2:])
    pixels = np.asarray(finer[(*box[:-2], rows, columns)])
    if pixels.dtype.kind != "f":
        return pixels[..., ::2, ::2]
    even = np.pad(
        pixels,
        [(0, 0)] * (pixels.ndim - 2) + [(0, size % 2) for size in pixels.shape[-2:]],
        mode="edge",
    )
    pairs = even.reshape(*even.shape[:-2], even.shape[-2] // 2, 2, even.shape[-1] // 2, 2)
    return pairs.mean(axis=(-3, -1), dtype=np.float32)


def _description(
    group: zarr.Group, axes: str, pixel_size: Mapping[str, float], name: str
) -> dict[str, Any]:
    labels = group["0"].dtype.kind != "f"
    numbers = sorted(group.array_keys(), key=int)
    described: dict[str, Any] = {
        "version": VERSION,
        "multiscales": [
            {
                "name": name,
                "axes": [_axis(letter, pixel_size) for letter in axes],
                "datasets": [_dataset(n, axes, pixel_size, labels) for n in numbers],
            }
        ],
    }
    if labels:
        described["image-label"] = {"version": VERSION}
    return described


def _axis(letter: str, pixel_size: Mapping[str, float]) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": KINDS.get(letter, "space")}
    return axis | ({"unit": "micrometer"} if letter in pixel_size else {})


def _dataset(
    number: str, axes: str, pixel_size: Mapping[str, float], labels: bool
) -> dict[str, Any]:
    """Place a level: a mean of pixels lies between them, a picked pixel where it was."""
    factor = [2 ** int(number) if letter in "YX" else 1 for letter in axes]
    size = [float(pixel_size.get(letter, 1.0)) for letter in axes]
    steps: list[dict[str, Any]] = [
        {"type": "scale", "scale": [s * f for s, f in zip(size, factor, strict=True)]}
    ]
    if not labels and number != "0":
        between = [s * (f - 1) / 2 for s, f in zip(size, factor, strict=True)]
        steps.append({"type": "translation", "translation": between})
    return {"path": number, "coordinateTransformations": steps}
