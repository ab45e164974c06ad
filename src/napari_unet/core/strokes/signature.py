"""Signature: tells whether an image is the one that was painted on, without reading all of it."""

import zlib
from itertools import product
from typing import Any

import numpy as np

EDGE = 32  # px of the boxes looked at, at both ends and in the middle of each axis


def signature(image: Any) -> str:
    """Return a short text that another image would not have; ``image`` may be lazily sliceable."""
    shape = tuple(int(edge) for edge in image.shape)
    digest = 0
    for box in product(*(_parts(edge) for edge in shape)):
        digest = zlib.crc32(np.ascontiguousarray(image[box]).tobytes(), digest)
    return f"{'×'.join(map(str, shape))} {np.dtype(image.dtype).name} {digest:08x}"


def _parts(edge: int) -> list[slice]:
    if edge <= 3 * EDGE:
        return [slice(0, edge)]
    middle = (edge - EDGE) // 2
    return [slice(start, start + EDGE) for start in (0, middle, edge - EDGE)]
