"""Open an image file: axes, pixel size, and the pixels when they are asked for.

TIFF (OME, ImageJ, tiled, BigTIFF), PNG, JPEG, .npy, Zarr and OME-Zarr. Nothing is unpickled or
memory-mapped, and a file that declares more than it holds is refused before memory is taken. PNG
and JPEG are decoded whole, after their header has been compared with the free memory. The headers
are read here: ``PIL.Image.open`` refuses images of more than 179 million pixels, and it does not
say whether a colour PNG has 8 or 16 bits.
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_unet.core.arrays.axes import check_axes, guess_axes, spatial_axes
from napari_unet.core.files.lazy_array import LazyPixels, RawPixels, check_memory, is_zarr

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # colour type to channels; a palette becomes RGB
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that give height and width


def open_picture(path: Path) -> np.ndarray:
    """Read the PNG or JPEG at ``path``; an alpha channel that is opaque all over is left out."""
    data = path.read_bytes()
    if data.startswith(PNG_SIGNATURE):
        pixels = _png(path, data)
    elif data.startswith(JPEG_START):
        pixels = _jpeg(path, data)
    else:
        raise OSError(
            f"{path} is neither PNG nor JPEG inside: its name is misleading or it is damaged"
        )
    return _without_opaque_alpha(pixels)


def _png(path: Path, data: bytes) -> np.ndarray:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise OSError(f"{path} is damaged: it ends within the header of a PNG")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    samples = PNG_SAMPLES.get(colour, 4)
    check_memory(path, width * height * samples * (2 if bits == 16 else 1), "an image")
    from imagecodecs import PngError, png_decode

    try:
        return png_decode(data)
    except (PngError, ValueError, MemoryError) as error:
        raise OSError(f"{path} is a damaged PNG ({error}): get a whole copy of it") from None


def _jpeg(path: Path, data: bytes) -> np.ndarray:
    height, width, samples = _jpeg_shape(path, data)
    check_memory(path, width * height * samples, "an image")
    if data.rfind(JPEG_END) < data.rfind(JPEG_SCAN):
        raise OSError(f"{path} is cut short: its JPEG has no end; get a whole copy of it")
    from imagecodecs import JpegError, jpeg_decode

    try:
        return jpeg_decode(data)
    except (JpegError, ValueError, RuntimeError, MemoryError) as error:
        raise OSError(f"{path} is a damaged JPEG ({error}): get a whole copy of it") from None


def _jpeg_shape(path: Path, data: bytes) -> tuple[int, int, int]:
    """Walk from marker to marker until the one that gives height, width and samples."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if marker in JPEG_FRAMES:
            height, width, samples = struct.unpack(">HHB", data[at + 5 : at + 10])
            return height, width, samples
        at += 2 + length
    raise OSError(f"{path} is a damaged JPEG: its header does not say how large it is")


def _without_opaque_alpha(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 3 or pixels.shape[-1] not in (2, 4):
        return pixels
    if pixels[..., -1].min() < np.iinfo(pixels.dtype).max:
        return pixels
    colours = pixels[..., :-1]
    return colours[..., 0] if colours.shape[-1] == 1 else colours


TIFF = (".tif", ".tiff", ".btf", ".tf8", ".lsm")
PICTURE = (".png", ".jpg", ".jpeg")
SUFFIXES = (*TIFF, *PICTURE, ".npy", ".zarr")


@dataclass(frozen=True)
class ImageFile:
    """An image on disk.

    ``data`` has ``shape`` and ``dtype`` and is read where it is indexed with integers and slices;
    ``axes`` names its axes in letters of "TZYXC"; ``pixel_size`` holds micrometres a pixel for
    the axes of which the file tells it.
    """

    path: Path
    data: Any
    axes: str
    pixel_size: MappingProxyType[str, float]

    def in_order(self) -> "ImageFile":
        """Return the image with its axes but channels in the order TZYX, as files keep them."""
        order = "".join(letter for letter in "TZYXC" if letter in self.axes)
        if order[: len(order) - ("C" in order)] == spatial_axes(self.axes):
            return self
        data = np.asarray(self.data).transpose([self.axes.index(letter) for letter in order])
        return replace(self, data=data, axes=order)


def is_image(path: Path) -> bool:
    """Tell from names alone whether ``path`` is a file or store that ``open_image`` can read."""
    return path.suffix.lower() in SUFFIXES or is_zarr(path)


def open_image(path: Path | str, axes: str | None = None) -> ImageFile:
    """Open the image at ``path``; ``axes`` overrides what the file says of its axes."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    data, letters, pixel_size = _open(path)
    if 0 in data.shape:
        raise ValueError(f"{path} holds no pixels: its shape is {tuple(data.shape)}")
    try:
        checked = check_axes(axes or _letters(letters, data.shape), data.shape)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return ImageFile(path, data, checked, MappingProxyType(dict(pixel_size)))


def _open(path: Path) -> tuple[Any, str, dict[str, float]]:
    """Return the pixels, the axes as the file names them ("" where it does not), the pixel size."""
    suffix = path.suffix.lower()
    if path.is_file() and suffix in SUFFIXES and not path.stat().st_size:
        raise OSError(f"{path} is empty, a file of 0 bytes: get a whole copy of it")
    if path.is_dir():
        from napari_unet.core.files.ome_zarr import open_zarr

        return open_zarr(path)
    if suffix in TIFF:
        from napari_unet.core.files.tiff import open_tiff

        return open_tiff(path)
    if suffix in PICTURE:
        return open_picture(path), "", {}
    if suffix == ".npy":
        return _open_npy(path), "", {}
    raise ValueError(f"{path} has no suffix that is read: use one of {', '.join(SUFFIXES)}")


def _letters(axes: str, shape: tuple[int, ...]) -> str:
    """Turn the letters a file uses into ours; axes it does not name are guessed by their number.

    A TIFF calls samples S, and calls I, Q or R an axis of which it only knows that it is there.
    """
    axes = axes.upper() if "C" in axes.upper() else axes.upper().replace("S", "C")
    if not {"Y", "X"} <= set(axes):
        return guess_axes(shape)
    free = [letter for letter in "TZ" if letter not in axes]
    for place in reversed(range(len(axes))):
        if axes[place] not in "TZYXCS" and free:
            axes = axes[:place] + free.pop() + axes[place + 1 :]
    return axes


def _open_npy(path: Path) -> LazyPixels | np.ndarray:
    """Open an array saved by numpy; one that would have to be unpickled is refused."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read[min(version[0], 2)](file)
            offset = file.tell()
    except (ValueError, KeyError, EOFError) as error:
        raise OSError(f"{path} cannot be read as .npy: {error}") from None
    if dtype.hasobject:
        raise ValueError(f"{path} holds Python objects, which are never unpickled: save numbers")
    if fortran:
        flipped = RawPixels(path, shape[::-1], dtype, [offset])
        return np.asarray(flipped).T
    return RawPixels(path, shape, dtype, [offset])
