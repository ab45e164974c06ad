"""Region: a box as the caller gives it, in the axes of the annotation as they lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.boxes import Box, box_in, shape_of
from napari_unet.core.teaching.strokes import Plane

AnyBox = Sequence[slice | int]


@dataclass(frozen=True)
class Region:
    """``box`` has the axes T, Z, Y, X in this order; ``given`` those of the caller."""

    box: Box
    order: tuple[int, ...]  # which canonical axis each axis of the caller is
    given: tuple[bool, ...]  # of each axis of the caller: a slice, not an index

    @classmethod
    def of(cls, box: AnyBox, shape: tuple[int, ...], order: tuple[int, ...]) -> "Region":
        """Check ``box`` against annotations of the canonical ``shape``."""
        if len(box) != len(shape):
            raise ValueError(
                f"the box has {len(box)} entries and the annotation {len(shape)} axes: "
                "give a slice or an index for each"
            )
        full: list[slice] = [slice(0)] * len(shape)
        for part, axis in zip(box, order, strict=True):
            full[axis] = part if isinstance(part, slice) else slice(part, part + 1)
        region = box_in(shape, tuple(full))
        if min(shape_of(region)) < 1:
            raise ValueError(f"the box {box} holds no pixel of an annotation of {shape}")
        return cls(region, order, tuple(isinstance(part, slice) for part in box))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the caller gives and gets."""
        edges = shape_of(self.box)
        return tuple(edges[a] for a, kept in zip(self.order, self.given, strict=True) if kept)

    def full(self, labels: np.ndarray) -> np.ndarray:
        """Return what the caller gave, with all axes in canonical order."""
        if labels.shape != self.shape:
            raise ValueError(f"labels of shape {labels.shape} for a box of shape {self.shape}")
        edges = shape_of(self.box)
        every = labels.reshape([edges[axis] for axis in self.order])
        return every.transpose(np.argsort(self.order))

    def asked(self, found: np.ndarray) -> np.ndarray:
        """Return (…, *canonical) as the caller asked for it."""
        turned = self.as_given(found)
        return turned.reshape(*turned.shape[: found.ndim - len(self.order)], *self.shape)

    def as_given(self, found: np.ndarray) -> np.ndarray:
        """Return (…, *canonical) with the axes of the annotation as they lie, none left out."""
        extra = found.ndim - len(self.order)
        return found.transpose(*range(extra), *(axis + extra for axis in self.order))

    def box_given(self, box: Box) -> Box:
        """Return a canonical box in the axes of the annotation as they lie."""
        return tuple(box[axis] for axis in self.order)

    def canonical(self, place: Sequence[float]) -> list[float]:
        """Return a place given in the axes of the annotation in canonical order."""
        return [place[axis] for axis in np.argsort(self.order).tolist()]

    def planes(self) -> Iterator[tuple[Plane, Plane]]:
        """Yield the index of each plane in the image and in the box."""
        for inside in np.ndindex(shape_of(self.box)[:-2]):
            yield tuple(p.start + i for p, i in zip(self.box, inside, strict=False)), inside
