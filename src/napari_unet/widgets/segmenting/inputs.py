"""Inputs: what is segmented, with which network, and how: everything that needs a new run."""

from typing import Any

from napari.layers import Image, Shapes
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QComboBox, QPushButton, QWidget

from napari_unet.widgets.layerchoice import LayerChoice
from napari_unet.widgets.layers import is_preview
from napari_unet.widgets.machine import machine
from napari_unet.widgets.pixels import pixels_of
from napari_unet.widgets.segmenting import scope
from napari_unet.widgets.segmenting.folderchoice import FolderChoice
from napari_unet.widgets.segmenting.networkchoice import NetworkChoice
from napari_unet.widgets.segmenting.request import AVERAGES, Request
from napari_unet.widgets.segmenting.rows import add_row, beside, form
from napari_unet.widgets.session import Session

SETTLED = 250  # ms without a change after which the plan is made anew
WHERE = {
    scope.IMAGE: "All planes of the image",
    scope.PLANE: "The plane that the sliders show, all of it",
    scope.VIEW: "The part of the image that the canvas shows",
    scope.SHAPES: "The shapes that are selected in a shapes layer, or all of them",
    scope.SELECTED: "Every image that is selected in the layer list, one after the other",
    scope.FOLDER: "Every image file of a folder, into files",
}


class Inputs(QWidget):
    """Chooses network, image, part and averaging; ``changed`` comes when the choices have settled.

    ``edited`` comes at once.
    """

    changed = Signal()
    edited = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self.viewer = viewer
        self.network = NetworkChoice(session)
        self.load = QPushButton("Load…")
        self.load.setToolTip("Open a network file (.safetensors)")
        self.image = LayerChoice(viewer, (Image,), "Image")
        self.where = QComboBox()
        self.where.addItems(scope.TITLES)
        for place, tooltip in WHERE.items():
            self.where.setItemData(place, tooltip, 3)  # Qt.ToolTipRole
        self.where.setToolTip("Which part is segmented; the rest of a result stays as it is")
        self.shapes = LayerChoice(viewer, (Shapes,), "Shapes")
        self.folder = FolderChoice()
        self.average = QComboBox()
        self.average.addItems(AVERAGES)
        self.average.setToolTip(
            "Average the scores over mirrored (4 times the time, 8 in volumes), or mirrored and "
            "rotated versions (8 times, 16 in volumes). Steadier outlines. Usually none"
        )
        self.tile = 0  # px; 0: what fits. Set under More
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED)
        self._lay_out()
        self._connect()
        self._show_rows()

    @property
    def scope(self) -> int:
        """Which part is chosen, one of those of ``scope``."""
        return int(self.where.currentIndex())

    def images(self) -> list[Image]:
        """Return the images that are to be segmented."""
        if self.scope == scope.SELECTED:
            chosen = self.viewer.layers.selection
            return [
                layer
                for layer in self.viewer.layers
                if layer in chosen and isinstance(layer, Image) and not is_preview(layer)
            ]
        image = self.image.value()
        return [] if image is None or self.scope == scope.FOLDER else [image]

    def requests(self) -> list[tuple[Image, Request]]:
        """Return what is asked for; refused, in words, where something is missing."""
        kept = self.network.value()
        if kept is None:
            raise ValueError("There is no network yet: train one in Train, or load a file")
        images = self.images()
        if not images and self.scope == scope.SELECTED:
            raise ValueError("No image is selected: select some in the layer list")
        if not images:
            raise ValueError("There is no image: open one first (File ▸ Open)")
        return [(image, self._request(image)) for image in images]

    def follow_view(self) -> None:
        """Think of the plan again: the view has changed, which may be what is segmented."""
        if self.scope in (scope.PLANE, scope.VIEW):
            self._timer.start()

    def touch(self) -> None:
        """Something was chosen."""
        self._show_rows()
        self.edited.emit()
        self._timer.start()

    def _request(self, image: Image) -> Request:
        kept = self.network.value()
        assert kept is not None
        pixels = pixels_of(image)
        part = scope.part_of(self.viewer, image, self.scope, self.shapes.value(), kept.network.dims)
        return Request(
            image.name,
            kept.network,
            kept.name,
            pixels,
            part,
            self.average.currentText(),
            self.tile or None,
            machine(),
        )

    def _lay_out(self) -> None:
        self.rows = form(self)
        add_row(self.rows, "Network", beside(self.network, self.load), self.network)
        add_row(self.rows, "Image", self.image)
        add_row(self.rows, "Where", self.where)
        add_row(self.rows, "Shapes", self.shapes)
        self.rows.addRow(self.folder)
        add_row(self.rows, "Average", self.average)

    def _connect(self) -> None:
        self._timer.timeout.connect(self.changed)
        for signal in (
            self.network.changed,
            self.image.changed,
            self.where.currentIndexChanged,
            self.shapes.changed,
            self.folder.changed,
            self.average.currentIndexChanged,
        ):
            signal.connect(self.touch)

    def _show_rows(self) -> None:
        self.rows.setRowVisible(self.image, self.scope in scope.OF_LAYERS)
        self.rows.setRowVisible(self.shapes, self.scope == scope.SHAPES)
        self.rows.setRowVisible(self.folder, self.scope == scope.FOLDER)
