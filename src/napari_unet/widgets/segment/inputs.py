"""The choices that need a new run: network, image or folder, region and averaging."""

from pathlib import Path

from napari.layers import Image, Shapes
from napari.viewer import Viewer
from qtpy.QtCore import QSignalBlocker, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_unet.core.text import count
from napari_unet.widgets.layers.coordinates import pixels_of
from napari_unet.widgets.layers.layers import is_preview
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.segment import region_choice
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.segment_request import AVERAGES, SegmentRequest


class NetworkChoice(QComboBox):
    """A combo box of the session's networks; the newest is chosen until a person chooses."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._networks = session.networks
        self._chosen: str | None = None  # by a person
        self.setAccessibleName("Network")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._choose)
        self._networks.changed.connect(self.refresh)
        self.refresh()

    def value(self) -> KeptNetwork | None:
        """Return the chosen network."""
        name = self.currentData()
        return self._networks[name] if name is not None and name in self._networks else None

    def choose(self, name: str) -> None:
        """Choose the network called ``name`` and stay with it."""
        self._chosen = name
        self.refresh()

    def refresh(self) -> None:
        """List the networks, the newest first."""
        networks = sorted(self._networks, key=lambda one: one.made, reverse=True)
        blocker = QSignalBlocker(self)
        self.clear()
        for one in networks:
            self.addItem(_title(one), one.name)
        if not networks:
            self.addItem("none yet", None)
        self.setCurrentIndex(max(self.findData(self._chosen), 0) if self._chosen else 0)
        self.setEnabled(bool(networks))
        blocker.unblock()
        self._network_changed()

    def _choose(self) -> None:
        self._chosen = self.currentData()
        self._network_changed()

    def _network_changed(self) -> None:
        network = self.value()
        self.setToolTip(
            "There is no network yet: train one in Train, or load a file"
            if network is None
            else _about(network)
        )
        self.changed.emit()


def _title(network: KeptNetwork) -> str:
    score = "" if network.score is None else f"  ·  IoU {network.score:.2f}"
    return f"{network.name}{'' if network.saved else ' (this session)'}{score}"


def _about(entry: KeptNetwork) -> str:
    """Return in words the channels and classes of a network, and where its file is."""
    network = entry.network
    channels = count(network.channels, "channel")
    seen = "volumes" if network.dims == 3 else "planes"
    names = [str(one["name"]) for one in network.about.get("classes") or ()][1:]
    classes = f" and finds {', '.join(names)}" if names else ""
    where = f"in {entry.path}" if entry.path else "not saved yet: Train ▸ Save…"
    return f"{entry.name}: sees {seen} of {channels}{classes}; {where}"


LABEL_WIDTH = 80  # px


def form(page: QWidget) -> QFormLayout:
    """Give ``page`` rows without margins."""
    rows = QFormLayout(page)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(4)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def add_row(rows: QFormLayout, title: str, field: QWidget, buddy: QWidget | None = None) -> None:
    """Add ``field`` with its title; ``buddy`` takes the focus and explains the title."""
    label = QLabel(title)
    label.setMinimumWidth(LABEL_WIDTH)
    label.setBuddy(buddy or field)
    label.setToolTip((buddy or field).toolTip())
    rows.addRow(label, field)


def beside(*widgets: QWidget, spacing: int = 4) -> QWidget:
    """Return ``widgets`` side by side, the first as wide as it can be."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for place, widget in enumerate(widgets):
        layout.addWidget(widget, 0 if place else 1)
    return row


FORMS = {"TIFF": "tiff", "OME-Zarr": "ome-zarr"}


