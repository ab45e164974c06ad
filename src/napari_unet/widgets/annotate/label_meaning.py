"""Meaning: what the values of a labels layer stand for, said with two switches."""

from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.annotate.class_editing import cover
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.label_classes import code_of, set_code


class Meaning(QWidget):
    """Two switches for labels that were made elsewhere; no pixel changes by them."""

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
        self.told = QLabel()
        self.told.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 0, 0, 4)
        layout.setSpacing(3)
        for part in (self.zero, self.ids, self.told):
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
        self.told.setText(in_words(code))

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
