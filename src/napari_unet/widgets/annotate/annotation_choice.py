"""The choice of an image and of its annotation layer, and whether the two fit each other.

An image that is opened or chosen gets an annotation layer once. When somebody deletes that layer,
it is not made again automatically.
"""

import sys
from math import prod

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.text import size
from napari_unet.widgets.annotate.class_editing import PAINTING, chosen_class
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.coordinates import labels_shape
from napari_unet.widgets.layers.label_classes import classes_of, code_of, prepared, value_of
from napari_unet.widgets.layers.layers import full_shape
from napari_unet.widgets.menu_commands import active_image
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.layer_events import LayerEvents
from napari_unet.widgets.shared.session import LatestRequest, Session

SLOW = 2**24  # px from which napari needs a second to draw labels of 32 or 64 bits


def image_problem(image: Image) -> str:
    """Return why ``image`` cannot be annotated; empty when it can."""
    try:
        labels_shape(image)
    except ValueError as error:
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    return ""


def fits(image: Image | None, labels: Labels) -> bool:
    """Whether ``labels`` have the shape that labels of ``image`` need."""
    if image is None or image_problem(image):
        return False
    return full_shape(labels) == labels_shape(image)


def why_not_matching(image: Image, labels: Labels) -> str:
    """Return the sentence for an annotation whose shape does not match ``image``."""
    return (
        f"'{labels.name}' is {size(full_shape(labels))} and the labels of '{image.name}' need "
        f"{size(labels_shape(image))}: it was left as it is; press New for another one."
    )


def why_not_painted(labels: Labels) -> str:
    """Return why ``labels`` cannot be painted; a copy can. Empty when they can."""
    if labels.multiscale:
        return f"'{labels.name}' is a pyramid, which napari cannot paint: make a copy to paint in."
    if _is_dask(labels.data):
        return (
            f"'{labels.name}' is computed as it is shown (dask), so strokes would be lost: "
            "make a copy to paint in."
        )
    return ""


def why_slow(labels: Labels) -> str:
    """Return why painting in ``labels`` will be slow, empty when it will not."""
    bits = labels.dtype.itemsize * 8
    pixels = prod(full_shape(labels))
    if bits <= 16 or pixels < SLOW:
        return ""
    return (
        f"'{labels.name}' has {bits} bits a pixel: on {pixels / 1e6:.0f} million pixels each "
        "stroke is drawn slowly; a copy of 16 bits is drawn at once."
    )


def _is_dask(data: object) -> bool:
    """Whether ``data`` is a dask array; dask is not imported for this, because that is slow."""
    dask = sys.modules.get("dask.array")
    return dask is not None and isinstance(data, dask.Array)


WAIT = 30  # ms until the next check whether napari is ready to colour labels
NO_IMAGE = "Open an image to annotate: File ▸ Open, or File ▸ Open Sample."


