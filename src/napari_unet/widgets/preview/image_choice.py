"""Chosen: the image that is previewed and its labels, followed through strokes and new pixels."""

from functools import partial
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_unet.widgets.layers.coordinates import from_layer, labels_shape
from napari_unet.widgets.layers.image_pairs import Pairs
from napari_unet.widgets.layers.layers import full_shape
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.layer_events import Connections, disconnect_all, timer


class Chosen(QWidget):
    """Chooses an image; its annotation follows, or else labels that fit it."""

    changed = Signal()  # other layers, or other pixels
    touched = Signal()  # perhaps: the labels were painted in, or look different

    def __init__(self, viewer: Any, pairs: Pairs) -> None:
        super().__init__()
        self._pairs = pairs
        self.image = LayerChoice(viewer, (Image,), "Annotated image")
        self.labels = LayerChoice(viewer, (Labels,), "Labels", optional="none yet", fits=self._fits)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Annotated image", self.image)
        form.addRow("Labels", self.labels)
        self._watch = Connections()
        self._soon = timer(self, 0, self.touched.emit)  # once for all told at the same time
        self.image.changed.connect(self._take_image)
        self.labels.changed.connect(self._follow)
        self.labels.activated.connect(self._pair)
        pairs.changed.connect(self.choose_labels)
        self.destroyed.connect(partial(disconnect_all, self._watch))
        self.choose_labels()
        self._follow()

    def layers(self) -> tuple[Image, Labels]:
        """Return the image and its labels, or say which is missing or does not fit."""
        image, labels = self.image.value(), self.labels.value()
        if image is None:
            raise ValueError(
                "there is no image yet: open one, or take one of File ▸ Open Sample ▸ napari-unet"
            )
        paired = self._pairs.annotation_of(image)
        if labels is None and paired is not None:
            from_layer(image, paired)  # says why it does not fit
        if labels is None:
            raise ValueError(
                f"'{image.name}' has no annotation yet: paint one in the Annotate dock, "
                "or choose its labels above"
            )
        return image, labels

    def choose_labels(self) -> None:
        """Choose the annotation of the image; without one, labels that fit it."""
        image = self.image.value()
        self.labels.reset_choices()
        fitting = [layer for layer in self.labels.choices() if layer is not None]
        paired = self._pairs.annotation_of(image) if image is not None else None
        if paired is not None:
            self.labels.setValue(paired if any(paired is one for one in fitting) else None)
        elif self.labels.value() is None and fitting:
            self.labels.setValue(fitting[0])

    def _fits(self, labels: Labels) -> bool:
        image = self.image.value()
        try:
            return image is not None and full_shape(labels) == labels_shape(image)
        except ValueError:
            return False

    def _take_image(self, *_: Any) -> None:
        """Another image, or the same one with other pixels."""
        self.choose_labels()
        self._follow()

    def _follow(self, *_: Any) -> None:
        """Hear of strokes and new pixels of the layers that are chosen now."""
        self._watch.forget()
        image, labels = self.image.value(), self.labels.value()
        if image is not None:
            self._watch.follow(self._take_image, image.events.data)
        if labels is not None:
            told = labels.events
            self._watch.follow(self._touched, told.paint, told.set_data, told.data, told.colormap)
        self.changed.emit()

    def _touched(self, event: Any) -> None:
        self._soon.start()

    def _pair(self, place: int) -> None:
        """A person has chosen the labels: they are the annotation from now on."""
        image, labels = self.image.value(), self.labels.value()
        if image is not None and labels is not None:
            self._pairs.pair(image, labels)
