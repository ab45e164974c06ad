"""TIFF, OME-TIFF and ImageJ TIFF: axes and pixel size from the metadata, pixels read lazily.

Uncompressed pixels are read where they lie; compressed ones strip by strip or tile by tile, the
last few kept decoded. What the file declares is compared with what it holds before memory is taken.
Pixel sizes are in micrometres, per axis, and left out where the file does not say them.
"""

import logging
import math
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, get_ident
from typing import BinaryIO, NamedTuple
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_unet.core import text
from napari_unet.core.files.lazy_array import LazyPixels, RawPixels, check_memory, flat_index

MICROMETRES = {
    "m": 1e6, "meter": 1e6, "metre": 1e6, "cm": 1e4, "centimeter": 1e4, "mm": 1e3,
    "millimeter": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "å": 1e-4, "angstrom": 1e-4, "pm": 1e-6, "inch": 25400.0, "in": 25400.0,
}  # fmt: skip
CENTIMETRE = 3  # value of the tag ResolutionUnit; inches are a printing size and say nothing


def pixel_size(file: tifffile.TiffFile) -> dict[str, float]:
    """Return micrometres a pixel, per axis letter, of an open ``tifffile.TiffFile``."""
    if file.ome_metadata:
        sizes = _from_ome(file.ome_metadata)
    elif file.imagej_metadata:
        sizes = _from_imagej(file)
    else:
        sizes = _from_tags(file.pages[0], 1e4, needs_unit=True)
    return {axis: size for axis, size in sizes.items() if 0 < size < math.inf}


