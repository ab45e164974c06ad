"""The section of the Annotate dock for live teaching."""

from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.widgets.annotate.class_row import BalanceBar
from napari_unet.widgets.annotate.shortcuts import bind_teaching_keys, unbind_teaching_keys
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.live.blind_check_bar import CheckBar
from napari_unet.widgets.live.live_teaching import LiveTeaching
from napari_unet.widgets.live.more_panel import SIZES, MorePage, learned_from
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import Section, heading
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.teaching_events import Answer, Refused


def status(teaching: LiveTeaching | None) -> str:
    """Return in words what live teaching does, and which network the preview is from."""
    if teaching is None:
        return "Needs an image and its annotation layer."
    if teaching.problem:
        return f"{teaching.problem}."
    state = teaching.status
    if state is None:
        return "Getting ready …"
    message = state.message
    if not teaching.live and not teaching.busy:
        message = "Off: J learns from the strokes once" if state.strokes else "Off"
    by = f" · preview by {state.by.capitalize()}" if state.by else ""
    return f"{message}{by}"


class LiveSection(QWidget):
    """The switch, the status, the share of right strokes, and three buttons; More has the rest."""

    finishing = Signal(str)  # the name of a network to train further

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.teaching: LiveTeaching | None = None
        self._session = session
        self.switch = QPushButton()
        self.status = QLabel()
        self.share = QLabel()
        self.bar = BalanceBar()
        self.next = QPushButton("Suggest next  N")
        self.confirm = QPushButton("Confirm  K")
        self.undo = QPushButton("Undo learning")
        self.place = QLabel()
        self.better = QPushButton()
        self.check = CheckBar()
        self.more = MorePage(session)
        self._lay_out()
        self._connect()
        self.refresh()

    def set_layers(self, image: Image | None, labels: Labels | None) -> None:
        """Teach from these layers from now on."""
        teaching = None
        if image is not None and labels is not None:
            teaching = LiveTeaching.of(self._session, image, labels)
            bind_teaching_keys(labels)
        if teaching is not self.teaching:
            self._follow(teaching)
        self.refresh()

    def refresh(self) -> None:
        """Show the state of the teaching."""
        teaching = self.teaching
        on = teaching is not None and teaching.live
        self.switch.setText("● on   G" if on else "○ off   G")
        self.switch.setChecked(on)
        self.switch.setEnabled(teaching is not None)
        sentence = status(teaching)
        self.status.setText(sentence)
        self._show_share()
        self._show_actions()
        self._show_better()
        self.more.refresh()

    def _follow(self, teaching: LiveTeaching | None) -> None:
        if self.teaching is not None:
            self.teaching.rest(True)
            for signal in self._signals(self.teaching):
                signal.disconnect(self.refresh)
            self.teaching.answered.disconnect(self._answered)
            before = self.teaching.labels
            if before is not None and before not in self._session.viewer.layers:
                unbind_teaching_keys(before)
        self.teaching = teaching
        self.check.set_check(None if teaching is None else teaching.check)
        self.more.set_teaching(teaching)
        if teaching is not None:
            teaching.rest(False)
            for signal in self._signals(teaching):
                signal.connect(self.refresh)
            teaching.answered.connect(self._answered)

    def _signals(self, teaching: LiveTeaching) -> list[Any]:
        return [
            teaching.changed,
            teaching.tour.changed,
            teaching.confirm.changed,
            teaching.check.changed,
        ]

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._head())
        for label in (self.status, self.place):
            label.setWordWrap(True)
            label.setContentsMargins(8, 0, 0, 0)
        lines = self.status.fontMetrics().lineSpacing()
        # so that the buttons below do not move under the mouse
        self.status.setMinimumHeight(2 * lines + 2)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.status)
        meter = QHBoxLayout()
        meter.setContentsMargins(8, 0, 2, 0)
        self.measured = QLabel("right before it was learned")
        meter.addWidget(self.measured)
        meter.addWidget(self.bar, 1)
        meter.addWidget(self.share)
        layout.addLayout(meter)
        row = QGridLayout()
        row.setSpacing(4)
        for column, (button, share) in enumerate(
            ((self.next, 4), (self.confirm, 3), (self.undo, 4))
        ):
            row.addWidget(button, 0, column)
            row.setColumnStretch(column, share)
        layout.addLayout(row)
        layout.addWidget(self.place)
        layout.addWidget(self.better)
        layout.addWidget(self.check)
        layout.addWidget(Section("More", self.more))
        self.confirm.setCheckable(True)

    def _head(self) -> QWidget:
        """Return the title with a line and the switch behind it."""
        self.switch.setCheckable(True)
        self.switch.setAccessibleName("Live teaching")
        self.switch.setToolTip(
            "Learn from every stroke at once and show what was learned (G). Off: only when asked"
        )
        return heading("Live teaching", self.switch)

    def _connect(self) -> None:
        self.switch.clicked.connect(self._switch)
        self.next.clicked.connect(self._next)
        self.confirm.clicked.connect(self._confirm)
        self.undo.clicked.connect(self._undo)
        self.better.clicked.connect(self._resize)
        self.more.finished.connect(self.finishing)

    def _show_share(self) -> None:
        state = None if self.teaching is None else self.teaching.status
        foreseen = None if state is None else state.foreseen
        shown = foreseen is not None
        for part in (self.measured, self.bar, self.share):
            part.setVisible(shown)
        if foreseen is not None and self.teaching is not None and self.teaching.labels is not None:
            self.bar.show_share(foreseen.share, classes_of(self.teaching.labels)[1].color)
            self.share.setText(f"{foreseen.share:.0%}")
            for part in (self.measured, self.bar, self.share):
                part.setToolTip(foreseen.message)

    def _show_actions(self) -> None:
        teaching, why = self.teaching, learned_from(self.teaching)
        _offer(
            self.next, teaching is not None and not teaching.problem,
            "Go to the place where a stroke would teach most, and say why (N)",
            "There is nothing to annotate",
        )  # fmt: skip
        _offer(
            self.confirm, not why,
            "Brush over what the preview has right: it becomes annotation, with the classes of the "
            "preview (K). Such pixels count half and can be taken back together, under More", why,
        )  # fmt: skip
        _offer(
            self.undo, not why,
            "Show the preview of before again and go on from there; no stroke is changed", why,
        )  # fmt: skip
        self.confirm.setChecked(teaching is not None and teaching.confirm.on)
        reason = "" if teaching is None else teaching.tour.message
        self.place.setText(reason)
        self.place.setVisible(bool(reason))

    def _show_better(self) -> None:
        working_size = None if self.teaching is None else self.teaching.working_size
        shown = working_size is not None and working_size.better is not None
        self.better.setVisible(shown)
        if working_size is not None and working_size.better is not None:
            self.better.setText(f"Work at {SIZES[working_size.better]} size")
            self.better.setToolTip(working_size.message)

    def _switch(self) -> None:
        if self.teaching is not None:
            self.teaching.switch()

    def _next(self) -> None:
        if self.teaching is not None:
            self.teaching.tour.next()

    def _confirm(self) -> None:
        if self.teaching is not None:
            self.teaching.confirm.toggle()
        self.refresh()

    def _undo(self) -> None:
        if self.teaching is not None:
            self.teaching.ask(teaching_requests.undo_learning)

    def _resize(self) -> None:
        if self.teaching is not None and self.teaching.working_size.better is not None:
            self.more.work_at(self.teaching.working_size.better)

    def _answered(self, event: Answer) -> None:
        if isinstance(event, Refused):
            messages.info(event.message)


def _offer(button: QPushButton, possible: bool, tooltip: str, why: str) -> None:
    button.setEnabled(possible)
    button.setToolTip(tooltip if possible else why)