class AnnotationChoice(QWidget):
    """Two combo boxes, a button for a new layer, and a sentence if something is missing."""

    changed = Signal()

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self.image: Image | None = None
        self.labels: Labels | None = None
        self._viewer, self._session = viewer, session
        self._watch: LayerEvents | None = None
        self.images = LayerChoice(viewer, (Image,), "Image")
        self.layers = LayerChoice(viewer, (Labels,), "Labels", optional="none", fits=self._fits)
        self.new = QPushButton("New")
        self.notice = QLabel()
        self.copy = QPushButton("Copy to paint in")
        self._copies = LatestRequest(session, parent=self)
        self._later = QTimer(self)  # starts after napari has finished adding the layer
        self._lay_out()
        self._connect()
        self._follow_pair()

    def _lay_out(self) -> None:
        self.new.setToolTip("Add an empty annotation layer to the image; the one there is stays")
        menu = QMenu(self.new)
        menu.setToolTipsVisible(True)
        menu.addAction("for classes", self._new_classes).setToolTip("A value a class, 8 bits")
        menu.addAction("for objects", self._new_objects).setToolTip(
            "A value an object, 16 bits: for objects that touch each other"
        )
        self.new.setMenu(menu)
        line = QHBoxLayout()
        line.addWidget(self.layers, 1)
        line.addWidget(self.new)
        title = QLabel("&Labels")
        title.setBuddy(self.layers)
        form = QFormLayout()
        form.addRow("&Image", self.images)
        form.addRow(title, line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        self.notice.setWordWrap(True)
        layout.addWidget(self.notice)
        self.copy.setToolTip("Copy the labels into a layer of 8 or 16 bits that can be painted")
        layout.addWidget(self.copy)

    def _connect(self) -> None:
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.begin)
        self.images.changed.connect(self._image_changed)
        self.images.activated.connect(self._picked)
        self.layers.changed.connect(self._labels_changed)
        self.copy.clicked.connect(self._copy)
        self._copies.answered.connect(self._copied)
        self._session.pairs.changed.connect(self._follow_pair)

    def open(self) -> None:
        """Choose the active image, and activate the brush of its annotation."""
        pairs = self._session.pairs
        active = self._viewer.layers.selection.active
        image = pairs.image_of(active) if isinstance(active, Labels) else None
        if image is None and not isinstance(active, Image):
            image = next((pair.image for pair in pairs), None)
        self.images.setValue(image or active_image(self._viewer))
        self.begin()

    def begin(self) -> None:
        """Add an annotation layer to an image that never had one, and activate its brush."""
        image = self.image
        if image is None or image_problem(image):
            return
        if not prepared():
            self._later.start(WAIT)
            return
        if self.labels is None and not self._session.pairs.was_paired(image):
            self._new_classes()
        elif self.labels is not None:
            self._take_up_brush(self.labels)

    def _fits(self, labels: Layer) -> bool:
        return fits(self.images.value(), labels)

    def _picked(self, place: int) -> None:
        self.begin()

    def _image_changed(self, image: Image | None) -> None:
        """Follow the choice; the first image of a viewer is annotated at once."""
        first = self.image is None and image is not None
        if self._watch is not None:
            self._watch.emitted.disconnect(self._image_replaced)
        self._watch = None if image is None else LayerEvents.of(image, "data")
        if self._watch is not None:
            self._watch.emitted.connect(self._image_replaced)
        self._copies.drop()
        self._follow_pair()
        if first:
            self._later.start(0)

    def _image_replaced(self) -> None:
        self.layers.reset_choices()
        self._update(True)

    def labels_replaced(self) -> None:
        """Check again whether the labels fit; the dock calls this when they got new data."""
        self.layers.reset_choices()
        self._update(True)

    def _follow_pair(self) -> None:
        """Show the annotation layer of the image."""
        image = self.images.value()
        annotation = None if image is None else self._session.pairs.annotation_of(image)
        self.layers.reset_choices()
        self.layers.setValue(annotation)
        self._update()

    def _labels_changed(self, labels: Labels | None) -> None:
        image = self.images.value()
        if image is not None and labels is not None:
            self._session.pairs.pair(image, labels)
        self._update()

    def _update(self, force: bool = False) -> None:
        """Apply the two choices, and say what is missing."""
        image, labels = self.images.value(), self.layers.value()
        refusal = "" if labels is None else why_not_painted(labels)
        slow = "" if labels is None else why_slow(labels)
        self._say(self._missing(image, labels) or refusal or slow)
        self.copy.setVisible(bool(refusal or slow))
        self.new.setEnabled(image is not None and not image_problem(image))
        before = self.image, self.labels
        self.image, self.labels = image, None if refusal else labels
        if force or before[0] is not self.image or before[1] is not self.labels:
            self.changed.emit()

    def _missing(self, image: Image | None, labels: Labels | None) -> str:
        if image is None:
            return NO_IMAGE
        if labels is not None:
            return ""
        annotation = self._session.pairs.annotation_of(image)
        if image_problem(image):
            return image_problem(image)
        if annotation is not None and not fits(image, annotation):
            return why_not_matching(image, annotation)
        return f"'{image.name}' has no annotation layer: press New, or choose one above."

    def _say(self, sentence: str) -> None:
        self.notice.setText(sentence)
        self.notice.setVisible(bool(sentence))

    def _new_classes(self) -> None:
        self._make("uint8", LabelCode())

    def _new_objects(self) -> None:
        self._make("uint16", LabelCode(ids="objects"))

    def _make(self, dtype: str, code: LabelCode, data: np.ndarray | None = None) -> None:
        image, before = self.image, self.labels or self.layers.value()
        if image is None:
            return
        classes = {} if before is None else {"classes": classes_of(before)}
        try:
            layer = new_annotation_layer(
                self._viewer, image, dtype=dtype, data=data, code=code, **classes
            )
        except ValueError as error:
            messages.problem(str(error))
            return
        self._take_up_brush(layer)

    def _copy(self) -> None:
        labels = self.layers.value()
        if labels is not None:
            data = labels.data[0] if labels.multiscale else labels.data
            self._copies.ask(_narrow, data)

    def _copied(self, data: np.ndarray) -> None:
        labels = self.layers.value()
        if labels is not None:
            self._make("", code_of(labels), data)

    def _take_up_brush(self, layer: Labels) -> None:
        """Activate the brush with a class."""
        self._viewer.layers.selection.active = layer
        if layer.mode not in (*PAINTING, "erase"):
            layer.mode = "paint"
        if not chosen_class(layer):
            layer.selected_label = value_of(layer, 1)


def _narrow(data: Pixels) -> np.ndarray:
    """Return a copy with as few bits as the values need."""
    copy = np.array(data)
    dtype = np.min_scalar_type(int(copy.max(initial=0)))
    return copy.astype(dtype) if dtype.itemsize < copy.dtype.itemsize else copy
