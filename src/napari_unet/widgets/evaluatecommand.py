"""The command that opens Evaluate with the selected labels as the result."""

from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_unet.widgets import say
from napari_unet.widgets.docks import open_dock
from napari_unet.widgets.layers import unwrapped

if TYPE_CHECKING:
    import napari


def evaluate_against(viewer: "napari.viewer.Viewer") -> None:
    """Open the Evaluate dock; the selected labels are the result, the truth is chosen there."""
    viewer = unwrapped(viewer)
    selection = viewer.layers.selection
    found = [layer for layer in [selection.active, *selection] if isinstance(layer, Labels)]
    if not found:
        say.problem("Select the labels layer to evaluate first, in the list of layers")
        return
    dock = open_dock(viewer, "Evaluate")
    dock.set_result(found[0])
