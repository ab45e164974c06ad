"""Which tile: the largest legal one that memory allows, and no larger than the image needs.

The longest edge is cut into one part more until a tile fits, so that tiles come out even: a tile
that fits twice and a half would cost the same work as three equal ones, and more memory.
"""

from collections.abc import Iterator, Sequence
from math import ceil, inf, prod

from napari_unet.core.sizes import input_size, output_size

SHARE = 0.5  # of the free memory, where nobody says how much may be used
ENOUGH = 1.2 * 2**30  # bytes beyond which larger tiles gain a CPU little, where …
REREAD = 1.6  # … no more pixels are read for one of the image than this


def given_edges(depth: int, tile: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """Return the input edges somebody asked for; an illegal one is refused."""
    edges = (tile,) * dims if isinstance(tile, int) else tuple(tile)
    if len(edges) != dims:
        raise ValueError(f"a tile of {len(edges)} edges for a network of {dims} dimensions")
    for edge in edges:
        output_size(depth, edge)
    return edges


def fitting_edges(
    depth: int, shape: Sequence[int], pixels: float, enough: float = inf, least: int = 1
) -> tuple[int, ...]:
    """Return input edges of the largest tile of at most ``pixels`` for an image of ``shape``.

    A tile of more than ``enough`` pixels is made smaller as long as that costs little. Its output
    is at least ``least`` along each axis. Where not even the smallest fits, it is returned.
    """
    chosen: tuple[int, ...] = ()
    for parts, edges in _smaller_and_smaller(depth, shape, least):
        if chosen and prod(chosen) <= pixels:
            reread = prod(parts) * prod(edges) / prod(shape)
            if prod(chosen) <= enough or reread > REREAD:
                break
        chosen = edges
    return chosen


def _smaller_and_smaller(
    depth: int, shape: Sequence[int], least: int
) -> Iterator[tuple[list[int], tuple[int, ...]]]:
    """Yield numbers of parts and the edges of a tile, from the whole image to the smallest tile."""
    parts = [1] * len(shape)
    while True:
        edges = tuple(_edge(depth, *pair) for pair in zip(shape, parts, strict=True))
        yield parts, edges
        for axis in sorted(range(len(edges)), key=edges.__getitem__, reverse=True):
            more = _more_parts(depth, shape[axis], parts[axis], least)
            if more is not None:
                parts[axis] = more
                break
        else:
            return


def halved(depth: int, edges: Sequence[int], least: int = 1) -> tuple[int, ...] | None:
    """Return a tile with the longest edge about halved; None of the smallest tile."""
    grid, axis = 2**depth, max(range(len(edges)), key=edges.__getitem__)
    half = max(output_size(depth, edges[axis]) // 2 // grid * grid, grid, least)
    shorter = input_size(depth, half)
    return (*edges[:axis], shorter, *edges[axis + 1 :]) if shorter < edges[axis] else None


def _edge(depth: int, length: int, parts: int) -> int:
    """Return the smallest edge that covers ``length`` with so many tiles."""
    return input_size(depth, length if parts == 1 else _cells(depth, length, parts) * 2**depth)


def _cells(depth: int, length: int, parts: int) -> int:
    """Return the length of each of so many tiles in steps of the grid."""
    return ceil(length / parts / 2**depth)


def _more_parts(depth: int, length: int, parts: int, least: int) -> int | None:
    """Return the next number of parts with which tiles get shorter."""
    before, cells = _edge(depth, length, parts), _cells(depth, length, parts)
    while cells > 1 and (cells - 1) * 2**depth >= least:
        parts = ceil(length / ((cells - 1) * 2**depth))
        cells = _cells(depth, length, parts)
        if _edge(depth, length, parts) < before:
            return parts
    return None
