"""Commands: what the menus and the palette of napari do without a dock."""

from typing import TYPE_CHECKING

from napari.layers import Image, Labels

from napari_unet.widgets import say
from napari_unet.widgets.annotationlayer import images_of, new_annotation_layer
from napari_unet.widgets.classes import value_of
from napari_unet.widgets.keeping.keeper import Keeper
from napari_unet.widgets.layers import is_preview, unwrapped
from napari_unet.widgets.session import Session

if TYPE_CHECKING:
    import napari


def new_annotation(viewer: "napari.viewer.Viewer") -> None:
    """Add an annotation layer to the active image, or to the topmost, with the brush in hand."""
    viewer = unwrapped(viewer)
    image = active_image(viewer)
    if image is None:
        say.problem("There is no image to annotate: open one first (File ▸ Open)")
        return
    Keeper.of(Session.of(viewer))  # every stroke is kept, with a dock or without
    try:
        layer = new_annotation_layer(viewer, image)
    except ValueError as error:
        say.problem(str(error))
        return
    take_up_brush(viewer, layer)


def active_image(viewer: "napari.viewer.Viewer") -> Image | None:
    """Return the image layer that is selected, else the topmost one, else None."""
    active = viewer.layers.selection.active
    if isinstance(active, Image) and not is_preview(active):
        return active
    return next(iter(reversed(images_of(viewer))), None)


def take_up_brush(viewer: "napari.viewer.Viewer", layer: Labels) -> None:
    """Select ``layer`` and paint with its first class."""
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.selected_label = value_of(layer, 1)
