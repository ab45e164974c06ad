"""ViewChoice: which of the previews is shown, as buttons beside each other."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from napari_unet.widgets.previewing.answer import VIEWS

HINTS = {
    "deformation": "A tile as training deforms it, with the grid and the labels that follow it",
    "weights": "How much each pixel counts in the loss, drawn over the image",
    "sample": "The very tile the network sees in training, and what of it counts",
}


class ViewChoice(QWidget):
    """One of VIEWS; ``changed`` tells which."""

    changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.buttons = {view: QPushButton(view.capitalize()) for view in VIEWS}
        self._group = QButtonGroup(self)
        for view, button in self.buttons.items():
            button.setCheckable(True)
            button.setToolTip(HINTS[view])
            self._group.addButton(button)
            layout.addWidget(button, 1)
        self.buttons[VIEWS[0]].setChecked(True)
        self._group.buttonToggled.connect(self._toggled)

    def value(self) -> str:
        """Return the view that is chosen."""
        return next(view for view, button in self.buttons.items() if button.isChecked())

    def set_value(self, view: str) -> None:
        """Choose a view."""
        self.buttons[view].setChecked(True)

    def _toggled(self, button: QPushButton, checked: bool) -> None:
        if checked:
            self.changed.emit(self.value())
