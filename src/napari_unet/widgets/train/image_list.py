"""The images of a training, layers and folders, with the role of each."""

from functools import partial
from pathlib import Path

from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.files.file_pairs import pair_files
from napari_unet.widgets.layers.annotation_layers import code_text, layer_source, reason_not_to_pair
from napari_unet.widgets.layers.image_pairs import ROLES, ImagePair, ImagePairs
from napari_unet.widgets.layers.label_classes import code_of, set_code
from napari_unet.widgets.shared import messages
from napari_unet.widgets.train.trainings import Trainings
from napari_unet.workflows.training_sources import FileSource, Source

NETWORKS = "U-Net (*.safetensors)"


def ask_for_folders(parent: QWidget) -> FileSource | None:
    """Ask for two folders; None, with a message, if there is nothing to train on in them."""
    images = QFileDialog.getExistingDirectory(parent, "Folder of images")
    if not images:
        return None
    labels = QFileDialog.getExistingDirectory(parent, "Folder of their labels", images)
    if not labels:
        return None
    try:
        _, alone = pair_files(Path(images), Path(labels))
    except (ValueError, OSError) as error:
        messages.problem(str(error))
        return None
    if alone:
        messages.warn(" ".join(alone))
    return FileSource(Path(images), Path(labels))


def ask_where_to_save(parent: QWidget, name: str) -> Path | None:
    """Ask for the file of a network; the dialog asks before one is replaced."""
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save network", f"{name}.safetensors", NETWORKS)
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")


