"""Read the pixels of one tile as the network takes them, and put its scores back on the image.

``OrderedImage`` shows an image of any axes in the order C, T, Z, Y, X. Nothing is copied: a box
read here is a box read from NumPy, dask, Zarr or a file. ``Reader`` is NumPy alone, so that the
next tile is read in a thread while this one is computed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.axes import LETTERS, check_axes, guess_axes, spatial_axes
from napari_unet.core.arrays.boxes import Pixels, mirror_indices, pieces, read_mirrored
from napari_unet.core.network.legal_sizes import border
from napari_unet.core.normalisation import Contrast
from napari_unet.core.segmentation.tile_grid import TileGrid
from napari_unet.core.segmentation.tiling import Tile
from napari_unet.core.text import count

STRIP = 2**23  # pixels read at a time where the whole image has to be looked at
SEEN = {2: "YX", 3: "ZYX"}  # the axes a network of so many dimensions sees


def as_pixels(image: Pixels | ArrayLike) -> Pixels:
    """Return ``image`` as it is where it can be read box by box, otherwise as an array."""
    if isinstance(getattr(image, "dtype", None), np.dtype):
        return cast(Pixels, image)
    return np.asarray(image)


@dataclass(frozen=True, eq=False)
class OrderedImage:
    """An image, sliceable with one integer or slice for each of ``axes``."""

    image: Pixels  # one that takes integers beside slices
    given: str  # its axes as they lie
    dims: int  # axes the network sees, the last ones

    @classmethod
    def of(
        cls, image: Pixels | ArrayLike, axes: str | None, channels: int, dims: int
    ) -> "OrderedImage":
        """Check ``image`` against what a network takes; axes not given are guessed."""
        image = as_pixels(image)
        shape = tuple(image.shape)
        if 0 in shape:
            raise ValueError(f"the image of shape {shape} has an axis of 0 pixels: nothing to see")
        if np.dtype(image.dtype).kind not in "buif":
            raise TypeError(f"an image of {image.dtype} cannot be segmented: give numbers")
        labels = len(shape) - 1 if channels > 1 and len(shape) > dims else None
        checked = check_axes(axes, shape) if axes else guess_axes(shape, dims, labels)
        view = cls(image, checked, dims)
        view._check(channels, guessed=not axes)
        return view

    @property
    def axes(self) -> str:
        """The axes in canonical order, channels first where there are any."""
        return "C" * ("C" in self.given) + "".join(a for a in LETTERS[:-1] if a in self.given)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each of ``axes``."""
        lengths = dict(zip(self.given, self.image.shape, strict=True))
        return tuple(int(lengths[letter]) for letter in self.axes)

    @property
    def dtype(self) -> np.dtype:
        """The type of the pixels."""
        return self.image.dtype

    @property
    def places(self) -> tuple[int, ...]:
        """The shape without channels: that of the labels."""
        return self.shape["C" in self.given :]

    @property
    def order(self) -> tuple[int, ...]:
        """Which of the canonical axes of ``places`` each axis of the labels is, as they lie."""
        canonical = spatial_axes(self.axes)
        return tuple(canonical.index(letter) for letter in spatial_axes(self.given))

    def __getitem__(self, key: Sequence[int | slice]) -> np.ndarray:
        part = dict(zip(self.axes, key, strict=True))
        box: tuple[Any, ...] = tuple(part[letter] for letter in self.given)
        pixels = np.asarray(self.image[box])
        left = [letter for letter in self.given if isinstance(part[letter], slice)]
        return pixels.transpose([left.index(letter) for letter in self.axes if letter in left])

    def read(self, places: Sequence[slice]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return pixels (C, *places), mirrored outside the image, and their folded indices."""
        channel = [slice(0, self.shape[0])] if "C" in self.given else []
        pixels = read_mirrored(self, (*channel, *places))
        indices = tuple(
            mirror_indices(place.start, place.stop, length)
            for place, length in zip(places, self.places, strict=True)
        )
        return (pixels if channel else pixels[None]), indices

    def check_finite(self) -> None:
        """Refuse an image with NaN or infinity, and say how many there are."""
        if np.dtype(self.image.dtype).kind != "f":
            return
        wrong = sum(part.size - int(np.isfinite(part).sum()) for part in self._strips())
        if wrong:
            share = wrong / np.prod(self.shape, dtype=float)
            raise ValueError(
                f"{wrong} values of the image ({share:.2g} of all) are NaN or infinite: "
                "fill them, for example with numpy.nan_to_num, before it is segmented"
            )

    def _strips(self) -> Iterator[np.ndarray]:
        for box in pieces(self.shape, STRIP):
            yield self[box]

    def _check(self, channels: int, guessed: bool) -> None:
        has = self.shape[0] if "C" in self.given else 1
        remedy = "name the axes with axes=" if guessed else "choose the channels it was trained on"
        if has != channels:
            raise ValueError(
                f"the image of shape {tuple(self.image.shape)} (axes {self.given}) has "
                f"{count(has, 'channel')} and the network takes {channels}: {remedy}"
            )
        if not set(SEEN[self.dims]) <= set(self.given):
            raise ValueError(
                f"the network sees volumes ({SEEN[self.dims]}) and the image of shape "
                f"{tuple(self.image.shape)} has axes {self.given}: {remedy}"
            )


@dataclass(frozen=True)
class Reader:
    """Reads tiles of one image and puts scores back on its grid."""

    image: OrderedImage
    contrast: Contrast
    grid: TileGrid

    def read(self, tile: Tile) -> np.ndarray:
        """Return the pixels (C, *input) of ``tile``: mirrored, normalised, resampled, float32."""
        leading, folded, places = self.grid.leading, [], list(tile.read)
        for axis, scale in enumerate(self.grid.scales, start=leading):
            place = places[axis]
            index = mirror_indices(place.start, place.stop, scale.network)
            folded.append(index)
            if scale.image != scale.network:
                made = scale.to_network(np.arange(index.min(), index.max() + 1))
                places[axis] = slice(int(made.first.min()), int(made.last.max()) + 1)
        pixels, indices = self.image.read(places)
        values = self.contrast.apply(pixels, indices)
        values = values.reshape(len(values), *values.shape[1 + leading :])
        for axis, (scale, index) in enumerate(zip(self.grid.scales, folded, strict=True)):
            if scale.image != scale.network:
                first = int(index.min())
                made = scale.to_network(np.arange(first, index.max() + 1))
                values = made.of(values, axis + 1, places[leading + axis].start)
                values = np.take(values, index - first, axis + 1)
        return values

    def put_back(self, tile: Tile, scores: np.ndarray) -> np.ndarray:
        """Return ``scores`` (K, *output) of ``tile`` as (K, *written): cut, or resampled."""
        leading, context = self.grid.leading, border(self.grid.depth)
        for axis, scale in enumerate(self.grid.scales):
            read, write = tile.read[leading + axis], tile.write[leading + axis]
            if scale.image == scale.network:
                index: list[slice] = [slice(None)] * scores.ndim
                index[axis + 1] = slice(0, write.stop - write.start)
                scores = scores[tuple(index)]
            else:
                made = scale.to_image(np.arange(write.start, write.stop))
                scores = made.of(scores, axis + 1, read.start + context)
        return scores.reshape(len(scores), *tile.shape)


Item = TypeVar("Item")
Made = TypeVar("Made")


def prefetch(work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Yield each item with ``work`` of it, done in one thread that stays one item ahead.

    A caller that stops early waits for the read in progress, and no thread is left behind.
    """
    with ThreadPoolExecutor(1, "napari-unet reader") as reader:
        waiting = None
        for item in chain(items, [None]):
            after = None if item is None else (item, reader.submit(work, item))
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = after
