"""Tiles: where each one is read in the mirrored image, and where it is written in the image.

Tiles start on multiples of 2**depth, so that all of them pool on one grid: scores put together from
tiles are then those of the whole image in one piece. The output of a U-Net is hardly ever such a
multiple (388 px at depth 4), so the last few of its pixels are left to the next tile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import product
from math import prod
from typing import NamedTuple

from napari_unet.core.network.legal_sizes import border, input_size, output_size


class Tile(NamedTuple):
    """One tile: ``read`` may reach beyond the image, where it is mirrored; ``write`` never does."""

    read: tuple[slice, ...]
    write: tuple[slice, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what is written."""
        return tuple(place.stop - place.start for place in self.write)


class Span(NamedTuple):
    """One axis of a tile."""

    read: slice
    write: slice

    def distance(self, place: float) -> float:
        """Return how far ``place`` is from what is written, in pixels."""
        return max(self.write.start - place, place - (self.write.stop - 1), 0.0)


@dataclass(frozen=True)
class Tiling:
    """Tiles of one size that together cover any image exactly once; the last ones are smaller."""

    depth: int  # poolings of the network
    edges: tuple[int, ...]  # legal input edge of a full tile along each of the last axes, in pixels

    def __post_init__(self) -> None:
        for edge in self.edges:
            output_size(self.depth, edge)  # refuses an illegal edge

    def tiles(
        self,
        shape: Sequence[int],
        region: Sequence[slice] | None = None,
        near: Sequence[float] | None = None,
    ) -> Iterator[Tile]:
        """Yield the tiles of an image of ``shape`` one by one, without ever listing them.

        Axes beyond those of the tiling come first and are gone through index by index. ``region``
        asks for a box alone, widened to the grid; tiles next to the point ``near`` come first.
        """
        return arrange(self.axes(shape, region), len(self.edges), near)

    def axes(self, shape: Sequence[int], region: Sequence[slice] | None = None) -> list[list[Span]]:
        """Return the spans along each axis, whose combinations are the tiles."""
        leading = len(shape) - len(self.edges)
        if leading < 0 or min(shape) < 1:
            raise ValueError(
                f"an image of shape {tuple(shape)} has no tiles: "
                f"it needs {len(self.edges)} axes of at least 1 pixel"
            )
        box = [
            slice(*place.indices(length)[:2])
            for place, length in zip(region or [slice(None)] * len(shape), shape, strict=True)
        ]
        return [
            *(planes(place.start, place.stop) for place in box[:leading]),
            *(
                self.spans(edge, place.start, place.stop)
                for edge, place in zip(self.edges, box[leading:], strict=True)
            ),
        ]

    def spans(self, edge: int, start: int, stop: int) -> list[Span]:
        """Cover ``start`` to ``stop`` with tiles of input ``edge``, from the grid line before."""
        covered, context = [], border(self.depth)
        grid, output = 2**self.depth, output_size(self.depth, edge)
        start = start // grid * grid
        while start < stop:
            last = stop - start <= output
            end = stop if last else start + output // grid * grid
            if end == start:
                raise ValueError(
                    f"a tile of {edge} px scores {output} px, fewer than the {grid} px between "
                    f"tiles: take one of at least {input_size(self.depth, grid)} px"
                )
            length = input_size(self.depth, end - start)
            read = slice(start - context, start - context + length)
            covered.append(Span(read, slice(start, end)))
            start = end
        return covered


def planes(start: int, stop: int) -> list[Span]:
    """Return one span for each index of an axis that the network does not see."""
    return [Span(slice(i, i + 1), slice(i, i + 1)) for i in range(start, stop)]


def work(axes: Sequence[Sequence[Span]]) -> int:
    """Return how many pixels all the tiles of these spans read together."""
    return prod(sum(span.read.stop - span.read.start for span in spans) for spans in axes)


def arrange(
    axes: Sequence[Sequence[Span]], dims: int, near: Sequence[float] | None = None
) -> Iterator[Tile]:
    """Combine spans to tiles, plane after plane, of each of which the last ``dims`` are cut.

    With a point ``near``, the nearest plane comes first, and in each plane the nearest tile.
    """
    leading = len(axes) - dims
    if near is None:
        for spans in product(*axes):
            yield _tile(spans)
    else:
        for plane in _nearest(axes[:leading], near[:leading]):
            for spans in _nearest(axes[leading:], near[leading:]):
                yield _tile((*plane, *spans))


def _tile(spans: Sequence[Span]) -> Tile:
    return Tile(tuple(span.read for span in spans), tuple(span.write for span in spans))


def _nearest(axes: Sequence[Sequence[Span]], near: Sequence[float]) -> Iterator[tuple[Span, ...]]:
    """Combine spans, the nearest to a point first, keeping no more than the front of the search.

    Each combination is reached from one other alone: the one a step nearer along the last axis
    along which it is not the nearest.
    """
    ranked = [
        sorted((span.distance(at) ** 2, n) for n, span in enumerate(spans))
        for spans, at in zip(axes, near, strict=True)
    ]
    start = (0,) * len(axes)
    front = [(_total(ranked, start), start)]
    while front:
        _, at = heappop(front)
        yield tuple(spans[rank[i][1]] for spans, rank, i in zip(axes, ranked, at, strict=True))
        moved = max((axis for axis, i in enumerate(at) if i), default=0)
        for axis in range(moved, len(axes)):
            if at[axis] + 1 < len(ranked[axis]):
                further = (*at[:axis], at[axis] + 1, *at[axis + 1 :])
                heappush(front, (_total(ranked, further), further))


def _total(ranked: Sequence[Sequence[tuple[float, int]]], at: Sequence[int]) -> float:
    return sum(rank[i][0] for rank, i in zip(ranked, at, strict=True))
