"""Painted: how many pixels each value of an array has, piece by piece, however large it is."""

from collections.abc import Generator
from itertools import product
from typing import Any

import numpy as np

PIECE = 2**22  # px counted at once: some ten milliseconds
NARROW = 2**16  # values; up to so many a table is faster than sorting

Counts = dict[int, int]  # pixels of each value that occurs


def counting(labels: Any) -> Generator[None, None, Counts]:
    """Count the values of ``labels`` (numpy, zarr …), with a yield after each piece."""
    found: Counts = {}
    for box in pieces(labels.shape):
        add(found, count_values(np.asarray(labels[box])))
        yield
    return found


def count_values(labels: np.ndarray) -> Counts:
    """Count the values of ``labels`` at once."""
    if labels.dtype.kind == "u" and np.iinfo(labels.dtype).max < NARROW:
        counts = np.bincount(labels.ravel())
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def add(counts: Counts, more: Counts, times: int = 1) -> None:
    """Add ``more`` to ``counts``, or take it away with ``times=-1``; no value is left with 0."""
    for value, count in more.items():
        counts[value] = counts.get(value, 0) + times * count
        if not counts[value]:
            del counts[value]


def pieces(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Cut ``shape`` into boxes of at most ``PIECE`` pixels, the last axes whole."""
    edges, left = [], PIECE
    for edge in reversed(shape):
        edges.append(max(1, min(edge, left)))
        left //= max(edge, 1)
    starts = [range(0, edge, step) for edge, step in zip(shape, edges[::-1], strict=True)]
    return [
        tuple(slice(a, a + step) for a, step in zip(corner, edges[::-1], strict=True))
        for corner in product(*starts)
    ]
