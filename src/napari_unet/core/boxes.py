"""Boxes: regions of an array, cut from it, grown, and shared among threads."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

_THREADS = min(8, os.cpu_count() or 1)  # more only wait for memory

Box = tuple[slice, ...]  # one slice an axis, with start and stop, without step


def whole(shape: tuple[int, ...]) -> Box:
    """Return the box that holds everything."""
    return tuple(slice(0, edge) for edge in shape)


def box_in(shape: tuple[int, ...], region: Box) -> Box:
    """Return ``region`` with start and stop filled in and cut off at the ends of ``shape``."""
    if len(region) != len(shape):
        raise ValueError(
            f"the box has {len(region)} slices and the labels {len(shape)} axes: give one an axis"
        )
    found = [part.indices(edge) for part, edge in zip(region, shape, strict=True)]
    if any(step != 1 for _, _, step in found):
        raise ValueError(f"the box {region} skips pixels: give slices without a step")
    return tuple(slice(start, max(start, stop)) for start, stop, _ in found)


def shape_of(box: Box) -> tuple[int, ...]:
    """Return the edges of ``box``."""
    return tuple(part.stop - part.start for part in box)


def grow(box: Box, by: int, shape: tuple[int, ...]) -> Box:
    """Return ``box`` with ``by`` pixels more on every side, as far as ``shape`` goes."""
    return tuple(
        slice(max(0, part.start - by), min(edge, part.stop + by))
        for part, edge in zip(box, shape, strict=True)
    )


def join(one: Box, other: Box) -> Box:
    """Return the smallest box around both."""
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )


def inside(outer: Box, inner: Box) -> Box:
    """Return ``inner`` counted from the corner of ``outer``."""
    return tuple(
        slice(b.start - a.start, b.stop - a.start) for a, b in zip(outer, inner, strict=True)
    )


def share(work: Callable[[Box], object], box: Box, edges: tuple[int, ...]) -> None:
    """Do ``work`` on the parts of ``box`` of at most ``edges``, on as many threads as pay."""
    parts = list(_parts(box, edges))
    helpers = min(len(parts), _THREADS) - 1
    todo = iter(parts)  # next() of a list's iterator is one step to all threads

    def help_out() -> None:
        for part in todo:
            work(part)

    if helpers < 1:
        help_out()
        return
    with ThreadPoolExecutor(helpers) as pool:
        others = [pool.submit(help_out) for _ in range(helpers)]
        help_out()  # the caller's memory is warm; a thread more would only wait
    for other in others:
        other.result()


def _parts(box: Box, edges: tuple[int, ...]) -> Iterator[Box]:
    for corner in product(*(range(p.start, p.stop, e) for p, e in zip(box, edges, strict=True))):
        yield tuple(
            slice(start, min(start + edge, part.stop))
            for start, edge, part in zip(corner, edges, box, strict=True)
        )
