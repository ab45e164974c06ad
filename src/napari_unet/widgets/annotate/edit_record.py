"""What one entry of a layer's undo history changed, and which pixels are confirmed by it."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.events import Event

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.boxes import Box, Pixels, shape_of
from napari_unet.core.arrays.label_values import Counts, add, count_values
from napari_unet.widgets.layers.layers import paint_box
from napari_unet.workflows.confirmed_pixels import Confirmed

_Atom = tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]  # places, before, after
PROBES = 8  # pixels that are compared to see whether an edit was undone


@dataclass(frozen=True, eq=False)
class Edit:
    """An entry of the undo history: its box, the change of counts, and a few pixels of it."""

    box: Box
    change: Counts  # pixels more (or less) of each value
    places: tuple[np.ndarray, ...]  # of the probes
    before: np.ndarray
    after: np.ndarray
    removed: tuple[int, LabelClass] | None = None  # a class whose pixels this edit took away

    @classmethod
    def of(cls, event: Event, removed: tuple[int, LabelClass] | None = None) -> "Edit":
        """Read a ``paint`` event of a Labels layer."""
        change: Counts = {}
        atoms = parts(event)
        for _, before, after in atoms:
            add(change, count_values(after))
            add(change, count_values(before), -1)
        places, before, after = atoms[-1]
        chosen = np.unique(np.linspace(0, len(before) - 1, PROBES).astype(int))
        probes = tuple(place[chosen] for place in places)
        several = len({value for _, _, values in atoms for value in values[:1].tolist()}) > 1
        probed = _found(atoms[:-1] if several else [], probes, before[chosen])
        return cls(paint_box(event), change, probes, probed, after[chosen], removed)

    def is_done(self, data: Pixels) -> bool:
        """Whether the pixels have the values after the edit."""
        return self._reads(data, self.after)

    def is_undone(self, data: Pixels) -> bool:
        """Whether the pixels have the values before the edit."""
        return self._reads(data, self.before)

    def _reads(self, data: Pixels, wanted: np.ndarray) -> bool:
        pixels = zip(*self.places, strict=True)
        values = (
            data[tuple(slice(int(i), int(i) + 1) for i in pixel)] for pixel in pixels
        )  # by slices, which all kinds of arrays support
        return all(np.asarray(a).item() == b for a, b in zip(values, wanted, strict=True))


def _found(atoms: list[_Atom], probes: tuple[np.ndarray, ...], before: np.ndarray) -> np.ndarray:
    """Return the value of each probe before the first of ``atoms`` that changed it.

    A stroke of one value changes no pixel twice; an edit of several values may.
    """
    expected = before.copy()
    for places, values, _ in reversed(atoms):
        for number, probe in enumerate(zip(*probes, strict=True)):
            hits = np.logical_and.reduce([a == b for a, b in zip(places, probe, strict=True)])
            if hits.any():
                expected[number] = values[hits.argmax()]
    return expected


def parts(event: Event) -> list[_Atom]:
    """Return the parts of a ``paint`` event in order: places, values before, values after."""
    return [_parts(atom) for atom in event.value]


def _parts(atom: Any) -> _Atom:
    """Return places, values before and values after of a part of an edit, a row a pixel."""
    box = getattr(atom, "slice_key", None)
    if box is None:
        places, before, after = atom
        before = np.ravel(before)
        return places, before, np.broadcast_to(np.asarray(after, before.dtype), before.shape)
    shape = tuple(part.stop - part.start for part in box)
    inside = np.ones(shape, bool) if atom.mask is None else atom.mask
    places = tuple(i + part.start for i, part in zip(np.nonzero(inside), box, strict=True))
    before = np.ravel(atom.old_values)
    return places, before, np.full(len(before), atom.new_value, before.dtype)


class ConfirmedEdits:
    """The confirmed pixels, and which of them each edit flipped, for undo and redo."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.pixels = Confirmed(shape)
        self._on = False
        self._turned: weakref.WeakKeyDictionary[Edit, np.ndarray] = weakref.WeakKeyDictionary()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Within, written pixels count as confirmed."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def take(self, edit: Edit, event: Event) -> None:
        """Follow a ``paint`` event: pixels that are painted over are no longer confirmed.

        If a class was removed, the values of later classes change, and stay confirmed.
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
