"""Strokes: lines as napari's vectors, as wide on the screen at every zoom."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Layer

WIDTH = 1.5  # px of the screen


def segments(lines: Sequence[np.ndarray], axes: int) -> np.ndarray:
    """Return (n, 2, axes), start and direction of each piece of lines (points, axes)."""
    parts = [np.stack([line[:-1], np.diff(line, axis=0)], axis=1) for line in lines]
    return np.concatenate([np.zeros((0, 2, axes)), *parts])


def rectangle(size: tuple[int, ...], inner: int) -> np.ndarray:
    """Return the frame around the pixels that lie ``inner`` pixels inside, closed."""
    low = inner - 0.5
    bottom, right = size[0] - low - 1, size[1] - low - 1
    return np.array([(low, low), (low, right), (bottom, right), (bottom, low), (low, low)])


def within(line: np.ndarray, size: tuple[int, ...]) -> list[np.ndarray]:
    """Return the pieces of a line (points, 2) that lie in an image of this size."""
    near = (line >= -0.5) & (line <= np.array(size) - 0.5)
    seen: np.ndarray = np.all(near, axis=1)
    cuts = np.flatnonzero(np.diff(seen)) + 1
    kept = seen[np.concatenate([[0], cuts])]
    return [part for part, keep in zip(np.split(line, cuts), kept, strict=True) if keep]


def line_width(viewer: Any, layer: Layer) -> float:
    """Return WIDTH in pixels of ``layer``."""
    return float(WIDTH / viewer.scene.camera.zoom / abs(layer.scale[-1]))
