"""What the commands of the menus and of the palette do, and what they say is missing."""

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from napari_unet.widgets.menu_commands import new_annotation
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("no_thread_left")


def told_since(count):
    return [str(record.message) for record in notification_manager.records[count:]]


def test_the_command_makes_an_annotation_layer_with_the_brush_in_hand(make_napari_viewer_proxy):
    proxy = make_napari_viewer_proxy()
    viewer = proxy.__wrapped__
    before = len(notification_manager.records)
    new_annotation(proxy)
    assert told_since(before) == ["There is no image to annotate: open one first (File ▸ Open)"]
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), name="cells", rgb=True)
    viewer.add_image(np.zeros((5, 6)), name="other")
    viewer.layers.selection.active = viewer.layers["cells"]
    new_annotation(proxy)
    layer = viewer.layers["cells annotation"]
    assert isinstance(layer, Labels)
    assert Session.of(proxy).pairs.annotation_of(viewer.layers["cells"]) is layer
    assert viewer.layers.selection.active is layer
    assert (layer.mode, layer.selected_label, layer.data.shape) == ("paint", 2, (20, 30))
    viewer.layers.selection.active = layer
    new_annotation(proxy)  # with labels active: the topmost image
    assert "other annotation" in viewer.layers
