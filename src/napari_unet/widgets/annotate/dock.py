"""The Annotate dock: an image, its annotation layer, its classes, checks and live teaching."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.annotate.annotation_choice import AnnotationChoice
from napari_unet.widgets.annotate.checks_panel import AnnotationCheck
from napari_unet.widgets.annotate.class_counts import advice, looks_like_objects
from napari_unet.widgets.annotate.class_editing import cover
from napari_unet.widgets.annotate.class_list import ClassList
from napari_unet.widgets.annotate.shapes_to_labels import ShapesToLabels
from napari_unet.widgets.annotate.shortcuts import bind_keys, let_encircle, unbind_keys
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.label_classes import code_of, set_code
from napari_unet.widgets.live.live_panel import LiveSection
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import Dock, Section, heading, open_dock

if TYPE_CHECKING:
    import napari


class LabelMeaning(QWidget):
    """Two switches for the meaning of labels of other programs; pixels stay the same."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._labels: Labels | None = None
        self._edits: UndoFollower | None = None
        self.zero = QCheckBox("0 is background in this layer")
        self.zero.setToolTip(
            "On: 0 is background, and every pixel is labelled, as in most label images. "
            "Off: 0 is unlabelled and weighs nothing, 1 is background"
        )
        self.ids = QCheckBox("each id is an object")
        self.ids.setToolTip(
            "On: each value is an object of one class, and touching objects are kept apart. "
            "Off: each value is a class"
        )
        self.message = QLabel()
        self.message.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 0, 0, 4)
        layout.setSpacing(3)
        for part in (self.zero, self.ids, self.message):
            layout.addWidget(part)
        self.zero.toggled.connect(self._apply)
        self.ids.toggled.connect(self._apply)

    def set_layer(self, labels: Labels | None, edits: UndoFollower | None) -> None:
        """Show what the values of ``labels`` mean."""
        self._labels, self._edits = labels, edits
        self.setEnabled(labels is not None)
        self.refresh()

    def refresh(self) -> None:
        """Show the code as it is now."""
        if self._labels is None:
            return
        code = code_of(self._labels)
        blockers = [QSignalBlocker(self.zero), QSignalBlocker(self.ids)]
        self.zero.setChecked(not code.background)
        self.ids.setChecked(code.instances)
        for blocker in blockers:
            blocker.unblock()
        self.message.setText(in_words(code))

    def _apply(self) -> None:
        if self._labels is None or self._edits is None:
            return
        zero = "background" if self.zero.isChecked() else "unlabelled"
        set_code(self._labels, LabelCode(zero, "objects" if self.ids.isChecked() else "classes"))
        cover(self._labels, max(self._edits.counts or {}, default=0))
        self.refresh()
        self.changed.emit()


def in_words(code: LabelCode) -> str:
    """Return what the values mean, as '0 unlabelled · 1 background · 2… classes'."""
    first = "0 unlabelled · 1 background" if code.background else "0 background"
    after = code.background + 1
    return f"{first} · {after}… {'objects' if code.instances else 'classes'}"


class AnnotateDock(Dock):
    """The dock for painting; ``image`` and ``labels`` are the pair that is shown.

    ``live`` is the part in which a network learns while somebody paints.
    """

    annotation_changed = Signal()  # ``image`` or ``labels`` is another layer, or has other data

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.edits: UndoFollower | None = None
        self._bound: Labels | None = None
        self.choice = AnnotationChoice(self.viewer, self.session)
        self.classes = ClassList()
        self.meaning = LabelMeaning()
        self.shapes_to_labels = ShapesToLabels(self.viewer, self.session)
        self.live = LiveSection(self.session)
        self.checking = AnnotationCheck(self.viewer, self.session)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self._lay_out()
        self.choice.changed.connect(self._take)
        self.meaning.changed.connect(self._recoded)
        self.live.finishing.connect(self._finish)
        self._take()
        self.choice.open()

    @property
    def image(self) -> Image | None:
        """The image that is annotated."""
        return self.choice.image

    @property
    def labels(self) -> Labels | None:
        """Its annotation layer; None while there is none that can be painted."""
        return self.choice.labels

    def _lay_out(self) -> None:
        self.body.addWidget(self.choice)
        self.body.addWidget(heading("Classes"))
        self.body.addWidget(self.hint)
        self.body.addWidget(self.classes)
        self.layer_section = Section("This layer", self.meaning)
        self.body.addWidget(self.layer_section)
        self.body.addWidget(Section("From points or shapes", self.shapes_to_labels))
        self.body.addWidget(self.live)
        self.body.addWidget(heading("Check"))
        self.body.addWidget(self.checking)
        line = QHBoxLayout()
        line.addWidget(_button("Train…", "Open the dock that trains a network", self._train))
        line.addWidget(_button("Segment…", "Open the dock that segments images", self._segment))
        self.foot.addLayout(line)

    def _take(self) -> None:
        """Follow another pair, or new data of the same pair."""
        if self.edits is not None:
            self.edits.counted.disconnect(self._counted)
            self.edits.replaced.disconnect(self.choice.labels_replaced)
        if self._bound is not None and self._bound not in self.viewer.layers:
            unbind_keys(self._bound)
        labels = self._bound = self.labels
        self.edits = None if labels is None else UndoFollower.of(labels, self.session)
        if labels is not None and self.edits is not None:
            bind_keys(labels, self.session)
            let_encircle(labels)
            self.edits.counted.connect(self._counted)
            self.edits.replaced.connect(self.choice.labels_replaced)
        self.classes.set_layer(labels, self.edits)
        self.meaning.set_layer(labels, self.edits)
        self.shapes_to_labels.set_layer(labels, self.edits)
        self.checking.set_layers(self.image, labels, self.edits)
        self.live.set_layers(self.image, labels)
        self._counted()
        self.annotation_changed.emit()

    def _counted(self) -> None:
        """Add missing classes for painted values, and say what to paint next."""
        labels = self.labels
        counts = None if self.edits is None else self.edits.counts
        if labels is not None and counts is not None:
            if looks_like_objects(labels, counts):
                self.layer_section.open()
            else:
                cover(labels, max(counts, default=0))
        sentence = "" if labels is None or counts is None else advice(labels, counts)
        self.hint.setText(sentence)
        self.hint.setVisible(bool(sentence))

    def _recoded(self) -> None:
        self.classes.refresh()
        self._counted()
        self.annotation_changed.emit()

    def _train(self) -> None:
        self._open_dock("Train")

    def _segment(self) -> None:
        self._open_dock("Segment")

    def _finish(self, network: str) -> None:
        """Open Train with the network that was taught live."""
        dock = self._open_dock("Train")
        if dock is not None:
            dock.start_form.go_on_from(network)

    def _open_dock(self, name: str) -> Any:
        try:
            return open_dock(self.viewer, name)
        except (KeyError, ValueError) as error:
            messages.problem(f"The dock {name} could not be opened: {messages.in_words(error)}")
            return None


def _button(text: str, tooltip: str, clicked: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.clicked.connect(clicked)
    return button
