"""The choice of the truth and the result among the labels layers, and whether they changed."""

import zlib

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.text import size
from napari_unet.widgets.evaluate.error_list import is_errors
from napari_unet.widgets.layers.label_classes import code_of
from napari_unet.widgets.layers.layers import NOTES, full_shape
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.layer_events import timer
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.evaluate_pair import EvaluationRequest

REST = 600  # ms without a stroke before ``edited`` is emitted
FOREIGN = LabelCode("background", "objects")  # the meaning of labels of other programs
KNOWN = ("zero", "ids", "classes")  # notes that only layers of this plugin have
WATCHED = 2**24  # px up to which all pixels are compared to find a change


class TwoLayers(QWidget):
    """The choice of truth and result; ``edited`` is emitted when their pixels change."""

    changed = Signal()
    edited = Signal()

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._session = session
        self._by_hand = False  # a person chose; layers are no longer guessed
        self._followed: list[Labels] = []
        self._seen: list[int] = []
        self.truth = LayerChoice(viewer, (Labels,), "Truth", fits=_fits)
        self.result = LayerChoice(viewer, (Labels,), "Result", fits=_fits)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("&Truth", self.truth)
        form.addRow("&Result", self.result)
        self._rest = timer(self, REST, self._compare)
        for choice in (self.truth, self.result):
            choice.activated.connect(self._chosen)
            choice.changed.connect(self._take)
        self.reset_choices()

    def value(self) -> tuple[Labels, Labels] | None:
        """Return truth and result; None if one is missing."""
        truth, result = self.truth.value(), self.result.value()
        return None if truth is None or result is None else (truth, result)

    def set_result(self, layer: Labels) -> None:
        """Choose the result, and a truth that fits it."""
        self.result.setValue(layer)
        self.truth.setValue(self._truth_for(layer) or self.truth.value())
        self._by_hand = True
        self._take()

    def reset_choices(self) -> None:
        """Guess truth and result, unless a person has chosen."""
        layers = [layer for layer in self.result.choices() if layer is not None]
        if not self._by_hand and len(layers) > 1:
            segmented = [layer for layer in layers if _noted(layer, "segmented")]
            result = next(iter(segmented), None) or next(
                (layer for layer in layers if not self._is_truth(layer)), layers[0]
            )
            self.result.setValue(result)
            self.truth.setValue(self._truth_for(result))
        self._take()

    def _truth_for(self, result: Labels) -> Labels | None:
        """Return the layer that most likely is the truth of ``result``."""
        others = [one for one in self.truth.choices() if one is not None and one is not result]
        fitting = [one for one in others if full_shape(one) == full_shape(result)]
        image = str(result.metadata.get(NOTES, {}).get("segmented") or result.name)

        def doubts(one: Labels) -> tuple[bool, bool, bool]:
            named = "truth" in one.name.lower()
            return not named, not one.name.startswith(image), not self._is_truth(one)

        return next(iter([*sorted(fitting, key=doubts), *others]), None)

    def _is_truth(self, layer: Labels) -> bool:
        paired = self._session.pairs.image_of(layer) is not None
        return "truth" in layer.name.lower() or paired

    def _chosen(self, place: int) -> None:
        self._by_hand = True

    def _take(self, layer: Labels | None = None) -> None:
        """Follow the chosen layers from now on."""
        layers = [one for one in (self.truth.value(), self.result.value()) if one is not None]
        if [id(one) for one in layers] == [id(one) for one in self._followed]:
            return
        self.let_go()
        self._followed = layers
        for one in layers:
            for event in (one.events.paint, one.events.set_data, one.events.data):
                event.connect(self._touched)
        self._seen = [_fingerprint(one) for one in layers]
        self.changed.emit()

    def let_go(self) -> None:
        """Stop following the layers."""
        for one in self._followed:
            for event in (one.events.paint, one.events.set_data, one.events.data):
                event.disconnect(self._touched)
        self._followed = []
        self._rest.stop()

    def _touched(self, event: Event | None = None) -> None:
        self._rest.start()

    def _compare(self) -> None:
        """Emit ``edited`` if pixels changed; showing another plane is no change."""
        seen = [_fingerprint(one) for one in self._followed]
        if seen != self._seen or 0 in seen:
            self._seen = seen
            self.edited.emit()


def _fits(layer: Labels) -> bool:
    return not is_errors(layer)


def _noted(layer: Labels, name: str) -> bool:
    return bool(layer.metadata.get(NOTES, {}).get(name))


def _fingerprint(layer: Labels) -> int:
    """Return a checksum of the pixels; 0 for a large layer, where it would take long."""
    pixels = pixels_of(layer)
    if not isinstance(pixels, np.ndarray) or pixels.size > WATCHED:
        return 0
    return zlib.crc32(np.ascontiguousarray(pixels).view(np.uint8).data) or 1


def evaluation_request(
    truth: Labels, result: Labels, *, classes: bool, iou: float = 0.5, warping: bool = False
) -> EvaluationRequest:
    """Copy the pixels of both layers; ValueError if they do not fit."""
    if truth is result:
        raise ValueError(f"'{truth.name}' is truth and result at once: choose two layers")
    shapes = [tuple(pixels_of(layer).shape) for layer in (truth, result)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"'{truth.name}' has the shape {size(shapes[0])} and '{result.name}' "
            f"{size(shapes[1])}: choose labels of the same image"
        )
    return EvaluationRequest(
        _copy(truth), _copy(result), meaning(truth), meaning(result),
        classes, has_times(truth), iou, warping,
    )  # fmt: skip


def meaning(layer: Labels) -> LabelCode:
    """Return the meaning of the values of ``layer``; unless it is set, 0 is background."""
    stored = layer.metadata.get(NOTES, {})
    return code_of(layer) if any(name in stored for name in KNOWN) else FOREIGN


def has_times(layer: Labels) -> bool:
    """Whether the first axis of ``layer`` is time."""
    return bool(layer.ndim > 2 and str(layer.axis_labels[0]).lower() in ("t", "time"))


def pixels_of(layer: Labels) -> Pixels:
    """Return the pixels of ``layer``, of a pyramid the largest level."""
    return layer.data[0] if layer.multiscale else layer.data


def _copy(layer: Labels) -> Pixels:
    pixels = pixels_of(layer)
    if isinstance(pixels, np.ndarray):
        pixels = pixels.copy()
        pixels.setflags(write=False)
    return pixels
