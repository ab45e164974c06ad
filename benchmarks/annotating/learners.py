"""What a learner is to the person: it is given strokes and seconds, and shows previews."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

from annotating.pictures import Picture
from annotating.strokes import OBJECT, Stroke


class Preview(NamedTuple):
    """What the person sees of the whole picture."""

    objects: np.ndarray  # (Y, X) bool
    scores: np.ndarray  # (Y, X) float32, of being an object


class Learner(Protocol):
    """Learns from strokes in the time it is given."""

    spent: float  # processor seconds it has used for learning and showing, so far

    def paint(self, stroke: Stroke) -> None: ...

    def work(self, seconds: float) -> Iterator[Preview]:
        """Learn for about ``seconds`` of one core; yield each preview that is shown."""
        ...


class Painted:
    """The annotation layer, as a learner of single pixels keeps it."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.labels = np.zeros(shape, np.uint8)
        self.changed = False

    def paint(self, stroke: Stroke) -> None:
        self.labels[stroke.box] = stroke.labels
        self.changed = True

    @property
    def both(self) -> bool:
        return all((self.labels == label).any() for label in (OBJECT - 1, OBJECT))


class Threshold:
    """No learning to speak of: the gray value that parts the strokes best, of the blurred image."""

    def __init__(self, picture: Picture, seed: int) -> None:
        gray = picture.image.mean(axis=-1) if picture.image.ndim == 3 else picture.image
        self.smooth = gaussian_filter(gray.astype(np.float32), 1.0)
        self.painted = Painted(picture.shape)
        self.paint = self.painted.paint
        self.spent = 0.0

    def work(self, seconds: float) -> Iterator[Preview]:
        if self.painted.changed and self.painted.both:
            self.painted.changed = False
            objects = self._part()
            yield Preview(objects, objects.astype(np.float32))

    def _part(self) -> np.ndarray:
        known = self.painted.labels > 0
        values, is_object = self.smooth[known], self.painted.labels[known] == OBJECT
        order = np.argsort(values)
        below = np.cumsum(is_object[order]) / is_object.sum()
        below = below - np.cumsum(~is_object[order]) / (~is_object).sum()
        k = int(np.abs(below[:-1]).argmax())
        parting = values[order[k : k + 2]].mean()
        return (self.smooth < parting) == (below[k] > 0)
