"""The curves of a training, loss above and IoU below, in the colours of the viewer."""

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_unet.widgets.shared.layer_events import timer

INTERVAL = 200  # ms between two drawings
MARKED = 60  # points; a curve of fewer has a mark at each


class DecadeAxis(pg.AxisItem):
    """A logarithmic axis with ticks at 1, 2 and 5 of each decade, or at decades only."""

    def logTickValues(  # noqa: N802 - pyqtgraph's name
        self, low: float, high: float, size: float, usual: list[tuple[float, np.ndarray]]
    ) -> list[tuple[Any, list[float]]]:
        """Return the logarithms to mark."""
        marks = (1, 2, 5) if high - low < 2 else (1,)
        step = max(1, round((high - low) / 4))
        decades = range(int(np.floor(low)), int(np.ceil(high)) + 1, step)
        ticks = [decade + float(np.log10(mark)) for decade in decades for mark in marks]
        return [(None, [value for value in ticks if low <= value <= high])]


class Curve:
    """The curve of one quantity over the steps."""

    def __init__(
        self, layout: pg.GraphicsLayoutWidget, row: int, name: str, unit: str, log: bool = False
    ) -> None:
        axis = {"left": DecadeAxis("left")} if log else {}
        self.plot = layout.addPlot(row=row, col=0, enableMenu=False, axisItems=axis)
        self.plot.setLabel("left", name)
        self.plot.setLogMode(y=log)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self.plot.hideButtons()
        self.plot.getAxis("left").setWidth(60)  # both plots begin at the same place
        self.line = self.plot.plot(name=f"{name} {unit}")
        self.line.setDownsampling(auto=True, method="mean")
        self.line.setClipToView(True)
        self.numbers, self.values = array("q"), array("d")

    def add(self, number: int, value: float) -> None:
        """Add a point, and remove points of later steps, which were undone. Does not draw."""
        while self.numbers and self.numbers[-1] >= number:
            self.numbers.pop()
            self.values.pop()
        self.numbers.append(number)
        self.values.append(value)

    def draw(self) -> None:
        """Show all points."""
        if not self.numbers:
            self.line.clear()
            return
        few = len(self.numbers) < MARKED
        self.line.setData(
            np.array(self.numbers, float), np.array(self.values), symbol="o" if few else None
        )

    def clear(self) -> None:
        """Remove all points."""
        del self.numbers[:], self.values[:]

    def paint(self, colour: str, dashed: bool) -> None:
        """Take the colour of the theme's text; the curves differ by their dashes."""
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        self.line.setPen(pg.mkPen(colour, width=2, style=style))
        self.line.setSymbolSize(5)
        self.line.setSymbolBrush(colour)
        self.line.setSymbolPen(None)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)


class LossPlot(pg.GraphicsLayoutWidget):
    """Draws the Steps it is given, at most five times a second."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setMinimumHeight(140)
        self.setMaximumHeight(260)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setAccessibleName("Loss and IoU of the training")
        self.setToolTip(
            "Above: the loss of each step. Below: the IoU of each validation, 1 is best"
        )
        self.loss = Curve(self.ci, 0, "loss", "a step", log=True)
        self.iou = Curve(self.ci, 1, "IoU", "of a validation")
        self.iou.plot.setYRange(0, 1, padding=0.02)
        self.iou.plot.getAxis("left").setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")]])
        self.iou.plot.setLabel("bottom", "step")
        self.iou.plot.setXLink(self.loss.plot)
        self.loss.plot.getAxis("bottom").setStyle(showValues=False)
        for curve in (self.loss, self.iou):  # pyqtgraph makes menus that no window would own
            menu = curve.plot.ctrlMenu
            menu.setParent(self, menu.windowFlags())
        self._viewer = viewer
        self._timer = timer(self, INTERVAL, self._draw)
        self._take_theme()

    def add(self, steps: Iterable[Any]) -> None:
        """Add ``steps`` (core's Step), drawn within a fifth of a second. GUI thread."""
        for step in steps:
            if step.validating is None:  # else the step was added before its validation
                self.loss.add(step.number, step.loss)
            if step.validation is not None:
                self.iou.add(step.number, float(step.validation["iou"]))
        if not self._timer.isActive():
            self._timer.start()

    def forget(self) -> None:
        """Remove all points; pyqtgraph's ``clear`` would remove the plots."""
        self.loss.clear()
        self.iou.clear()
        self._draw()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Small: pyqtgraph would widen the dock to 640 px."""
        return QSize(300, 200)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of a new theme, which Qt reports as a change of style."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_viewer"):
            self._take_theme()

    def _draw(self) -> None:
        self.loss.draw()
        self.iou.draw()

    def _take_theme(self) -> None:
        theme = get_theme(self._viewer.theme)
        text = theme.text.as_hex(format="long")
        self.setBackground(theme.background.as_hex(format="long"))
        self.loss.paint(text, dashed=False)
        self.iou.paint(text, dashed=True)
