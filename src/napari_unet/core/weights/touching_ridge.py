"""The ridge of background between touching objects, which training needs to tell them apart.

Each object gives up the pixels that touch another object, corners included, and so does the other:
neither is favoured, and what is left is apart under any rule of connection. An object that would
lose every pixel keeps them all; its neighbours still give up theirs. Two such thin objects go on
touching each other.
"""

import numpy as np

from napari_unet.core.arrays.boxes import Box, grow, inside, join, shape_of, share, whole
from napari_unet.core.runtime.jit import jit
from napari_unet.core.weights.nearest_objects import dims_of, ids_of

_EDGES = {2: (256, 1024), 3: (32, 128, 128)}  # px: what one thread takes at a time


def open_ridge(labels: np.ndarray, *, dims: int | None = None) -> np.ndarray:
    """Return a copy of ``labels`` with 0 where touching objects are set apart.

    ``dims``: 2 to take a stack plane by plane, 3 volume by volume; all axes together when None.
    """
    ids = ids_of(labels)
    dims = dims_of(ids, dims)
    opened = np.array(labels)
    fields = zip(fields_of(ids, dims), fields_of(opened, dims), strict=True)
    for field, result in fields:
        result[Ridge(field).open] = 0
    return opened


def fields_of(array: np.ndarray, dims: int) -> np.ndarray:
    """Return (fields, *spatial): the planes or volumes of a stack; a view of a C-ordered array."""
    spatial = array.shape[array.ndim - dims :]
    return array.reshape(-1 if array.size else 0, *spatial)


class Ridge:
    """The ridge of one plane or volume, updated when its labels change."""

    def __init__(self, labels: np.ndarray) -> None:
        """Take ``labels``: int32 or int64, C order, 0 no object; not copied, changed by update."""
        self.labels = labels
        self.open = np.zeros(labels.shape, bool)  # True where an object gave up a pixel
        self._touching = np.zeros(labels.shape, bool)
        everything = whole(labels.shape)
        share(self._touch, everything, _EDGES[labels.ndim])
        self._inner = self._tally(everything)  # per object: the pixels that touch no other
        self._thin = {i for i, pixels in self._inner.items() if not pixels}
        self._open(everything)

    def update(self, box: Box, labels: np.ndarray) -> Box:
        """Put ``labels`` into ``box``; return the box outside of which nothing has changed."""
        ring = grow(box, 1, self.labels.shape)
        lost = self._tally(ring)
        self.labels[box] = labels
        self._touch(ring)
        turned = self._recount(lost, self._tally(ring))
        changed = self._around(turned, ring)
        self._open(changed)
        return changed

    def opened(self, box: Box) -> np.ndarray:
        """Return the labels of ``box`` with 0 on the ridge."""
        return self.labels[box] * ~self.open[box]

    def _touch(self, box: Box) -> None:
        """Mark the pixels of ``box`` that touch another object."""
        around = grow(box, 1, self.labels.shape)
        labels = np.ascontiguousarray(self.labels[around])  # compiled loops like it in one piece
        volume = np.expand_dims(labels, tuple(range(3 - labels.ndim)))
        part = (slice(0, 1),) * (3 - labels.ndim) + inside(around, box)
        touching = np.zeros(shape_of(part), bool)
        _mark(volume, tuple(edge.start for edge in part), touching)
        self._touching[box] = touching.reshape(shape_of(box))

    def _tally(self, box: Box) -> dict[int, int]:
        """Count the pixels that touch no other object, for each object in ``box``."""
        labels, touching = self.labels[box].ravel(), self._touching[box].ravel()
        high = int(labels.max(initial=0))
        if high < 4 * labels.size:
            pairs = np.zeros((high + 1, 2), np.int64)  # per id: pixels that touch none, and all
            _count(labels, touching, pairs)
            ids = np.flatnonzero(pairs[:, 1])
            inner = pairs[ids, 0]
        else:
            ids, at = np.unique(labels, return_inverse=True)
            inner = np.bincount(at.ravel()[~touching], minlength=ids.size)
        return {i: n for i, n in zip(ids.tolist(), inner.tolist(), strict=True) if i != 0}

    def _recount(self, lost: dict[int, int], won: dict[int, int]) -> set[int]:
        """Take and add these pixels; return the objects that became thin or ceased to be."""
        ids = lost.keys() | won.keys()
        for i in ids:
            self._inner[i] = self._inner.get(i, 0) - lost.get(i, 0) + won.get(i, 0)
        before, after = self._thin & ids, {i for i in ids if not self._inner[i]}
        self._thin = (self._thin - before) | after
        return before ^ after

    def _around(self, ids: set[int], box: Box) -> Box:
        """Return ``box``, enlarged to hold all pixels of the objects ``ids``."""
        if not ids:
            return box
        places = np.isin(self.labels, list(ids)).nonzero()
        if not places[0].size:
            return box
        return join(box, tuple(slice(int(p.min()), int(p.max()) + 1) for p in places))

    def _open(self, box: Box) -> None:
        """Open the ridge in ``box``; thin objects keep their pixels."""
        touching = self._touching[box]
        self.open[box] = touching
        if self._thin:
            ids = self.labels[box][touching]
            self.open[box][touching] = ~np.isin(ids, list(self._thin))


@jit
def _mark(labels: np.ndarray, start: tuple[int, ...], touching: np.ndarray) -> None:
    """Mark the pixels that have another object among their up to 26 neighbours.

    ``labels`` reaches one pixel further than ``touching``, which begins at its pixel ``start``.
    """
    depth, height, width = labels.shape
    for z, y in np.ndindex(touching.shape[:2]):
        k, j = z + start[0], y + start[1]
        for c in range(max(k - 1, 0), min(k + 2, depth)):
            for b in range(max(j - 1, 0), min(j + 2, height)):
                for aside in (-1, 0, 1):
                    low = max(0, -start[2] - aside)
                    high = min(touching.shape[2], width - start[2] - aside)
                    here, there = start[2] + low, start[2] + high
                    _compare(
                        labels[k, j, here:there],
                        labels[c, b, here + aside : there + aside],
                        touching[z, y, low:high],
                    )


@jit
def _compare(own: np.ndarray, other: np.ndarray, touching: np.ndarray) -> None:
    for x in range(touching.size):
        touching[x] |= (own[x] != 0) & (other[x] != 0) & (own[x] != other[x])


@jit
def _count(labels: np.ndarray, touching: np.ndarray, pairs: np.ndarray) -> None:
    """Count run by run: objects are wider than a pixel, and a register is faster than memory."""
    start, inner = 0, 0
    for i in range(labels.size):
        if labels[i] != labels[start]:
            pairs[labels[start], 0] += inner
            pairs[labels[start], 1] += i - start
            start, inner = i, 0
        inner += not touching[i]
    if labels.size:
        pairs[labels[start], 0] += inner
        pairs[labels[start], 1] += labels.size - start
