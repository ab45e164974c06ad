"""Writes every stroke of a window to its journal, and offers what a crash left behind."""

import os
import time
import weakref
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari.layers import Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.files.user_folder import state_folder
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.recovery.restore import facts_of, restore
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.journal_replay import Replay, read_head, replay
from napari_unet.workflows.project_folder import Project
from napari_unet.workflows.stroke_journal import Journal

SUFFIX, USED = ".journal", ".restored"
DAYS = 30  # for which a closed or restored journal is kept


def new_path() -> Path:
    """Return the path for the journal of a new window."""
    stamp = time.strftime("%Y-%m-%d %H.%M.%S")
    folder, number = state_folder("strokes"), 1
    while True:
        path = folder / f"{stamp} {os.getpid()}-{number}{SUFFIX}"
        if not path.exists():
            return path
        number += 1


def left_behind() -> list[Replay]:
    """Return the journals of windows that crashed, the newest first."""
    folder = state_folder("strokes")
    replays = []
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
        head = read_head(path)
        if head.head is None or head.alive():
            continue
        replayed = replay(path)
        if not replayed.ended and any(one.labels.any() for one in replayed.annotations.values()):
            replays.append(replayed)
    _tidy(folder)
    return replays


def put_away(path: Path) -> None:
    """Rename the journal, so that it is not offered; it is deleted after a month."""
    path.rename(path.with_suffix(USED))


def _tidy(folder: Path) -> None:
    """Delete journals older than DAYS."""
    for path in [*folder.glob(f"*{USED}"), *folder.glob(f"*{SUFFIX}")]:
        old = time.time() - path.stat().st_mtime > DAYS * 86400
        if old and (path.suffix == USED or replay(path).ended):
            path.unlink(missing_ok=True)


WATCH = 1000  # ms between two checks whether the disk takes the strokes

_ALL: "weakref.WeakKeyDictionary[Session, Autosave]" = weakref.WeakKeyDictionary()


class Autosave(QObject):
    """Writes the annotations of a session to its journal. GUI thread only; see ``of``."""

    offers_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.project: Project | None = None  # the open project
        self.offers: tuple[Replay, ...] = ()
        self._session = weakref.ref(session)
        self._journal: Journal | None = None
        self._followed: weakref.WeakKeyDictionary[Labels, _Followed] = weakref.WeakKeyDictionary()
        self._problem = ""
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH)
        self._watch.timeout.connect(self._report_problem)
        session.pairs.changed.connect(self.follow)
        window = getattr(getattr(session.viewer, "window", None), "_qt_window", None)
        if window is not None:
            window.destroyed.connect(self.close)
        try:
            self.offers = tuple(left_behind())
        except OSError as error:
            messages.warn(f"Strokes of earlier windows were not looked for: {error}")
        self.follow()

    @classmethod
    def of(cls, session: Session) -> "Autosave":
        """Return the autosave of ``session``; it is made, and begins, at the first call."""
        if session not in _ALL:
            _ALL[session] = cls(session)
        return _ALL[session]

    def follow(self) -> None:
        """Follow every annotation layer that has an image."""
        session = self._session()
        if session is None:
            return
        for labels in [pair.labels for pair in session.pairs]:
            if labels not in self._followed:
                self._follow(session, labels, uuid4().hex)

    def move(self, journal: Journal, project: Project, keys: dict[Labels, str]) -> None:
        """Continue in the journal of a project, which has ``keys`` already; close the old one."""
        before, self._journal, self.project = self._journal, journal, project
        session = self._session()
        followed, self._followed = self._followed, weakref.WeakKeyDictionary()
        for labels, one in list(followed.items()):
            one.key = keys.get(labels, one.key)
            self._followed[labels] = one
            if labels not in keys and session is not None:
                journal.begin(one.key, *_held(session, labels))
        if session is not None:
            for labels in set(keys) - set(self._followed):
                self._followed[labels] = _Followed(self, session, labels, keys[labels])
        self._watch.start()
        if before is not None and before.path != journal.path and before.close():
            put_away(before.path)

    def write(self, call: str, *arguments: Any) -> None:
        """Call a method of the journal, if there is one."""
        if self._journal is not None:
            getattr(self._journal, call)(*arguments)

    def flush(self) -> bool:
        """Write all strokes to the disk now."""
        return self._journal is None or self._journal.flush()

    def restore(self) -> None:
        """Restore the offered annotations as layers."""
        session, offers = self._session(), self.offers
        self.offers = ()
        self.offers_changed.emit()
        if session is None:
            return
        for replayed in offers:
            for one in replayed.annotations.values():
                restore(session, one)
            self.flush()
            put_away(replayed.path)

    def discard(self) -> None:
        """Stop offering the journals; the files stay for a month."""
        for replayed in self.offers:
            put_away(replayed.path)
        self.offers = ()
        self.offers_changed.emit()

    def close(self) -> None:
        """Write that the window was closed without a crash."""
        self._watch.stop()
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _follow(self, session: Session, labels: Labels, key: str) -> None:
        try:
            if self._journal is None:
                self._journal = Journal(new_path())
                self._watch.start()
        except OSError as error:
            self._report(f"Strokes are not being kept: {error}")
            return
        self._followed[labels] = _Followed(self, session, labels, key)
        self._journal.begin(key, *_held(session, labels))

    def _report_problem(self) -> None:
        if self._journal is not None:
            self._report(self._journal.problem)

    def _report(self, problem: str) -> None:
        """Report once that strokes cannot be written, and once that they can be again."""
        if bool(problem) == bool(self._problem):
            return
        self._problem = problem
        if problem:
            messages.problem(problem)
        else:
            messages.info("Strokes are being kept again")


class _Followed(QObject):
    """Writes one annotation layer under its key in the journal."""

    def __init__(self, autosave: Autosave, session: Session, labels: Labels, key: str) -> None:
        super().__init__()
        self.key = key
        self._autosave = weakref.ref(autosave)
        self._session = weakref.ref(session)
        self._labels = weakref.ref(labels)
        self._edits = edits = UndoFollower.of(labels, session)
        edits.painted.connect(self._painted)
        edits.replaced.connect(self._replaced)
        edits.restyled.connect(self._described)
        labels.events.name.connect(self._described)

    def _painted(self, box: tuple[slice, ...]) -> None:
        autosave, labels = self._autosave(), self._labels()
        if autosave is not None and labels is not None:
            confirmed = self._edits.confirming.pixels[box]
            autosave.write("stroke", self.key, box, labels.data[box], confirmed)

    def _replaced(self) -> None:
        autosave, labels, session = self._autosave(), self._labels(), self._session()
        if autosave is not None and labels is not None and session is not None:
            autosave.write("begin", self.key, *_held(session, labels))

    def _described(self, event: Event | None = None) -> None:
        autosave, labels, session = self._autosave(), self._labels(), self._session()
        if autosave is not None and labels is not None and session is not None:
            autosave.write("describe", self.key, facts_of(session, labels))


def _held(session: Session, labels: Labels) -> tuple[Any, dict[str, Any], Confirmed]:
    """Return labels, facts and confirmed pixels, with which a journal begins."""
    confirmed = UndoFollower.of(labels, session).confirming.pixels
    return labels.data, facts_of(session, labels), confirmed
