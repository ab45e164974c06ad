"""Normalisation: from the pixels of any microscope to the input of the network.

Percentiles of the *whole* image, channel by channel, become 0 and 1, so that a tile looks the same
wherever it was cut; the slowly varying background can be subtracted first. How to normalise is
stored with the network; the values measured belong to the image.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from napari_unet.core.arrays.axes import channels_first, check_axes, spatial_axes
from napari_unet.core.arrays.boxes import Pixels

STRIP = 2**23  # pixels read at a time, so that an image larger than memory can be measured
PIXELS = 2**20  # at least as many pixels settle the percentiles, spread evenly over the image
COARSE = 4  # background pixels per sd of its blur: the blur has nothing finer


@dataclass(frozen=True)
class Contrast:
    """What was measured on one image: the values that become 0 and 1, and its background."""

    low: np.ndarray  # (C,)
    high: np.ndarray  # (C,)
    background: np.ndarray | None = None  # (C, *leading, y, x) at a coarse grid
    step: float = 1.0  # pixels of the image per pixel of the background

    def apply(self, pixels: np.ndarray, indices: tuple[np.ndarray, ...]) -> np.ndarray:
        """Normalise ``pixels`` (C, *spatial) which lie at ``indices`` along each spatial axis."""
        normalised = pixels.astype(np.float32)
        if self.background is not None:
            normalised -= self._background_at(indices)
        column = (-1,) + (1,) * (pixels.ndim - 1)
        width = np.where(self.high > self.low, self.high - self.low, np.inf)  # constant -> 0
        normalised -= self.low.reshape(column).astype(np.float32)
        normalised *= (1.0 / width).reshape(column).astype(np.float32)
        return normalised

    def _background_at(self, indices: tuple[np.ndarray, ...]) -> np.ndarray:
        """Interpolate the coarse background linearly, one axis after the other."""
        assert self.background is not None
        *leading, rows, columns = indices
        values = self.background
        for axis, index in enumerate(leading, start=1):
            values = np.take(values, index, axis=axis)
        for axis, index in ((-2, rows), (-1, columns)):
            place = (np.asarray(index) + 0.5) / self.step - 0.5
            place = np.clip(place, 0, values.shape[axis] - 1)
            below = np.minimum(place.astype(int), max(values.shape[axis] - 2, 0))
            above = np.minimum(below + 1, values.shape[axis] - 1)
            share = (place - below).astype(np.float32)
            share = share if axis == -1 else share[:, None]
            lower, upper = np.take(values, below, axis), np.take(values, above, axis)
            values = lower * (1 - share) + upper * share
        return values


@dataclass(frozen=True)
class Normalisation:
    """How images are normalised; lengths in pixels of the network's input."""

    low: float = 1.0  # percentile that becomes 0
    high: float = 99.8  # percentile that becomes 1
    flatten: float = 0.0  # sd of the blur subtracted as background; 0: none

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> "Normalisation":
        """Return the normalisation stored in the ``about`` of a network."""
        return cls(**about.get("normalisation", {}))

    def to_dict(self) -> dict[str, float]:
        """Return what ``of`` reads."""
        return asdict(self)

    def measure(self, image: Pixels, axes: str) -> Contrast:
        """Measure ``image`` (any array that can be sliced) once, a strip at a time."""
        axes = check_axes(axes, image.shape)
        if 0 in image.shape:
            raise ValueError(f"the image of shape {tuple(image.shape)} has no pixels")
        factor = max(int(self.flatten / COARSE), 1)
        background = self._background(image, axes, factor) if self.flatten else None
        bare = Contrast(np.zeros(1), np.ones(1), background, factor)
        low, high = _percentiles(image, axes, bare, (self.low, self.high))
        return Contrast(low, high, background, factor)

    def _background(self, image: Pixels, axes: str, factor: int) -> np.ndarray:
        """Blur every plane at a coarse grid, on which the blur has an sd of about COARSE pixels."""
        shape = dict(zip(axes, image.shape, strict=True))
        leading = tuple(shape[letter] for letter in spatial_axes(axes)[:-2])
        coarse = tuple(-(-shape[letter] // factor) for letter in "YX")
        coarse_pixels = np.empty((shape.get("C", 1), *leading, *coarse), np.float32)
        for strip in _strips(image, axes, factor):
            rows = slice(strip.first // factor, -(-(strip.first + strip.pixels.shape[1]) // factor))
            place: tuple[Any, ...] = (slice(None), *strip.plane, rows)
            coarse_pixels[place] = _means(strip.pixels, factor)
        sd = (0.0,) * (coarse_pixels.ndim - 2) + (self.flatten / factor,) * 2
        from scipy.ndimage import gaussian_filter  # a dock that opens must not wait for it

        return gaussian_filter(coarse_pixels, sd, mode="mirror")


class _Strip(NamedTuple):
    """Some rows of one plane, all channels."""

    plane: tuple[int, ...]  # index along the leading axes
    first: int  # its first row
    pixels: np.ndarray  # (C, rows, X)

    def every(self, step: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return every ``step``-th pixel and its indices, as ``Contrast.apply`` takes them."""
        pixels = self.pixels[:, ::step, ::step]
        rows, columns = (np.arange(0, n, step) for n in self.pixels.shape[1:])
        shape = (len(pixels), *(1,) * len(self.plane), *pixels.shape[1:])
        plane = tuple(np.array([index]) for index in self.plane)
        return pixels.reshape(shape), (*plane, rows + self.first, columns)


def _strips(image: Pixels, axes: str, multiple: int = 1) -> Iterator[_Strip]:
    """Read ``image`` in strips whose first rows are multiples of ``multiple``."""
    shape = dict(zip(axes, image.shape, strict=True))
    leading = spatial_axes(axes)[:-2]
    width = shape["X"] * shape.get("C", 1)
    height = max(STRIP // width // multiple, 1) * multiple
    plane_axes = "".join(letter for letter in axes if letter not in leading)
    for plane in product(*(range(shape[letter]) for letter in leading)):
        at = dict(zip(leading, plane, strict=True))
        for first in range(0, shape["Y"], height):
            rows = slice(first, min(first + height, shape["Y"]))
            index: tuple[Any, ...] = tuple(
                at.get(a, rows if a == "Y" else slice(None)) for a in axes
            )
            pixels = np.asarray(image[index])
            yield _Strip(plane, first, _plane_first(pixels, plane_axes))


def _plane_first(pixels: np.ndarray, axes: str) -> np.ndarray:
    """Return (C, Y, X) whatever the order of the axes was."""
    plane = channels_first(pixels, axes)
    return plane if spatial_axes(axes) == "YX" else plane.swapaxes(1, 2)


def _means(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Average squares of ``factor`` pixels; those at the end may be cut."""
    means: np.ndarray = np.nan_to_num(pixels.astype(np.float32), posinf=0.0, neginf=0.0)
    for axis in (1, 2):
        starts = np.arange(0, means.shape[axis], factor)
        counts = np.diff(np.append(starts, means.shape[axis])).astype(np.float32)
        means = np.add.reduceat(means, starts, axis) / np.expand_dims(
            counts, -1 if axis == 1 else 0
        )
    return means


def _percentiles(
    image: Pixels, axes: str, bare: Contrast, at: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentiles of each channel over all planes, of the finite values alone."""
    pixels = np.prod([n for n, letter in zip(image.shape, axes, strict=True) if letter != "C"])
    step = max(int((pixels / PIXELS) ** 0.5), 1)
    kept = [bare.apply(*strip.every(step)) for strip in _strips(image, axes)]
    channels = (np.concatenate([k[c].ravel() for k in kept]) for c in range(len(kept[0])))
    low, high = np.transpose([_finite_percentiles(values, at) for values in channels])
    return low, high


def _finite_percentiles(values: np.ndarray, at: tuple[float, float]) -> np.ndarray:
    finite = np.isfinite(values)
    values = values if finite.all() else values[finite]
    return np.percentile(values, at, overwrite_input=True) if values.size else np.zeros(2)
