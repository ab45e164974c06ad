"""LookForm: objects or classes, and from which score, size and shape on they count."""

from dataclasses import replace

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from napari_unet.widgets.segment.inputs import add_row, form
from napari_unet.widgets.shared.sliders import AreaSlider, ValueSlider
from napari_unet.workflows.segment_request import LabelOptions

RESULTS = (
    ("objects", "Each object gets a number of its own"),
    ("classes", "Each pixel gets its class"),
)


class LookForm(QWidget):
    """``value()``, ``set_value()``, ``changed``: a Look, redrawn while it is dragged."""

    changed = Signal(object)  # Look

    def __init__(self) -> None:
        super().__init__()
        self._look = LabelOptions()
        self.results = QButtonGroup(self)
        self.threshold = ValueSlider(
            "threshold",
            "Score, from 0 to 1, above which a pixel is no background. Higher: smaller objects. "
            "Acts on a finished result at once. Usually 0.5",
            0.5,
        )
        self.min_area = AreaSlider(
            "minimum area",
            "Smaller objects are left out, in pixels. Acts on a finished result at once. Usually 0",
            0,
        )
        self.holes = AreaSlider(
            "fill holes",
            "Holes in one object up to this area are filled, in pixels; 0 leaves all open. Acts on "
            "a finished result at once. Usually 0",
            0,
        )
        rows = form(self)
        add_row(rows, "Result", self._switch())
        add_row(rows, "Threshold", self.threshold, self.threshold.slider)
        add_row(rows, "Min area", self.min_area, self.min_area.slider)
        add_row(rows, "Fill holes", self.holes, self.holes.slider)
        for part in (self.threshold, self.min_area, self.holes):
            part.changed.connect(self._edited)
        self.results.idToggled.connect(self._toggled)

    def value(self) -> LabelOptions:
        """Return what is chosen."""
        return self._look

    def set_value(self, look: LabelOptions) -> None:
        """Show ``look``, without telling of it."""
        self._look = look
        blocker = QSignalBlocker(self.results)
        self.results.button(0 if look.objects else 1).setChecked(True)
        blocker.unblock()
        self.threshold.set_value(look.threshold)
        self.min_area.set_value(look.min_area)
        self.holes.set_value(look.holes)

    def change(self, **changes: object) -> None:
        """Change what is edited elsewhere."""
        self._tell(replace(self._look, **changes))  # type: ignore[arg-type]

    def _switch(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for number, (title, tooltip) in enumerate(RESULTS):
            button = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(f"{tooltip}. Switching needs no new segmentation")
            self.results.addButton(button, number)
            layout.addWidget(button)
        self.results.button(0).setChecked(True)
        return row

    def _toggled(self, number: int, on: bool) -> None:
        if on:
            self._edited()

    def _edited(self) -> None:
        self._tell(
            replace(
                self._look,
                objects=self.results.checkedId() == 0,
                threshold=self.threshold.value(),
                min_area=int(self.min_area.value()),
                holes=int(self.holes.value()),
            )
        )

    def _tell(self, look: LabelOptions) -> None:
        if look != self._look:
            self._look = look
            self.changed.emit(look)
