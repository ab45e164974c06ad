"""Pages: what stands below the choice of views: settings, what lies over the tile, and facts."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.widgets.previewing.rows import (
    Rows,
    deformation_rows,
    sample_rows,
    weight_rows,
)

REROLL = "Draw the next tile: another place and another deformation. Key: R"


class Page(QWidget):
    """The settings of a view and the facts of what it shows."""

    rerolled = Signal()
    wished = Signal()  # other layers over the tile
    closed_up = Signal(bool)  # look at the tile alone, or at the image, too

    def __init__(self, rows: Rows, base: Sequence[str], over: dict[str, tuple[str, bool]]) -> None:
        """``base``: the layers that are always shown; ``over``: hints of those that may be."""
        super().__init__()
        self.rows = rows
        self._base = tuple(base)
        self.over = {kind: _switch(kind, *given) for kind, given in over.items()}
        self.reroll = QPushButton("⟳ Re-roll  R", self)
        self.reroll.setToolTip(REROLL)
        self.closeup = QPushButton("⌕ Close-up", self)
        self.closeup.setCheckable(True)
        self.closeup.setToolTip("Look at the tile alone, or at the image it was cut from, too")
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.hover = QLabel("Under the cursor: –")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(rows)
        if over:
            layout.addLayout(_line([self.reroll, self.closeup]))
            layout.addLayout(_line(list(self.over.values())))
        self.reroll.setVisible(bool(over))
        self.closeup.setVisible(bool(over))
        layout.addWidget(self.facts)
        layout.addWidget(self.hover)
        self.hover.hide()
        for box in self.over.values():
            box.toggled.connect(self._toggled)
        self.reroll.clicked.connect(self._rolled)
        self.closeup.toggled.connect(self.closed_up)

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of layers that should be seen."""
        return (*self._base, *(kind for kind, box in self.over.items() if box.isChecked()))

    def _toggled(self, checked: bool) -> None:
        self.wished.emit()

    def _rolled(self, checked: bool) -> None:
        self.rerolled.emit()


def make_pages() -> dict[str, Page]:
    """Return the page of each view."""
    deformation = Page(deformation_rows(), ("deformed", "folded"), {
        "grid": ("Lines that are straight in the image, drawn where they run in the tile", True),
        "deformed labels": ("The labels, deformed with the image", True),
    })  # fmt: skip
    weights = Page(weight_rows(), ("weights",), {})
    weights.hover.show()
    sample = Page(sample_rows(), ("sample", "frame"), {
        "sample labels": ("What the network should answer in the inner frame", True),
        "sample weights": ("How much each pixel of the inner frame counts", False),
    })  # fmt: skip
    return {"deformation": deformation, "weights": weights, "sample": sample}


def _line(widgets: Sequence[QWidget]) -> QHBoxLayout:
    line = QHBoxLayout()
    for widget in widgets:
        line.addWidget(widget)
    line.addStretch(1)
    return line


def _switch(kind: str, hint: str, on: bool) -> QCheckBox:
    box = QCheckBox(kind.split()[-1] if kind != "grid" else "grid lines")
    box.setToolTip(hint)
    box.setAccessibleName(kind)
    box.setChecked(on)
    return box
