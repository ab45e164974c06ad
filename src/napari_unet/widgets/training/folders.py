"""Folders: asking for a folder of images and one of labels, and where a network is to be saved."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_unet.core.files.filepairs import pair_files
from napari_unet.widgets import say
from napari_unet.widgets.training.sources import FolderSource

NETWORKS = "U-Net (*.safetensors)"


def ask_for_folders(parent: QWidget) -> FolderSource | None:
    """Ask for two folders; None when there is nothing in them to train on, which is said."""
    images = QFileDialog.getExistingDirectory(parent, "Folder of images")
    if not images:
        return None
    labels = QFileDialog.getExistingDirectory(parent, "Folder of their labels", images)
    if not labels:
        return None
    try:
        _, alone = pair_files(Path(images), Path(labels))
    except (ValueError, OSError) as error:
        say.problem(str(error))
        return None
    if alone:
        say.warn(" ".join(alone))
    return FolderSource(Path(images), Path(labels))


def ask_where_to_save(parent: QWidget, name: str) -> Path | None:
    """Ask for the file of a network; the dialog asks before one is replaced."""
    found, _ = QFileDialog.getSaveFileName(parent, "Save network", f"{name}.safetensors", NETWORKS)
    if not found:
        return None
    path = Path(found)
    return path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")


def ask_for_network(parent: QWidget, folder: Path) -> Path | None:
    """Ask for a network file."""
    found, _ = QFileDialog.getOpenFileName(parent, "Open network", str(folder), NETWORKS)
    return Path(found) if found else None


def sure(parent: QWidget, question: str) -> bool:
    """Ask before something is lost; No is the default."""
    answer = QMessageBox.question(parent, "napari-unet", question)
    return bool(answer == QMessageBox.StandardButton.Yes)
