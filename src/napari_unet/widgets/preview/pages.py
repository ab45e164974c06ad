"""The settings of each view of the Preview dock, and the buttons that choose a view."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.preview.preview_request import VIEWS
from napari_unet.widgets.shared.sliders import SettingRow, SliderRow


class SettingRows(QWidget):
    """Rows of settings below each other; ``edited`` tells the name and value of one."""

    edited = Signal(str, object)

    def __init__(self, rows: Sequence[SettingRow]) -> None:
        super().__init__()
        self.rows = {row.name: row for row in rows}
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 4, 0, 0)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row in rows:
            row.setParent(self)
            row.add_to(grid)
            row.edited.connect(self.edited)
        self.box.addLayout(grid)

    def show_settings(self, settings: TrainSettings) -> None:
        """Show settings that were changed elsewhere; hide those the formula does not use."""
        for name, row in self.rows.items():
            row.show_value(getattr(settings, name))
            if name in FORMULA:
                row.set_visible(FORMULA[name] == settings.weighting)


FORMULA = {"balance": "paper", "v": "falk", "sigma1": "falk"}  # settings only one formula uses


def deformation_rows() -> SettingRows:
    """Return the settings of the deformation."""
    return SettingRows([
        SliderRow("sd", "strength", "px", power=2),
        SettingRow("grid", "grid", "nodes"),
        SliderRow("rotation", "rotation", "± °"),
        SettingRow("mirror", "mirror"),
        SliderRow("gray", "gray values"),
        SliderRow("noise", "noise", power=2),
    ])  # fmt: skip


def weight_rows() -> SettingRows:
    """Return the settings of the weight map."""
    falk = "In Falk's formula it is the factor of the separation."
    return SettingRows([
        SettingRow(
            "weighting", "formula", hint="paper: Ronneberger et al. 2015; falk: Falk et al. 2019."
        ),
        SliderRow("w0", "w₀", power=3, hint=falk),
        SliderRow("sigma", "σ", "px", power=3),
        SettingRow("balance", "class balance"),
        SliderRow("v", "far background", power=2),
        SliderRow("sigma1", "σ₁", "px", power=3),
    ])  # fmt: skip


def sample_rows() -> SettingRows:
    """Return the settings of the tile and its gray values."""
    return SettingRows([SettingRow("tile", "tile", "px")])


def usual_of(weighting: str) -> dict[str, float]:
    """Return the parameters that belong to a formula, as settings."""
    from napari_unet.core.weights.formulas import Falk, Paper

    if weighting == "falk":
        return {"w0": Falk.factor, "sigma": Falk.sigma2}
    return {"w0": Paper.w0, "sigma": Paper.sigma}


REROLL = "Draw the next tile: another place and another deformation. Key: R"


class Page(QWidget):
    """The settings of a view and the facts of what it shows."""

    rerolled = Signal()
    over_changed = Signal()  # the choice of layers over the tile changed
    closed_up = Signal(bool)  # show the tile alone, or the image as well

    def __init__(
        self, rows: SettingRows, base: Sequence[str], over: dict[str, tuple[str, bool]]
    ) -> None:
        """``base``: kinds of layers that are always shown; ``over``: optional ones, with hints."""
        super().__init__()
        self.rows = rows
        self._base = tuple(base)
        self.over = {kind: _switch(kind, *hint) for kind, hint in over.items()}
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
        """Return the kinds of layers that are to be visible."""
        return (*self._base, *(kind for kind, box in self.over.items() if box.isChecked()))

    def _toggled(self, checked: bool) -> None:
        self.over_changed.emit()

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
