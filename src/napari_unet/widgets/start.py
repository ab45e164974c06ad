"""Opens napari with images and the docks: the window first, slow parts afterwards."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import napari
from napari.viewer import Viewer
from npe2 import PluginManager
from qtpy.QtCore import QTimer

from napari_unet.widgets.shared import messages
from napari_unet.workflows.project_folder import is_project

PLUGIN = "napari-unet"
FIRST = "Annotate"
NETWORK = ".safetensors"


def open_window(paths: Sequence[Path], sample: str = "") -> None:
    """Open a window with ``paths`` or a sample and return when it is closed."""
    viewer = napari.Viewer()
    QTimer.singleShot(0, partial(fill, viewer, paths, sample))  # when it is on the screen
    napari.run()


def fill(viewer: Viewer, paths: Sequence[Path], sample: str = "") -> None:
    """Open the files or the sample, then the docks; Annotate adds the annotation layer."""
    if sample:
        viewer.open_sample(PLUGIN, sample)
    for path in paths:
        ours = path.suffix == NETWORK or is_project(path)
        try:
            viewer.open(path, plugin=PLUGIN if ours else None)
        except Exception as error:  # readers of other plugins may raise anything
            messages.problem(f"{path} was not opened: {messages.in_words(error)}")
    open_docks(viewer)


def open_docks(viewer: Viewer) -> None:
    """Open all docks as tabs; the first one is in front."""
    manifest = PluginManager.instance().get_manifest(PLUGIN)
    names = [dock.display_name for dock in manifest.contributions.widgets or ()]
    first = None
    for name in sorted(names, key=lambda name: name != FIRST):
        dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
        first = first or dock
    if first is not None:
        QTimer.singleShot(0, first.raise_)  # napari raises each dock when it is laid out
