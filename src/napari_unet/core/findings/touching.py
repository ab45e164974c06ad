"""Touching: objects of different ids with no background between them."""

import numpy as np

from napari_unet.core.findings.finding import Finding
from napari_unet.core.findings.words import count
from napari_unet.core.pieces import Pieces


def touching(pieces: Pieces, names: np.ndarray) -> list[Finding]:
    """Find objects that meet along an axis; ``names`` are the ids by piece."""
    contacts = [
        _contacts(pieces.indices, axis) for axis, letter in enumerate(pieces.axes) if letter != "T"
    ]
    pixels, first, second = np.concatenate(contacts, axis=1)
    if not len(pixels):
        return []
    key = pieces.owners[first].astype(np.int64) * (int(pieces.owners.max()) + 1)
    pairs = len(np.unique(key + pieces.owners[second]))
    nearest = int(np.argmin(pixels))
    one, other = sorted((int(names[first[nearest]]), int(names[second[nearest]])))
    message = f"There is no background between the touching objects {one} and {other}"
    if pairs > 1:
        message += f", nor between {count(pairs - 1, 'more pair')}"
    ids = np.unique(names[np.concatenate([first, second])])
    remedy = (
        "Nothing must be done: training opens a line of background between them. If they are one "
        "object, give them one id."
    )
    place = np.unravel_index(int(pixels[nearest]), pieces.indices.shape)
    where = tuple(int(index) for index in place)
    named = tuple(int(name) for name in ids)
    return [Finding("touching", "note", f"{message}.", remedy, where, named)]


def _contacts(indices: np.ndarray, axis: int) -> np.ndarray:
    """Return the flat place and the lower and higher piece of each contact along ``axis``."""
    values = np.moveaxis(indices, axis, 0)
    before, after = values[:-1], values[1:]
    meet = np.nonzero((before != after) & (before > 0) & (after > 0))
    pair = np.sort(np.stack([before[meet], after[meet]]), axis=0)
    place = (*meet[1 : axis + 1], meet[0], *meet[axis + 1 :])
    return np.stack([np.ravel_multi_index(place, indices.shape), *pair])
