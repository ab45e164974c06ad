"""Matching: what counts as found, and what else is measured; closed until somebody wants it."""

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QWidget


class Matching(QWidget):
    """The IoU of a match and the slow measures. ``changed``: one of them is another."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.iou = QDoubleSpinBox()
        self.iou.setRange(0.5, 0.95)
        self.iou.setSingleStep(0.05)
        self.iou.setValue(0.5)
        self.iou.setKeyboardTracking(False)
        self.iou.setToolTip("Intersection over union from which on two objects match, 0.5 to 0.95")
        self.warping = QCheckBox("warping error")
        self.warping.setToolTip(
            "Also measure errors of topology alone; takes about a second for each megapixel"
        )
        form = QFormLayout(self)
        form.setContentsMargins(8, 0, 0, 0)
        form.addRow("&Match from IoU", self.iou)
        form.addRow(self.warping)
        self.iou.valueChanged.connect(self._tell)
        self.warping.toggled.connect(self._tell)

    def wishes(self) -> dict[str, Any]:
        """Return both as arguments of a question."""
        return {"iou": self.iou.value(), "warping": self.warping.isChecked()}

    def _tell(self, value: Any) -> None:
        self.changed.emit()
