"""The part More of live teaching: seldom used controls, and removing what was confirmed."""

from functools import partial

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_unet.widgets.layers.coordinates import pixels_of, region_to_layer
from napari_unet.widgets.live.live_teaching import LiveTeaching
from napari_unet.widgets.live.stroke_sender import taught_classes
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.teaching_events import Answer, NetworkCopied, Unconfirmed

SIZES = {1: "full", 2: "½", 4: "¼"}
NO_PREVIEW = "There is no preview yet: paint strokes of two classes first"


def learned_from(teaching: LiveTeaching | None) -> str:
    """Return why a button that needs a preview is disabled; empty if there is a preview."""
    return "" if teaching is not None and teaching.shown else NO_PREVIEW


def remove_confirmed(image: Image, labels: Labels, places: tuple[np.ndarray, ...]) -> None:
    """Unlabel pixels; ``places`` has an index array for each axis of the labels of ``core``."""
    named = region_to_layer(image, tuple(slice(n, n + 1) for n in range(1, len(places) + 1)))
    zero = np.zeros_like(places[0])  # the index along an axis that spans all channels
    index = [places[part.start - 1] if part.start else zero for part in named]
    with labels.block_history():
        labels.data_setitem(tuple(index), 0)


STYLES = ("filled", "contours")
PEEK = "hold S to look under it, A under the strokes"
UNCHECKED = "no window judged yet"


class MorePage(QWidget):
    """One update, working size, style of the preview, blind check, start over and finish."""

    finished = Signal(str)  # the name of a network to train further

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._teaching: LiveTeaching | None = None
        self.once = QPushButton("Update once  J")
        self.size = QComboBox()
        self.style = QComboBox()
        self.check = QPushButton("Blind check")
        self.result = QLabel(UNCHECKED)
        self.unconfirm = QPushButton("Remove confirmed")
        self.over = QPushButton("Start over")
        self.finish = QPushButton("Finish training…")
        self._lay_out()
        self._connect()

    def set_teaching(self, teaching: LiveTeaching | None) -> None:
        """Act on this live teaching from now on."""
        if self._teaching is not None:
            self._teaching.answered.disconnect(self._answered)
        self._teaching = teaching
        if teaching is not None:
            teaching.answered.connect(self._answered)

    def refresh(self) -> None:
        """Enable the buttons that can be used now."""
        teaching, why = self._teaching, learned_from(self._teaching)
        for button in (self.check, self.unconfirm, self.over, self.finish):
            button.setEnabled(not why)
        self.once.setEnabled(teaching is not None and not teaching.problem)
        self.size.setEnabled(teaching is not None and not teaching.problem)
        if teaching is not None:
            blocker = QSignalBlocker(self.size)
            self.size.setCurrentIndex(self.size.findData(teaching.working_size.now))
            blocker.unblock()
            self.style.setCurrentIndex(int(teaching.preview.contour))
        result = "" if teaching is None else teaching.check.result
        self.result.setText(result or UNCHECKED)

    def work_at(self, factor: int) -> None:
        """Learn and predict at another pixel size from now on."""
        if self._teaching is not None:
            self._teaching.ask(partial(teaching_requests.work_at, factor=factor))

    def _lay_out(self) -> None:
        for factor, name in SIZES.items():
            self.size.addItem(f"{name} size", factor)
        self.style.addItems(STYLES)
        self.result.setWordWrap(True)
        form = QFormLayout(self)
        form.setContentsMargins(8, 0, 0, 0)
        form.addRow("working size", self.size)
        form.addRow("preview", self.style)
        form.addRow(QLabel(PEEK))
        form.addRow(self.result)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.once)
        first.addWidget(self.check)
        second.addWidget(self.unconfirm)
        second.addWidget(self.over)
        for row in (first, second):
            form.addRow(row)
        form.addRow(self.finish)
        self._explain()

    def _explain(self) -> None:
        self.once.setToolTip("Learn until the next preview, also while live is off (J)")
        self.size.setToolTip(
            "At half or a quarter of the size the network sees more around each pixel and the "
            "preview is faster; results stay on the pixels of the image"
        )
        self.style.setToolTip("How the preview is drawn; hold S to hide it, A to hide the strokes")
        self.check.setToolTip(
            "Judge windows drawn at random: the share that is right, with its 95 % interval"
        )
        self.unconfirm.setToolTip(
            "Unlabel every pixel that was confirmed and not painted (Ctrl+Z brings them back)"
        )
        self.over.setToolTip(
            "Forget all that was learned, also on other images, and learn the strokes anew; no "
            "stroke is lost"
        )
        self.finish.setToolTip(
            "Hand strokes and network to Train, which goes on from what was learned here. The "
            "preview is also drawn by a quick fit to the strokes, which stays behind: look at what "
            "Segment makes of the network"
        )

    def _connect(self) -> None:
        self.once.clicked.connect(self._once)
        self.size.activated.connect(self._resize)
        self.style.activated.connect(self._restyle)
        self.check.clicked.connect(self._start_check)
        self.unconfirm.clicked.connect(self._unconfirm)
        self.over.clicked.connect(self._start_over)
        self.finish.clicked.connect(self._finish)

    def _once(self) -> None:
        if self._teaching is not None:
            self._teaching.update_once()

    def _resize(self, place: int) -> None:
        self.work_at(int(self.size.itemData(place)))

    def _restyle(self, place: int) -> None:
        if self._teaching is not None:
            self._teaching.preview.contour = bool(place)
            self._teaching.preview.restyle()

    def _start_check(self) -> None:
        if self._teaching is not None:
            self._teaching.check.start()

    def _start_over(self) -> None:
        if self._teaching is not None:
            self._teaching.from_last.start_over()

    def _unconfirm(self) -> None:
        if self._teaching is not None:
            self._teaching.ask(teaching_requests.remove_confirmed)

    def _finish(self) -> None:
        teaching = self._teaching
        if teaching is None or teaching.image is None or teaching.labels is None:
            return
        classes = tuple((entry.name, entry.color) for entry in taught_classes(teaching.labels))
        size = pixels_of(teaching.image).pixel_size
        self.finish.setEnabled(False)
        teaching.ask(partial(teaching_requests.copy_network, classes=classes, pixel_size=size))

    def _answered(self, event: Answer) -> None:
        teaching = self._teaching
        if teaching is None or teaching.image is None or teaching.labels is None:
            return
        if isinstance(event, Unconfirmed):
            remove_confirmed(teaching.image, teaching.labels, event.places)
        elif isinstance(event, NetworkCopied):
            name = self._session.networks.free_name(f"{teaching.image.name} live")
            network = self._session.networks.add(KeptNetwork(name, event.network))
            if event.message:
                messages.warn(event.message)
            self.finished.emit(network.name)
