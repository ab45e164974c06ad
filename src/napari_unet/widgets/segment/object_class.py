"""The class of the selected object, in a result of several classes."""

import numpy as np
from napari.layers import Labels
from numpy.typing import ArrayLike
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from napari_unet.widgets.segment.inputs import LABEL_WIDTH
from napari_unet.widgets.segment.result import Result, WrittenLabels
from napari_unet.widgets.shared.layer_events import LayerEvents, timer
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Urgency
from napari_unet.workflows.segment_request import ResultCache

BY_SCORES = "by its scores"
TOOLTIP = (
    "The class of the selected object: the picker (key L) selects one, key M begins a new one. "
    "'By its scores' is the class that the network prefers over its pixels. Chosen before a new "
    "object is painted, a class holds for the new ones after it, too. Another class than the "
    "network's is a correction, which 'Use as annotation' takes over"
)
NO_OBJECT = "Label 0 is background: select an object in the image with the picker (key L)"


class ClassChoice(QWidget):
    """The choice of a class for the selected object; hidden if there is one class only."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.title = QLabel()
        self.classes = QComboBox()
        self.classes.setAccessibleName("class of the selected object")
        self.classes.setMinimumContentsLength(8)  # so that a long name does not widen the dock
        self.classes.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._result: Result | None = None
        self._layer: Labels | None = None
        self._soon = timer(self, 0, self._show)
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self._preferred)
        self.classes.activated.connect(self._chosen)
        self.title.setBuddy(self.classes)
        self.title.setMinimumWidth(LABEL_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.title)
        row.addWidget(self.classes, 1)
        self.hide()

    def show_result(self, result: Result | None) -> None:
        """Follow the layer of ``result``."""
        written = None if result is None else result.written
        shown = written is not None and written.has_choice
        layer = result.layer if result is not None and shown else None
        self._result = result
        if layer is not self._layer:
            for kind in ("selected_label", "paint"):
                if self._layer is not None:
                    LayerEvents.of(self._layer, kind).emitted.disconnect(self._soon.start)
                if layer is not None:
                    LayerEvents.of(layer, kind).emitted.connect(self._soon.start)
            self._layer = layer
        self.setVisible(shown)
        self._show()

    def _show(self) -> None:
        """Show the class of what is selected now."""
        layer, written = self._layer, self._written()
        if layer is None or written is None:
            return
        label = int(layer.selected_label)
        new = label >= len(written.kinds)
        self.title.setText(
            f"New object {label}" if new else f"Object {label}" if label else "No object"
        )
        names = [entry.name for entry in written.classes[1:]]
        scored = names[max(int(written.kinds[label]), 1) - 1] if label and not new else ""
        blocker = QSignalBlocker(self.classes)
        self.classes.clear()
        self.classes.addItems([_by_scores(scored), *names])
        self.classes.setCurrentIndex(written.chosen.of(label) or 0)
        blocker.unblock()
        self.classes.setEnabled(label > 0)
        self.title.setToolTip(TOOLTIP if label else NO_OBJECT)
        self.classes.setToolTip(TOOLTIP if label else NO_OBJECT)
        if new and self._result is not None:
            self._latest.ask(_prefer, self._result.cache, layer.data, written, label)

    def _chosen(self, index: int) -> None:
        if self._result is not None and self._layer is not None:
            self._result.choose_class(int(self._layer.selected_label), index or None)

    def _preferred(self, answer: tuple[int, int | None]) -> None:
        """Show the class that the scores prefer, if the object is still selected."""
        label, kind = answer
        layer, written = self._layer, self._written()
        if layer is None or written is None or int(layer.selected_label) != label:
            return
        if kind is not None and label >= len(written.kinds):
            self.classes.setItemText(0, _by_scores(written.classes[kind].name))

    def _written(self) -> WrittenLabels | None:
        return None if self._result is None else self._result.written


def _by_scores(name: str) -> str:
    return f"{BY_SCORES}: {name}" if name else BY_SCORES


def _prefer(
    cache: ResultCache, data: ArrayLike, written: WrittenLabels, label: int
) -> tuple[int, int | None]:
    """Return the label and the class that the scores prefer for it; compute thread.

    If the layer is painted on meanwhile, the dock asks again.
    """
    from napari_unet.core.objects.object_table import preferred_classes

    labels = written.place.flat(np.asarray(data))
    scores = cache.scores
    fits = scores is not None and scores.shape == (len(written.classes), *labels.shape)
    if not fits or not (labels == label).any():
        return label, None
    return label, int(preferred_classes(labels, scores, [label])[0])
