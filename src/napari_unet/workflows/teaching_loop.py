"""TeachingLoop: requests, tiles of the view and learning in turn, for the Teacher of one image.

One generator does all three, so that no request reaches the Teacher while it learns or draws. It
runs while there is something to do and ends when all is settled; a new stroke or request starts it
again. Between two yields a stroke waits for one step or one tile.

DrawnCells: which pieces of the view show what the network says now, and which one is drawn next.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.arrays.boxes import Box
from napari_unet.core.text import count
from napari_unet.workflows.teaching_events import (
    Refused,
    Status,
    StrokesPredicted,
    Taught,
    TileDrawn,
    WorkingSizeChanged,
)

if TYPE_CHECKING:
    from napari_unet.core.teaching.preview_history import Published
    from napari_unet.core.teaching.teacher import Teacher


EDGE = 256  # px of the network: one tile of the Teacher makes such a cell
RESAMPLED = 224  # px of it at a smaller working size, where interpolation needs a rim

# number along each axis; of axes that the network does not see: the index
TileNumber = tuple[int, ...]


@dataclass(frozen=True)
class VisibleRegion:
    """What is on the screen: a box of the labels, and the pixel to begin at."""

    box: Box
    near: tuple[float, ...]


class DrawnCells:
    """Cells of labels of ``shape`` whose axes are ``letters``; each remembers its epoch."""

    def __init__(self, shape: tuple[int, ...], letters: str) -> None:
        self._shape = shape
        self._seen = [letter in "YX" for letter in letters]
        self._drawn: dict[TileNumber, int] = {}
        self._asked: tuple[Any, ...] = ()
        self._queue: list[TileNumber] = []  # the next one last

    def forget(self) -> None:
        """Mark all cells as out of date."""
        self._drawn.clear()
        self._asked = ()

    def note(self, cell: TileNumber, epoch: int) -> None:
        """Remember that ``cell`` was drawn."""
        self._drawn[cell] = epoch

    def next(
        self, view: VisibleRegion, stroke: Box | None, epoch: int, factor: int
    ) -> TileNumber | None:
        """Return the cell to draw: that of the last ``stroke``, then those around ``view.near``."""
        asked = (view, stroke, epoch, factor)
        if asked != self._asked:
            self._asked, cells = asked, list(self._of(view.box, factor))
            self._queue = sorted(cells, key=lambda cell: self._rank(cell, *asked), reverse=True)
        while self._queue and self._drawn.get(self._queue[-1]) == epoch:
            self._queue.pop()
        return self._queue[-1] if self._queue else None

    def box(self, cell: TileNumber, factor: int) -> Box:
        """Return the box of ``cell`` in the labels."""
        edges = self._edges(factor)
        return tuple(
            slice(number * edge, min((number + 1) * edge, length))
            for number, edge, length in zip(cell, edges, self._shape, strict=True)
        )

    def _of(self, box: Box, factor: int) -> Iterator[TileNumber]:
        spans = [
            range(part.start // edge, -(-part.stop // edge))
            for part, edge in zip(box, self._edges(factor), strict=True)
        ]
        return product(*spans)

    def _edges(self, factor: int) -> list[int]:
        edge = EDGE if factor == 1 else RESAMPLED * factor
        return [edge if seen else 1 for seen in self._seen]

    def _rank(
        self, cell: TileNumber, view: VisibleRegion, stroke: Box | None, epoch: int, factor: int
    ) -> tuple[bool, float, TileNumber]:
        box = self.box(cell, factor)
        touched = stroke is not None and all(
            a.start < b.stop and b.start < a.stop for a, b in zip(box, stroke, strict=True)
        )
        return not touched, distance(box, view.near), cell


def distance(box: Box, point: Sequence[float]) -> float:
    """Return how far ``point`` is from ``box``, squared, in pixels."""
    away = [
        max(part.start - at, at - (part.stop - 1), 0.0) for part, at in zip(box, point, strict=True)
    ]
    return sum(d**2 for d in away)


LATELY = 10.0  # seconds after a stroke in which its learning shares the time with other work
SLICE = 0.2  # seconds of learning between two looks at what else waits
ONCE = 120  # steps after which a single update ends without a new preview
READY = "Paint strokes of two classes: a preview follows within seconds"
SETTLED = "Settled, waiting for you"
RESTING = "Up to date"

Request = Callable[["TeachingLoop"], Any]


class TeachingLoop:
    """Made in the GUI thread, which uses ``post``, ``set_view``, ``live`` and ``update_once``."""

    def __init__(self, pixels: ImagePixels, classes: int, seed: int = 0) -> None:
        self.letters = pixels.axes.replace("C", "")  # of the labels
        self.shape = tuple(
            int(edge)
            for edge, letter in zip(pixels.data.shape, pixels.axes, strict=True)
            if letter != "C"
        )
        self.cells = DrawnCells(self.shape, self.letters)
        self.live = True
        self.message = ""  # of a request, beside its answer
        self.slice = SLICE
        self._pixels, self._classes, self._seed = pixels, classes, seed
        self._teacher: Teacher | None = None
        self._requests: deque[Request] = deque()
        self._view: VisibleRegion | None = None
        self._once = 0  # steps left of a single update
        self._stroke: Box | None = None  # the last one
        self._hasty = False  # strokes came that were not learned from yet
        self._measured = True  # whether the working size was looked at since
        self._handed = 0  # epoch of the network that was handed out last
        self._asked = time.monotonic()  # when somebody last painted, looked or asked

    def post(self, request: Request) -> None:
        """Add a request; any thread."""
        self._requests.append(request)
        self._asked = time.monotonic()

    def set_view(self, view: VisibleRegion | None) -> None:
        """Set what is on the screen; any thread."""
        if view != self._view:
            self._asked = time.monotonic()
        self._view = view

    def update_once(self) -> None:
        """Learn until the preview is another, although live is off; any thread."""
        self._once = ONCE
        self._asked = time.monotonic()

    def idle(self) -> bool:
        """Whether it goes on learning though nobody has asked for something lately; any thread."""
        return not (self._requests or self._hasty) and time.monotonic() - self._asked > LATELY

    @property
    def waiting(self) -> bool:
        """Whether a request waits; any thread."""
        return bool(self._requests)

    @property
    def teacher(self) -> "Teacher":
        """The Teacher; compute thread only, as all below."""
        if self._teacher is None:
            from napari_unet.core.teaching.teacher import Teacher

            self._teacher = Teacher(
                self._pixels.data,
                axes=self._pixels.axes,
                classes=self._classes,
                seed=self._seed,
            )
            self._teacher.prepare()
        return self._teacher

    def stroke_came(self, box: Box) -> None:
        """Note that the strokes in ``box`` changed: they are learned before more is drawn."""
        self._stroke, self._hasty, self._measured = box, True, False

    def work(self) -> Generator[Any, None, None]:
        """Do all there is to do, with a yield after each piece of it."""
        teacher = self.teacher
        yield self._status("")
        while True:
            if self._requests:
                yield from self._run(self._requests.popleft())
            elif (drawn := self._draw()) is not None:
                yield drawn
            elif self._learns():
                yield from self._learn()
            elif not self._measured:
                self._measured = True
                yield self._better_size()
            else:
                break
        if teacher.shown is not None and teacher.epoch != self._handed:
            self._handed = teacher.epoch
            yield Taught(teacher.network())
        yield self._status(self.message or (SETTLED if self.live else RESTING), learning=False)
        del teacher

    def _run(self, request: Request) -> Iterator[Any]:
        self.message = ""
        try:
            answer = request(self)
            if isinstance(answer, Iterator):
                yield from answer
            elif answer is not None:
                yield answer
        except ValueError as error:
            yield Refused(str(error))
            return
        if self.message:
            yield self._status(self.message)

    def _draw(self) -> TileDrawn | None:
        """Draw the next piece of the view that is out of date, unless a stroke comes first."""
        view, teacher = self._view, self.teacher
        if view is None or teacher.shown is None or (self._hasty and self._learns()):
            return None
        epoch, factor = teacher.epoch, teacher.working_size
        cell = self.cells.next(view, self._stroke, epoch, factor)
        if cell is None:
            return None
        box = self.cells.box(cell, factor)
        labels, scores = teacher.predict(box)
        self.cells.note(cell, epoch)
        return TileDrawn(box, labels + 1, scores, epoch)

    def _learns(self) -> bool:
        return (self.live or self._once > 0) and not self.teacher.settled

    def _learn(self) -> Iterator[Any]:
        """Learn until something is published, a request comes or ``slice`` seconds have passed."""
        until = time.thread_time() + self.slice
        while time.thread_time() < until and not self._requests and self._learns():
            published = list(self.teacher.learn(steps=1))
            self._once = max(self._once - 1, 0)
            if published:
                self._hasty = False
                self._once = 0 if published[-1].new else self._once
                yield self._published(published[-1])
                return
        yield None  # others may go first

    def _published(self, published: "Published") -> Status:
        self.message = ""
        learning = f"Learning from {count(published.strokes, 'stroke')}"
        plain = published.said.startswith(("Agrees", "First preview", "Learning from"))
        return self._status(learning if plain else published.said.rstrip("."))

    def _status(self, message: str, learning: bool = True) -> Status:
        teacher = self.teacher
        shown = teacher.shown
        return Status(
            message=message.rstrip(".") if shown is not None or (learning and message) else READY,
            by=shown.by if shown is not None else "",
            epoch=teacher.epoch,
            strokes=len(teacher.strokes),
            learning=learning and not teacher.settled,
            foreseen=_foreseen(teacher),
        )

    def _better_size(self) -> WorkingSizeChanged:
        """Suggest a larger view if the objects painted so far are wider than the network sees."""
        teacher = self.teacher
        better = teacher.suggest_working_size() if teacher.shown is not None else None
        if better is None:
            return WorkingSizeChanged(teacher.working_size)
        return WorkingSizeChanged(teacher.working_size, better.factor, better.said)


def _foreseen(teacher: "Teacher") -> StrokesPredicted | None:
    foreseen = teacher.foreseen
    share, strokes = foreseen.share, len(foreseen.shares)
    return None if share is None else StrokesPredicted(share, strokes, foreseen.said)
