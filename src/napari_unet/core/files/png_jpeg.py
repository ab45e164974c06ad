"""PNG and JPEG: decoded whole, after their header has said how much memory that takes."""

import struct
from pathlib import Path

import numpy as np

from napari_unet.core.files.lazy_array import check_memory

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