def _from_ome(xml: str) -> dict[str, float]:
    try:
        elements = list(ElementTree.fromstring(xml).iter())
    except ElementTree.ParseError:
        return {}
    pixels = next((e for e in elements if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return {}
    sizes = {}
    for axis in "ZYX":
        size = pixels.get(f"PhysicalSize{axis}")
        factor = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if size and factor:
            sizes[axis] = float(size) * factor
    return sizes


def _from_imagej(file: tifffile.TiffFile) -> dict[str, float]:
    metadata = file.imagej_metadata
    factor = micrometres(str(metadata.get("unit", "")))
    if factor is None:
        return {}
    sizes = _from_tags(file.pages[0], factor, needs_unit=False)
    if "spacing" in metadata:
        sizes["Z"] = float(metadata["spacing"]) * factor
    return sizes


def _from_tags(page: tifffile.TiffPage, factor: float, *, needs_unit: bool) -> dict[str, float]:
    """Read the resolution tags; ``factor``: micrometres of the unit they count pixels in."""
    unit = page.tags.get("ResolutionUnit")
    if needs_unit and (unit is None or int(unit.value) != CENTIMETRE):
        return {}
    sizes = {}
    for axis in "YX":
        tag = page.tags.get(f"{axis}Resolution")
        if tag is not None and all(tag.value):
            sizes[axis] = tag.value[1] / tag.value[0] * factor
    return sizes


def micrometres(unit: str) -> float | None:
    """Return how many micrometres ``unit`` is, None where it is no known unit of length."""
    plain = re.sub(r"\\u00[bB]5", "µ", unit.strip())
    return MICROMETRES.get(plain.lower())


KEPT = 256 * 2**20  # bytes of decoded strips or tiles kept for the neighbouring reads


class SegmentGrid(NamedTuple):
    """How a page is cut into strips or tiles: planes of separate samples, rows, columns."""

    samples: int
    height: int
    width: int
    channels: int
    rows: int  # pixels of a strip or tile along Y
    columns: int  # along X

    @property
    def down(self) -> int:
        return -(-self.height // self.rows)

    @property
    def across(self) -> int:
        return -(-self.width // self.columns)


class SegmentPixels(LazyPixels):
    """Pixels in compressed strips or tiles, decoded as they are touched."""

    def __init__(self, path: Path, series: tifffile.TiffPageSeries, dtype: np.dtype) -> None:
        super().__init__(path, series.shape, dtype)
        frame = series.keyframe
        self._decode = frame.decode
        self._tables = frame.jpegtables
        self._grid = _grid(frame)
        self._where = [(page.dataoffsets, page.databytecounts) for page in series.pages]
        self._empty = frame.nodata
        self._kept: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._bytes = 0  # of what is kept
        self._lock = Lock()
        self._check()

    def _check(self) -> None:
        """Refuse a file whose list of segments does not fit its shape or its length."""
        grid, held = self._grid, self.path.stat().st_size
        expected = grid.samples * grid.down * grid.across
        for offsets, counts in self._where:
            if len(offsets) != expected or len(counts) != expected:
                raise OSError(
                    f"{self.path} is damaged: a page declares {expected} strips or tiles and "
                    f"lists {len(offsets)}; get a whole copy of it"
                )
            last = max((a + n for a, n in zip(offsets, counts, strict=True)), default=0)
            if last > held:
                raise OSError(
                    f"{self.path} is cut short: its pixels end at byte {text.number(last)} and "
                    f"the file at {text.number(held)}; get a whole copy of it"
                )
        check_memory(
            self.path, grid.rows * grid.columns * grid.channels * self.dtype.itemsize, "one strip"
        )

    def _read(self, starts: tuple[int, ...], stops: tuple[int, ...]) -> np.ndarray:
        lead = self.ndim - 2 - (self._grid.channels > 1)
        out = np.empty([b - a for a, b in zip(starts, stops, strict=True)], self.dtype)
        box = [slice(a, b) for a, b in zip(starts[lead:], stops[lead:], strict=True)]
        with self._lock, self.path.open("rb") as file:
            for at in np.ndindex(out.shape[:lead]):
                plane = flat_index(self.shape[:lead], starts, at)
                for segment, rows, columns in self._touched(box[0], box[1]):
                    pixels = self._segment(file, *self._number(plane, segment))
                    self._copy(out[at], box, pixels, rows, columns)
        return out

    def _touched(self, y: slice, x: slice) -> Iterator[tuple[int, int, int]]:
        """Yield number in the plane, first row and first column of each segment touched."""
        grid = self._grid
        for row in range(y.start // grid.rows, -(-y.stop // grid.rows)):
            for column in range(x.start // grid.columns, -(-x.stop // grid.columns)):
                yield row * grid.across + column, row * grid.rows, column * grid.columns

    def _number(self, plane: int, segment: int) -> tuple[int, int]:
        """Return the page, and the number of the segment in that page."""
        page, sample = divmod(plane, self._grid.samples)
        return page, sample * self._grid.down * self._grid.across + segment

    def _copy(
        self, out: np.ndarray, box: Sequence[slice], pixels: np.ndarray, row: int, column: int
    ) -> None:
        """Copy what ``pixels``, first at ``row``, ``column``, has of ``box`` into ``out``."""
        y = _overlap(box[0], row, pixels.shape[0])
        x = _overlap(box[1], column, pixels.shape[1])
        part = pixels[y.start - row : y.stop - row, x.start - column : x.stop - column]
        here = (
            slice(y.start - box[0].start, y.stop - box[0].start),
            slice(x.start - box[1].start, x.stop - box[1].start),
        )
        out[here] = part[..., box[2]] if len(box) == 3 else part[..., 0]

    def _segment(self, file: BinaryIO, page: int, number: int) -> np.ndarray:
        """Return the decoded segment, (rows, columns, channels)."""
        if (page, number) in self._kept:
            self._kept.move_to_end((page, number))
            return self._kept[page, number]
        offsets, counts = self._where[page]
        file.seek(offsets[number])
        data = file.read(counts[number]) if counts[number] else None
        if data is not None and len(data) < counts[number]:
            raise OSError(f"{self.path} ended while it was read: is it still being written?")
        pixels = self._decoded(data, number)
        self._keep((page, number), pixels)
        return pixels

    def _keep(self, key: tuple[int, int], pixels: np.ndarray) -> None:
        """Keep a segment for the neighbouring reads; those not used for longest go."""
        self._kept[key] = pixels
        self._bytes += pixels.nbytes
        while len(self._kept) > 1 and self._bytes > KEPT:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def _decoded(self, data: bytes | None, number: int) -> np.ndarray:
        try:
            pixels, _, shape = self._decode(data, number, jpegtables=self._tables)
        except Exception as error:  # each codec has errors of its own
            raise OSError(
                f"{self.path} is damaged: strip {number} does not decode ({error})"
            ) from None
        if pixels is None:
            return np.full(shape[1:], self._empty, self.dtype)
        return np.asarray(pixels).reshape(shape[1:]).astype(self.dtype, copy=False)


def _overlap(wanted: slice, start: int, size: int) -> slice:
    return slice(max(wanted.start, start), min(wanted.stop, start + size))


def _grid(frame: tifffile.TiffPage) -> SegmentGrid:
    samples, _, height, width, channels = frame.shaped
    rows = frame.tilelength if frame.is_tiled else min(frame.rowsperstrip, height)
    columns = frame.tilewidth if frame.is_tiled else width
    return SegmentGrid(samples, height, width, channels, rows, columns)


class TiffImage(NamedTuple):
    """What a TIFF holds: pixels, one letter an axis, micrometres a pixel where it says so."""

    data: LazyPixels | np.ndarray
    axes: str
    pixel_size: dict[str, float]


def open_tiff(path: Path) -> TiffImage:
    """Open the first image of the TIFF at ``path``; a broken file is an OSError that names it."""
    with _complaints() as complaints:
        try:
            with tifffile.TiffFile(path, _multifile=False) as file:
                image = _first_image(path, file)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # struct, index and decoding errors of a damaged header
            raise OSError(f"{path} cannot be read as TIFF: {error}") from None
    for sentence in complaints:
        if "invalid page offset" in sentence or "invalid value offset" in sentence:
            raise OSError(f"{path} is cut short: it points beyond its end; get a whole copy of it")
    return image


def _first_image(path: Path, file: tifffile.TiffFile) -> TiffImage:
    series = file.series[0]
    if 0 in series.shape:
        raise OSError(f"{path} holds no pixels: its shape is {series.shape}")
    return TiffImage(_pixels(path, file, series), series.axes, pixel_size(file))


def _pixels(
    path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> LazyPixels | np.ndarray:
    frame = series.keyframe
    dtype = np.dtype(file.byteorder + series.dtype.char)
    if series.dataoffset is not None:
        return RawPixels(path, series.shape, dtype, [series.dataoffset])
    if any(page is None for page in series.pages):
        raise OSError(f"{path} lacks planes that its description names; get a whole copy of it")
    if frame.is_contiguous and all(_in_one_run(page) for page in series.pages):
        return RawPixels(path, series.shape, dtype, [page.dataoffsets[0] for page in series.pages])
    samples, depth, height, width, channels = frame.shaped
    tail = (height, width, channels) if channels > 1 else (height, width)
    lead = series.shape[: -len(tail)]
    plain = depth == 1 and series.shape[-len(tail) :] == tail
    if plain and math.prod(lead) == len(series.pages) * samples:
        return SegmentPixels(path, series, dtype)
    check_memory(path, math.prod(series.shape) * dtype.itemsize, "an image")
    return np.asarray(series.asarray())


def _in_one_run(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    ends = [a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    return list(page.dataoffsets[1:]) == ends[:-1]


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs in this thread: it reads on where a file is cut short."""
    messages: list[str] = []
    thread = get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                messages.append(record.getMessage())

    logger, collector = logging.getLogger("tifffile"), Collector(logging.WARNING)
    logger.addHandler(collector)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)
