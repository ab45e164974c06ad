"""Spot: the surroundings of a stroke that is not learnt yet; the newest glance decides there.

Whoever mends a place wants it mended at once, and nothing far away to flip for it. What a glance
sees as the class of the stroke is shown as that class near it, whatever all else says; away from it
the same glance is faded in.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_unet.core.teaching.strokes import Plane, Stroke, Strokes

NEAR = 8  # pixels around a stroke in which the glance decides alone
REACH = 24  # pixels at which it has no more to say than elsewhere


@dataclass(frozen=True, eq=False)
class Spot:
    """How much a glance decides around one stroke, at the working size."""

    plane: Plane
    kind: int  # the class that was painted
    corner: tuple[int, int]  # may lie beyond the edges
    share: np.ndarray  # (rows, columns) float32, 0 to 1

    @classmethod
    def around(cls, plane: Plane, kind: int, pixels: np.ndarray) -> "Spot":
        """Return the spot around the ``pixels`` (n, 2) of a stroke."""
        low = pixels.min(axis=0) - REACH
        away = np.ones(pixels.max(axis=0) + REACH + 1 - low, bool)
        away[tuple((pixels - low).T)] = False
        distance = distance_transform_edt(away)
        share = np.clip((REACH - distance) / (REACH - NEAR), 0, 1).astype(np.float32)
        return cls(plane, kind, (int(low[0]), int(low[1])), share)

    def met(self, plane: Plane, spans: tuple[slice, ...]) -> tuple[slice, ...] | None:
        """Return where it meets the box ``spans`` of a plane, or None."""
        if plane != self.plane:
            return None
        found = tuple(
            slice(max(span.start, start), min(span.stop, start + length))
            for span, start, length in zip(spans, self.corner, self.share.shape, strict=True)
        )
        return found if all(part.start < part.stop for part in found) else None

    def mended(self, values: np.ndarray, near: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
        """Return the values (K, *box) with those of the glance, ``near``, where they are its class.

        ``box`` lies in the spot, in pixels of the plane.
        """
        inside = tuple(
            slice(part.start - start, part.stop - start)
            for part, start in zip(box, self.corner, strict=True)
        )
        share = self.share[inside] * (near.argmax(axis=0) == self.kind)
        return np.asarray(values + share * (near - values))


def spots_around(some: Iterable[Stroke], strokes: Strokes) -> tuple[Spot, ...]:
    """Return the spots around some of the ``strokes``, at their working size."""
    return tuple(Spot.around(s.plane, s.kind, strokes.working_pixels(s)) for s in some)
