"""Rows: the settings of one view, which follow the settings of the session."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from napari_unet.core.settings import TrainSettings
from napari_unet.widgets.previewing.sliderrow import SettingRow, SliderRow


class Rows(QWidget):
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
        """Show what was chosen elsewhere; what the formula does not use is not shown."""
        for name, row in self.rows.items():
            row.show_value(getattr(settings, name))
            if name in FORMULA:
                row.set_visible(FORMULA[name] == settings.weighting)


FORMULA = {"balance": "paper", "v": "falk", "sigma1": "falk"}  # settings only one formula uses


def deformation_rows() -> Rows:
    """Return what decides how a tile is deformed."""
    return Rows([
        SliderRow("sd", "strength", "px", power=2),
        SettingRow("grid", "grid", "nodes"),
        SliderRow("rotation", "rotation", "± °"),
        SettingRow("mirror", "mirror"),
        SliderRow("gray", "gray values"),
        SliderRow("noise", "noise", power=2),
    ])  # fmt: skip


def weight_rows() -> Rows:
    """Return what decides what a pixel weighs."""
    falk = "In Falk's formula it is the factor of the separation."
    return Rows([
        SettingRow(
            "weighting", "formula", hint="paper: Ronneberger et al. 2015; falk: Falk et al. 2019."
        ),
        SliderRow("w0", "w₀", power=3, hint=falk),
        SliderRow("sigma", "σ", "px", power=3),
        SettingRow("balance", "class balance"),
        SliderRow("v", "far background", power=2),
        SliderRow("sigma1", "σ₁", "px", power=3),
    ])  # fmt: skip


def sample_rows() -> Rows:
    """Return what decides how much the network sees at once."""
    return Rows([SettingRow("tile", "tile", "px")])


def usual_of(weighting: str) -> dict[str, float]:
    """Return the parameters that belong to a formula, as settings."""
    from napari_unet.core.weighing.separation import Falk, Paper

    if weighting == "falk":
        return {"w0": Falk.factor, "sigma": Falk.sigma2}
    return {"w0": Paper.w0, "sigma": Paper.sigma}
