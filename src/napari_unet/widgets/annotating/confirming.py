"""Confirming: which pixels of an annotation layer are confirmed, through edits, undo and redo."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from napari_unet.core.boxes import shape_of
from napari_unet.core.strokes.confirmed import Confirmed
from napari_unet.widgets.annotating.edit import Edit, parts


class Confirming:
    """Each edit is remembered by the pixels it turned over: undo and redo turn them over again."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.pixels = Confirmed(shape)
        self._on = False
        self._turned: weakref.WeakKeyDictionary[Edit, np.ndarray] = weakref.WeakKeyDictionary()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Let what is written meanwhile be confirmed."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def take(self, edit: Edit, event: Any) -> None:
        """Take in a ``paint`` event: what is painted over is confirmed no more.

        Where a class was removed, those after it have moved down, and are what they were.
        """
        before = self.pixels[edit.box]
        if not self._on and not before.any():
            return
        after = before.copy()
        stays = before if edit.removed is not None else np.full_like(before, self._on)
        for places, _, values in parts(event):
            inside = tuple(i - part.start for i, part in zip(places, edit.box, strict=True))
            after[inside] = stays[inside] & (values != 0)
        self.pixels[edit.box] = after
        if (before != after).any():
            self._turned[edit] = np.packbits(before != after)

    def turn(self, edit: Edit) -> None:
        """Follow an undo or a redo of ``edit``."""
        bits = self._turned.get(edit)
        if bits is not None:
            shape = shape_of(edit.box)
            turned = np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape) != 0
            self.pixels[edit.box] = self.pixels[edit.box] ^ turned
