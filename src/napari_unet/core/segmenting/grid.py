"""Grid: where the tiles of an image lie, in the image and in the pixels the network works on.

Both are the same unless the network was trained at another pixel size. Then tiles overlap by the
few pixels that interpolation needs, so that each image pixel is still made by one tile alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from napari_unet.core.segmenting.resampling import Scale
from napari_unet.core.sizes import border, input_size, output_size
from napari_unet.core.tiling import Span, Tile, Tiling, arrange, planes


@dataclass(frozen=True)
class Grid:
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
        found = [planes(place.start, place.stop) for place in box[: self.leading]]
        for scale, edge, place in zip(self.scales, edges, box[self.leading :], strict=True):
            if scale.image == scale.network:
                found.append(tiling.spans(edge, place.start, place.stop))
            else:
                found.append(_resampled_spans(self.depth, scale, edge, place))
        return found

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
    found, row = [], 0
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
        found.append(Span(read, slice(place.start + row, place.start + end)))
        row = end
    return found