def ask_for_network(parent: QWidget, folder: Path) -> Path | None:
    """Ask for a network file."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open network", str(folder), NETWORKS)
    return Path(path) if path else None


def confirmed_by_user(parent: QWidget, question: str) -> bool:
    """Ask a yes-or-no question before something is lost; the default is No."""
    answer = QMessageBox.question(parent, "napari-unet", question)
    return bool(answer == QMessageBox.StandardButton.Yes)


ROLE_TIP = (
    "train: the network learns from it. validate: it is only scored on it, to keep the best "
    "network. off: it is left out"
)
HOLD_BACK_TIP = (
    "Where no image has the role validate, 15 % of what is labelled is not learned from but scored "
    "on: a block at one end of the image, or whole images of four or more. Without it nobody can "
    "tell which network is the best one"
)
SIZES_DIFFER = "⚠ sizes differ"
NOTHING = "No image with an annotation yet: paint one in Annotate, or add layers or folders."


class ImageList(QWidget):
    """A row for each pair of layers or folders; the session holds the pairs."""

    changed = Signal()

    def __init__(self, trainings: Trainings) -> None:
        super().__init__()
        self._trainings = trainings
        self._pairs = trainings.session.pairs
        self._facts: list[QLabel] = []
        self._grid = QGridLayout()
        self._grid.setColumnStretch(0, 1)
        self._grid.setVerticalSpacing(2)
        self.hold_back = QCheckBox("hold 15 % back")
        self.hold_back.setChecked(True)
        self.hold_back.setToolTip(HOLD_BACK_TIP)
        self.hold_back.toggled.connect(self.changed)
        self._empty = QLabel(NOTHING)
        self._empty.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addWidget(self._empty)
        layout.addLayout(self._buttons())
        self._pairs.changed.connect(self.refresh)
        trainings.edited.connect(self.check_sizes)
        self.refresh()

    def sources(self) -> tuple[Source, ...]:
        """Return copies of all pairs that are not off; ValueError if one does not fit."""
        layers = [layer_source(p.image, p.labels, p.role) for p in self._pairs if p.role != "off"]
        return (*layers, *(f for f in self._trainings.folders if f.role != "off"))

    def show_facts(self, facts: tuple[str, ...]) -> None:
        """Show how much is labelled in each of the sources."""
        sentences = iter(facts)
        for label, row in zip(self._facts, self.rows(), strict=False):
            if row.role == "off":
                label.setText("")
            else:
                label.setText(next(sentences, ""))
        self.check_sizes()

    def refresh(self) -> None:
        """List the present pairs and folders."""
        texts = [label.text() for label in self._facts]
        while self._grid.count():
            widget = self._grid.takeAt(0).widget()
            widget.hide()
            widget.deleteLater()
        self._facts = []
        rows = self.rows()
        for place, row in enumerate(rows):
            self._add(place, row)
        if len(texts) == len(rows):
            for label, text in zip(self._facts, texts, strict=True):
                if not label.text():
                    label.setText(text)
        self._empty.setVisible(not rows)
        self.check_sizes()
        self.changed.emit()

    def check_sizes(self) -> None:
        """Mark the pairs whose labels do not fit their image."""
        for label, row in zip(self._facts, self.rows(), strict=True):
            problem = (
                reason_not_to_pair(row.image, row.labels) if isinstance(row, ImagePair) else ""
            )
            if problem or label.text() == SIZES_DIFFER:
                label.setText(SIZES_DIFFER if problem else "")
                label.setToolTip(problem)

    def rows(self) -> list[ImagePair | FileSource]:
        """Return the listed pairs of layers and folders."""
        return [*self._pairs, *self._trainings.folders]

    def _add(self, place: int, row: ImagePair | FileSource) -> None:
        is_pair = isinstance(row, ImagePair)
        name = QElidingLabel(row.image.name if isinstance(row, ImagePair) else f"{row.name}/")
        name.setToolTip(_about(row))
        name.setMinimumWidth(60)
        fact = QLabel()
        self._facts.append(fact)
        role = QComboBox()
        role.addItems(ROLES)
        role.setCurrentText(row.role)
        role.setToolTip(ROLE_TIP)
        role.setAccessibleName(f"Role of {name.text()}")
        role.currentTextChanged.connect(partial(self._set_role, row))
        more = _tool("⋯", "What the values mean" + ("" if is_pair else ", and Remove"))
        more.setMenu(self._menu(row, more))
        for column, widget in enumerate((name, role, fact, more)):
            self._grid.addWidget(widget, place, column)

    def _menu(self, row: ImagePair | FileSource, parent: QWidget) -> QMenu:
        menu = QMenu(parent)
        code = code_of(row.labels) if isinstance(row, ImagePair) else LabelCode(row.zero, row.ids)
        zero = menu.addAction("0 is background, not unlabelled")
        zero.setCheckable(True)
        zero.setChecked(code.zero == "background")
        ids = menu.addAction("Each value is an object, not a class")
        ids.setCheckable(True)
        ids.setChecked(code.ids == "objects")
        for action in (zero, ids):
            action.triggered.connect(partial(self._set_code, row, zero, ids))
        if isinstance(row, FileSource):
            menu.addSeparator()
            menu.addAction("Remove from this list", partial(self._replace, row, None))
        return menu

    def _set_code(
        self, row: ImagePair | FileSource, zero: QAction, ids: QAction, _: bool = False
    ) -> None:
        code = LabelCode(
            "background" if zero.isChecked() else "unlabelled",
            "objects" if ids.isChecked() else "classes",
        )
        if isinstance(row, ImagePair):
            set_code(row.labels, code)
            self.refresh()
        else:
            self._replace(row, FileSource(row.images, row.labels, row.role, code.zero, code.ids))

    def _set_role(self, row: ImagePair | FileSource, role: str) -> None:
        if isinstance(row, ImagePair):
            self._pairs.set_role(row.image, role)
        else:
            self._replace(row, FileSource(row.images, row.labels, role, row.zero, row.ids))

    def _replace(self, row: FileSource, new: FileSource | None) -> None:
        folders = self._trainings.folders
        folders[folders.index(row) : folders.index(row) + 1] = [] if new is None else [new]
        self.refresh()

    def _buttons(self) -> QHBoxLayout:
        layers = _tool("+ Layers", "Add an image layer with the labels layer that belongs to it")
        menu = QMenu(layers)
        menu.aboutToShow.connect(partial(self._offer, menu))
        layers.setMenu(menu)
        folder = _tool("+ Folders", "Add a folder of images and one of their labels, by name")
        folder.clicked.connect(self._add_folders)
        row = QHBoxLayout()
        row.addWidget(layers)
        row.addWidget(folder)
        row.addStretch()
        row.addWidget(self.hold_back)
        return row

    def _offer(self, menu: QMenu) -> None:
        """Fill the menu with the pairs of layers that fit."""
        menu.clear()
        pairs = candidates(self._trainings.session.viewer, self._pairs)
        for image, labels in pairs:
            menu.addAction(
                f"{image.name}  +  {labels.name}", partial(self._pairs.pair, image, labels)
            )
        if not pairs:
            nothing = menu.addAction("No other labels layer has the size of an image")
            nothing.setEnabled(False)

    def _add_folders(self) -> None:
        folders = ask_for_folders(self)
        if folders is not None and folders not in self._trainings.folders:
            self._trainings.folders.append(folders)
            self.refresh()


def candidates(viewer: Viewer, pairs: ImagePairs) -> list[tuple[Image, Labels]]:
    """Return pairs of images and labels layers of the same size, likely ones first."""
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    labels = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    fitting = [
        (image, layer)
        for image in images
        for layer in labels
        if pairs.annotation_of(image) is not layer and not reason_not_to_pair(image, layer)
    ]
    return sorted(fitting, key=lambda pair: not pair[1].name.startswith(pair[0].name))


def _about(row: ImagePair | FileSource) -> str:
    if isinstance(row, ImagePair):
        return f"{row.image.name} with {row.labels.name}: {code_text(row.labels)}"
    return f"Images: {row.images}\nLabels: {row.labels}"


def _tool(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setStyleSheet(
        "QToolButton::menu-indicator { image: none; }"
    )  # the arrow would hide the text
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button
