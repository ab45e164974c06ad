"""More: what is seldom needed, closed until somebody wants it."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QSpinBox, QWidget

from napari_unet.widgets.numberedit import NumberEdit
from napari_unet.widgets.segmenting.rows import add_row, beside, form

LARGEST = 16384  # px of a tile


class More(QWidget):
    """Tile and splitting; scores and uncertainty as layers; the script."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tile = QSpinBox()
        self.tile.setRange(0, LARGEST)
        self.tile.setSpecialValueText("what fits")
        self.tile.setSuffix(" px")
        self.tile.setKeyboardTracking(False)
        self.tile.setToolTip(
            "Edge of what the network sees at a time, in pixels; the result is the same for all. "
            "Memory is limited under File ▸ Preferences ▸ napari-unet. Usually what fits"
        )
        self.split = NumberEdit(0.0, 50.0)
        self.split.setSuffix(" px")
        self.split.setToolTip(
            "Split objects at necks that are this much narrower than their bodies, as a radius in "
            "pixels; 0 never splits. Acts on a finished result at once. Usually 0"
        )
        self.scores = QPushButton("Show scores")
        self.uncertainty = QPushButton("Show uncertainty")
        self.script = QPushButton("Copy as script")
        self.script.setToolTip("Copy the Python that repeats this segmentation from files")
        rows = form(self)
        add_row(rows, "Tile", self.tile)
        add_row(rows, "Split", self.split)
        rows.addRow(beside(self.scores, self.uncertainty))
        rows.addRow(self.script)
        self.tile.valueChanged.connect(self.changed)
        self.show_result(False)

    def show_result(self, there: bool) -> None:
        """Enable what needs a result."""
        for button, what in (
            (self.scores, "the score of each class, 0 to 1, as image layers"),
            (self.uncertainty, "where the network hesitates, 0 sure to 1 undecided, as a layer"),
        ):
            button.setEnabled(there)
            button.setToolTip(f"Show {what}" if there else "Nothing is segmented in this image yet")