class FolderChoice(QWidget):
    """Two folders, the kind of file, and whether scores are written too."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.source = self._line("Folder with the images. Subfolders are left out")
        self.target = self._line("Folder for the results; it is made if it is not there")
        self.kind = QComboBox()
        self.kind.addItems(list(FORMS))
        self.kind.setToolTip("Files to write: labels of each image, and a table of its objects")
        self.scores = QCheckBox("scores too")
        self.scores.setToolTip("Write the scores of all classes as well, 4 bytes a pixel and class")
        rows = form(self)
        add_row(rows, "Images", beside(self.source, self._browse(self.source)), self.source)
        add_row(rows, "Results", beside(self.target, self._browse(self.target)), self.target)
        add_row(rows, "Files", beside(self.kind, self.scores), self.kind)
        self.source.editingFinished.connect(self._suggest)

    def folders(self) -> tuple[Path, Path]:
        """Return the folders of images and of results; ValueError if one is missing."""
        source, target = self.source.text().strip(), self.target.text().strip()
        if not source:
            raise ValueError("no folder is chosen: say where the images are")
        if not Path(source).expanduser().is_dir():
            raise ValueError(f"there is no folder {source}: choose another")
        if not target:
            raise ValueError("no folder for the results is chosen: say where they should go")
        return Path(source).expanduser(), Path(target).expanduser()

    def file_form(self) -> str:
        """Return the kind of file as ``core`` calls it."""
        return FORMS[self.kind.currentText()]

    def _line(self, tooltip: str) -> QLineEdit:
        line = QLineEdit()
        line.setToolTip(tooltip)
        line.setPlaceholderText("choose a folder")
        line.editingFinished.connect(self.changed)
        return line

    def _browse(self, line: QLineEdit) -> QPushButton:
        button = QPushButton("…")
        button.setFixedWidth(28)
        button.setToolTip(line.toolTip())
        button.setAccessibleName("Choose a folder")
        button.clicked.connect(lambda: self._chosen(line))
        return button

    def _chosen(self, line: QLineEdit) -> None:
        folder = QFileDialog.getExistingDirectory(self, line.toolTip(), line.text())
        if folder:
            line.setText(folder)
            self._suggest()
            self.changed.emit()

    def _suggest(self) -> None:
        """Suggest a folder beside that of the images."""
        source = self.source.text().strip()
        if source and not self.target.text().strip():
            path = Path(source)
            self.target.setText(str(path.with_name(f"{path.name} segmented")))


SETTLED = 250  # ms without a change before a new plan is requested
WHERE = {
    region_choice.IMAGE: "All planes of the image",
    region_choice.PLANE: "The plane that the sliders show, all of it",
    region_choice.VIEW: "The part of the image that the canvas shows",
    region_choice.SHAPES: "The shapes that are selected in a shapes layer, or all of them",
    region_choice.SELECTED: "Every image that is selected in the layer list, one after the other",
    region_choice.FOLDER: "Every image file of a folder, into files",
}


class Inputs(QWidget):
    """The choice of network, image, region and averaging. ``changed`` comes after a short rest.

    ``edited`` comes at once.
    """

    changed = Signal()
    edited = Signal()

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self.viewer = viewer
        self.network = NetworkChoice(session)
        self.load = QPushButton("Load…")
        self.load.setToolTip("Open a network file (.safetensors)")
        self.image = LayerChoice(viewer, (Image,), "Image")
        self.where = QComboBox()
        self.where.addItems(region_choice.TITLES)
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
        self.tile = 0  # px; 0: the largest that fits. Set under More
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED)
        self._lay_out()
        self._connect()
        self._show_rows()

    @property
    def scope(self) -> int:
        """The chosen region, one of the scopes of ``region_choice``."""
        return int(self.where.currentIndex())

    def images(self) -> list[Image]:
        """Return the images that are to be segmented."""
        if self.scope == region_choice.SELECTED:
            chosen = self.viewer.layers.selection
            return [
                layer
                for layer in self.viewer.layers
                if layer in chosen and isinstance(layer, Image) and not is_preview(layer)
            ]
        image = self.image.value()
        return [] if image is None or self.scope == region_choice.FOLDER else [image]

    def requests(self) -> list[tuple[Image, SegmentRequest]]:
        """Return a request for each image; ValueError if something is missing."""
        network = self.network.value()
        if network is None:
            raise ValueError("There is no network yet: train one in Train, or load a file")
        images = self.images()
        if not images and self.scope == region_choice.SELECTED:
            raise ValueError("No image is selected: select some in the layer list")
        if not images:
            raise ValueError("There is no image: open one first (File ▸ Open)")
        return [(image, self._request(image)) for image in images]

    def follow_view(self) -> None:
        """Request a new plan if the view is the region to segment."""
        if self.scope in (region_choice.PLANE, region_choice.VIEW):
            self._timer.start()

    def touch(self) -> None:
        """Handle a change of any choice."""
        self._show_rows()
        self.edited.emit()
        self._timer.start()

    def _request(self, image: Image) -> SegmentRequest:
        network = self.network.value()
        assert network is not None
        pixels = pixels_of(image)
        part = region_choice.part_of(
            self.viewer, image, self.scope, self.shapes.value(), network.network.dims
        )
        return SegmentRequest(
            image.name,
            network.network,
            network.name,
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
        self.rows.setRowVisible(self.image, self.scope in region_choice.OF_LAYERS)
        self.rows.setRowVisible(self.shapes, self.scope == region_choice.SHAPES)
        self.rows.setRowVisible(self.folder, self.scope == region_choice.FOLDER)
