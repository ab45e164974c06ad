"""A session: a person and a learner at one picture, second by second of the person's time."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from annotating.learners import Learner, Preview
from annotating.person import Person
from annotating.pictures import Picture
from annotating.strokes import Stroke

PAUSE = 1.0  # seconds a person looks on when there is nothing to mend
SOON = 0.5  # processor seconds within which a learner should have obeyed a stroke
DRAWN = 1.0  # further seconds within which that should be on the screen everywhere around it


@dataclass
class Session:
    """What happened; times are seconds of the person, ``cpu`` is of the learner."""

    curve: list[tuple[float, float]] = field(default_factory=list)  # when, IoU of each preview
    strokes: list[tuple[float, Stroke]] = field(default_factory=list)  # painted when
    foreseen: list[float] = field(default_factory=list)  # share of a stroke right before it
    obeyed: list[float] = field(default_factory=list)  # the same SOON after a mending stroke
    drawn: list[float] = field(default_factory=list)  # the same DRAWN after that
    mends_from: float | None = None  # when the person began to mend
    first_preview: float | None = None  # seconds of one core from both classes painted
    seconds: float = 0.0  # how long it was, for the person
    cpu: float = 0.0
    latest: float = 0.0  # processor seconds by which the learner was late at worst

    @property
    def dip(self) -> float:
        """Largest loss of IoU from one preview to the next."""
        ious = [iou for _, iou in self.curve]
        return max([0.0, *(a - b for a, b in pairwise(ious))])

    def at(self, second: float) -> float:
        """Return the IoU of the preview shown at a moment; 0 before the first one."""
        shown = [iou for when, iou in self.curve if when <= second + 1e-9]
        return shown[-1] if shown else 0.0


def iou(objects: np.ndarray, truth: np.ndarray) -> float:
    return float((objects & truth).sum() / max((objects | truth).sum(), 1))


class Simulation:
    """Runs a session: the learner has one core for as long as the person takes for a stroke.

    What it takes longer it has less later, and what it has to show is shown that much later.
    """

    def __init__(self, picture: Picture, learner: Learner, seed: int) -> None:
        self.picture, self.learner = picture, learner
        self.person = Person(picture, seed)
        self.session = Session()
        self.preview: Preview | None = None
        self.clock = 0.0
        self._late = 0.0  # processor seconds already taken from the time that comes
        self._coming: list[tuple[float, Preview]] = []  # with the moment it is shown
        # with the moment it is judged, and where that is noted
        self._unjudged: list[tuple[float, Stroke, list[float]]] = []
        self._both_since: float | None = None

    def run(self, seconds: float) -> Session:
        while self.clock < seconds:
            stroke = self.person.stroke(self.preview)
            self._learn(stroke.seconds if stroke else PAUSE)
            if stroke is not None:
                self._paint(stroke)
        self.session.cpu, self.session.seconds = self.learner.spent, self.clock
        return self.session

    def _learn(self, seconds: float) -> None:
        """Let the learner work while the person does."""
        if self._late < seconds:
            before = self.learner.spent - self._late
            for preview in self.learner.work(seconds - self._late):
                self._coming.append((self.clock + self.learner.spent - before, preview))
            self._late = self.learner.spent - before
        self._late = max(self._late - seconds, 0.0)
        self.session.latest = max(self.session.latest, self._late)
        self.clock += seconds
        while self._coming and self._coming[0][0] <= self.clock:
            self._show(*self._coming.pop(0))
        self._judge(self.clock)

    def _show(self, when: float, preview: Preview) -> None:
        self._judge(when)
        self.preview = preview
        if self.session.first_preview is None and self._both_since is not None:
            self.session.first_preview = when - self._both_since
        self.session.curve.append((when, iou(preview.objects, self.picture.objects)))

    def _judge(self, now: float) -> None:
        """Note of strokes painted SOON ago, or DRAWN before that, how much is shown right."""
        while self._unjudged and self._unjudged[0][0] < now and self.preview is not None:
            _, stroke, noted = self._unjudged.pop(0)
            noted.append(stroke.share(self.preview.objects))

    def _paint(self, stroke: Stroke) -> None:
        session = self.session
        if self.preview is not None:
            session.foreseen.append(stroke.share(self.preview.objects))
        if stroke.corrects:
            soon = self.clock + self._late + SOON
            self._unjudged.append((soon, stroke, session.obeyed))
            self._unjudged.append((soon + DRAWN, stroke, session.drawn))
            self._unjudged.sort(key=lambda item: item[0])
            session.mends_from = self.clock if session.mends_from is None else session.mends_from
        session.strokes.append((self.clock, stroke))
        self.learner.paint(stroke)
        if self._both_since is None and len({s.label for _, s in session.strokes}) > 1:
            self._both_since = self.clock + self._late


def replay(
    picture: Picture, learner: Learner, strokes: list[tuple[float, Stroke]], moments: list[float]
) -> Session:
    """Give another learner the same strokes at the same moments; look at it at ``moments`` only."""
    session, waiting = Session(), list(strokes)
    for moment in moments:
        while waiting and waiting[0][0] <= moment:
            session.strokes.append(waiting.pop(0))
            learner.paint(session.strokes[-1][1])
        for preview in learner.work(0.0):
            session.curve.append((moment, iou(preview.objects, picture.objects)))
    session.cpu, session.seconds = learner.spent, max(moments)
    return session
