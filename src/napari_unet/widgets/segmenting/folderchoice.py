"""FolderChoice: which folder of images is segmented, and where its results go."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QPushButton, QWidget

from napari_unet.widgets.segmenting.rows import add_row, beside, form

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
        """Return the folders of images and of results; refused in words where one is missing."""
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
        found = QFileDialog.getExistingDirectory(self, line.toolTip(), line.text())
        if found:
            line.setText(found)
            self._suggest()
            self.changed.emit()

    def _suggest(self) -> None:
        """Suggest a folder beside that of the images."""
        source = self.source.text().strip()
        if source and not self.target.text().strip():
            path = Path(source)
            self.target.setText(str(path.with_name(f"{path.name} segmented")))
