"""Unlearnt: the strokes that are not obeyed yet; they come up more often until they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from napari_unet.core.teaching.exam import Mark
from napari_unet.core.teaching.gate import OBEYED
from napari_unet.core.teaching.strokes import Stroke, Strokes

MOST = 8  # strokes at a time: each more would leave less time for every other


@dataclass
class Unlearnt:
    """Remembers strokes by their numbers: what is left of them changes with the annotation."""

    strokes: Strokes
    _numbers: list[int] = field(default_factory=list)

    def add(self, strokes: Iterable[Stroke]) -> None:
        """Take in new strokes; of whoever paints faster than is learnt, the newest count."""
        self._numbers = [*self._numbers, *(stroke.number for stroke in strokes)][-MOST:]

    def forget(self) -> None:
        """Treat all strokes alike."""
        self._numbers = []

    def now(self) -> list[Stroke]:
        """Return what is left of them."""
        found = (self.strokes.get(number) for number in self._numbers)
        return [stroke for stroke in found if stroke]

    def let_go(self, marks: Mapping[Stroke, Mark]) -> None:
        """Treat strokes like the others once they are obeyed."""
        self._numbers = [s.number for s in self.now() if marks[s].share < OBEYED]
