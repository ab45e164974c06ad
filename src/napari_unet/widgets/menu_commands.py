"""Commands of napari's menus and command palette."""

from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.widgets.layers.annotation_layers import images_of, new_annotation_layer
from napari_unet.widgets.layers.coordinates import pixels_of
from napari_unet.widgets.layers.label_classes import value_of
from napari_unet.widgets.layers.layers import is_preview, unwrapped
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.segment import region_choice
from napari_unet.widgets.segment.corrections import guessed_classes, use_all, use_changes
from napari_unet.widgets.segment.runs import Segmentations
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import open_dock
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.segment_request import LabelOptions, SegmentRequest


def new_annotation(viewer: Viewer) -> None:
    """Add an annotation layer to the active or topmost image, and activate the brush."""
    viewer = unwrapped(viewer)
    image = active_image(viewer)
    if image is None:
        messages.problem("There is no image to annotate: open one first (File ▸ Open)")
        return
    Autosave.of(Session.of(viewer))  # strokes are written without a dock, too
    try:
        layer = new_annotation_layer(viewer, image)
    except ValueError as error:
        messages.problem(str(error))
        return
    take_up_brush(viewer, layer)


def active_image(viewer: Viewer) -> Image | None:
    """Return the image layer that is selected, else the topmost one, else None."""
    active = viewer.layers.selection.active
    if isinstance(active, Image) and not is_preview(active):
        return active
    return next(iter(reversed(images_of(viewer))), None)


def take_up_brush(viewer: Viewer, layer: Labels) -> None:
    """Select ``layer`` and paint with its first class."""
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.selected_label = value_of(layer, 1)


def evaluate_against(viewer: Viewer) -> None:
    """Open the Evaluate dock with the selected labels as the result."""
    viewer = unwrapped(viewer)
    selection = viewer.layers.selection
    layers = [layer for layer in [selection.active, *selection] if isinstance(layer, Labels)]
    if not layers:
        messages.problem("Select the labels layer to evaluate first, in the list of layers")
        return
    dock = open_dock(viewer, "Evaluate")
    dock.layers.set_result(layers[0])


def segment_active(viewer: Viewer) -> None:
    """Segment the active image with the newest network and its last label options."""
    viewer = unwrapped(viewer)
    session = Session.of(viewer)
    image, network = active_image(viewer), session.networks.newest
    if image is None:
        messages.problem("There is no image to segment: open one first (File ▸ Open)")
        return
    if network is None:
        messages.problem("There is no network yet: train one in Train, or open a network file")
        return
    segmentations = Segmentations.of(session)
    if segmentations.is_busy_with(image):
        messages.info(f"'{image.name}' is being segmented already")
        return
    try:
        part = region_choice.part_of(viewer, image, region_choice.IMAGE, None, network.network.dims)
        request = SegmentRequest(
            image.name, network.network, network.name, pixels_of(image), part, machine=machine()
        )
        result = segmentations.result_of(image)
        segmentations.segment(image, request, result.look if result is not None else LabelOptions())
    except ValueError as error:
        messages.problem(str(error))


def use_as_annotation(viewer: Viewer) -> None:
    """Make an annotation of the selected labels, all of them."""
    _annotate_with_active(viewer, changes=False)


def use_corrections_as_annotation(viewer: Viewer) -> None:
    """Add the pixels of the selected labels that a person changed to the annotation."""
    _annotate_with_active(viewer, changes=True)


def annotate_with(viewer: Viewer, labels: Labels, changes: bool, rim: int = 0) -> Labels | None:
    """Make an annotation of ``labels``, and report where it is or what is wrong."""
    try:
        layer = use_changes(viewer, labels, rim) if changes else use_all(viewer, labels)
    except ValueError as error:
        text = str(error)
        messages.problem(text[:1].upper() + text[1:])
        return None
    what = "What you changed in" if changes else "All of"
    messages.info(f"{what} '{labels.name}' is in '{layer.name}' now, to be trained on")
    if guess := guessed_classes(viewer, labels):
        messages.info(guess)
    return layer


def _annotate_with_active(viewer: Viewer, changes: bool) -> None:
    viewer = unwrapped(viewer)
    active = viewer.layers.selection.active
    if not isinstance(active, Labels):
        messages.problem("No labels layer is selected: select the result to learn from")
        return
    annotate_with(viewer, active, changes)
