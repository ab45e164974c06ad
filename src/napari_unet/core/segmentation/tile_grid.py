"""Where the tiles of an image lie, in the image and in the pixels that the network works on.

Both are the same unless the network was trained at another pixel size. Then tiles overlap by the
few pixels that interpolation needs, so that each image pixel is still made by one tile alone. Both
grids span the same field, pixel centres lie at halves, and each new pixel is the mean of the old
ones under a triangle as wide as the larger of both pixels: linear interpolation where pixels become
smaller, low-pass and interpolation at once where they become larger.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from napari_unet.core.network.legal_sizes import border, input_size, output_size
from napari_unet.core.segmentation.tiling import Span, Tile, Tiling, arrange, planes

ALIKE = 0.01  # pixel sizes that differ by less are taken as equal: a network sees no difference
FARTHEST = 32.0  # a greater ratio is a wrong entry in the metadata of one of both


@dataclass(frozen=True)
class Taps:
    """How pixels of one axis are made from others: ``weight`` (n, k) of those at ``index``."""

    index: np.ndarray  # (n, k)
    weight: np.ndarray  # (n, k), rows sum to 1

    @property
    def first(self) -> np.ndarray:
        """The lowest index each pixel is made from."""
        return self.index[np.arange(len(self.index)), (self.weight > 0).argmax(1)]

    @property
    def last(self) -> np.ndarray:
        """The highest index each pixel is made from."""
        backwards = (self.weight > 0)[:, ::-1].argmax(1)
        return self.index[np.arange(len(self.index)), -1 - backwards]

    def of(self, pixels: np.ndarray, axis: int, start: int) -> np.ndarray:
        """Resample ``pixels`` along ``axis``, the first of which has the index ``start``."""
        column = [1] * pixels.ndim
        column[axis] = -1
        index = np.clip(self.index - start, 0, pixels.shape[axis] - 1)  # beyond: weight 0
        total = 0
        for at, weight in zip(index.T, self.weight.T, strict=True):
            total = total + np.take(pixels, at, axis) * weight.astype(pixels.dtype).reshape(column)
        return np.asarray(total)


def taps(places: np.ndarray, source: int, target: int) -> Taps:
    """Return how pixels ``places`` of ``target`` are made from ``source`` over the same field."""
    ratio = source / target
    reach = max(ratio, 1.0)
    centre = (np.asarray(places)[:, None] + 0.5) * ratio
    index = np.floor(centre - reach + 0.5).astype(int) + np.arange(2 * ceil(reach) + 1)
    weight = np.maximum(1 - np.abs(index + 0.5 - centre) / reach, 0.0)
    weight[(index < 0) | (index >= source)] = 0.0
    return Taps(index, weight / weight.sum(1, keepdims=True))


@dataclass(frozen=True)
class Scale:
    """The length of one axis in pixels of the image and in pixels of the network."""

    image: int
    network: int

    @property
    def reach(self) -> int:
        """How many pixels of the network a pixel of the image is made from, beside the first."""
        return 0 if self.image == self.network else 2 * ceil(max(self.network / self.image, 1))

    def to_network(self, places: np.ndarray) -> Taps:
        """Return how pixels of the network are made from those of the image."""
        return taps(places, self.image, self.network)

    def to_image(self, places: np.ndarray) -> Taps:
        """Return how pixels of the image are made from those of the network."""
        return taps(places, self.network, self.image)


def scales(
    axes: str,
    shape: Sequence[int],
    image: Mapping[str, float] | None,
    network: Mapping[str, float] | None,
) -> tuple[Scale, ...]:
    """Compare pixel sizes, in µm per axis; an axis of which one is unknown stays as it is."""
    return tuple(
        Scale(length, _length(axis, length, (image or {}).get(axis), (network or {}).get(axis)))
        for axis, length in zip(axes, shape, strict=True)
    )


def _length(axis: str, length: int, image: float | None, network: float | None) -> int:
    if image is None or network is None:
        return length
    if not (0 < image < np.inf and 0 < network < np.inf):
        raise ValueError(f"pixels of {image} and {network} µm along {axis}: give sizes above 0")
    ratio = image / network
    if not 1 / FARTHEST <= ratio <= FARTHEST:
        raise ValueError(
            f"the image has pixels of {image:g} µm along {axis} and the network was trained on "
            f"{network:g} µm, more than {FARTHEST:g} times apart: check the pixel size"
        )
    return length if abs(ratio - 1) <= ALIKE else max(round(length * ratio), 1)


@dataclass(frozen=True)
class TileGrid:
    """The places of an image; the last axes are those the network sees, one scale for each."""

    depth: int
    shape: tuple[int, ...]
    scales: tuple[Scale, ...]

    @property
    def seen(self) -> tuple[int, ...]:
        """The shape of one plane or volume in pixels of the network."""
        return tuple(scale.network for scale in self.scales)

    @property
    def growth(self) -> float:
        """How many pixels of the image there are for one of the network."""
        return prod(scale.image for scale in self.scales) / prod(self.seen)

    @property
    def least(self) -> int:
        """The shortest output of a tile, in pixels, of which several can cover the image."""
        return 2**self.depth + max(scale.reach for scale in self.scales)

    @property
    def leading(self) -> int:
        """Number of axes that the network does not see."""
        return len(self.shape) - len(self.scales)

    def axes(self, edges: Sequence[int], region: Sequence[slice] | None = None) -> list[list[Span]]:
        """Return the spans along each axis for tiles of input ``edges``."""
        tiling = Tiling(self.depth, tuple(edges))  # refuses illegal edges
        whole = [slice(None)] * len(self.shape)
        box = [
            slice(*place.indices(length)[:2])
            for place, length in zip(region or whole, self.shape, strict=True)
        ]
        spans = [planes(place.start, place.stop) for place in box[: self.leading]]
        for scale, edge, place in zip(self.scales, edges, box[self.leading :], strict=True):
            if scale.image == scale.network:
                spans.append(tiling.spans(edge, place.start, place.stop))
            else:
                spans.append(_resampled_spans(self.depth, scale, edge, place))
        return spans

    def tiles(
        self,
        edges: Sequence[int],
        region: Sequence[slice] | None = None,
        near: Sequence[float] | None = None,
    ) -> Iterator[Tile]:
        """Yield tiles one by one; ``read`` is in pixels of the network, ``write`` of the image."""
        return arrange(self.axes(edges, region), len(self.scales), near)


def _resampled_spans(depth: int, scale: Scale, edge: int, place: slice) -> list[Span]:
    """Give each tile the image pixels that can be interpolated from its scores alone."""
    grid, context, output = 2**depth, border(depth), output_size(depth, edge)
    made = scale.to_image(np.arange(place.start, place.stop))
    first, last = made.first, made.last
    spans, row = [], 0
    while row < len(first):
        origin = int(first[row]) // grid * grid
        end = int(np.searchsorted(last, origin + output))
        if end == row:
            needed = grid + int(np.max(last - first)) + 1
            raise ValueError(
                f"a tile of {edge} px scores {output} px, too few to interpolate between pixel "
                f"sizes: take one of at least {input_size(depth, needed)} px"
            )
        length = input_size(depth, int(last[end - 1]) + 1 - origin)
        read = slice(origin - context, origin - context + length)
        spans.append(Span(read, slice(place.start + row, place.start + end)))
        row = end
    return spans
