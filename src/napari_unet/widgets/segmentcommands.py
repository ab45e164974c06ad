"""Segment commands: what the menus and the palette do without looking for the dock."""

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_unet.widgets import say
from napari_unet.widgets.commands import active_image
from napari_unet.widgets.layers import unwrapped
from napari_unet.widgets.machine import machine
from napari_unet.widgets.pixels import pixels_of
from napari_unet.widgets.segmenting import scope
from napari_unet.widgets.segmenting.correction import guessed_classes, use_all, use_changes
from napari_unet.widgets.segmenting.request import Look, Request
from napari_unet.widgets.segmenting.segmentations import Segmentations
from napari_unet.widgets.session import Session

if TYPE_CHECKING:
    import napari


def segment_active(viewer: "napari.viewer.Viewer") -> None:
    """Segment the active image with the newest network, as it was looked at last."""
    viewer = unwrapped(viewer)
    session = Session.of(viewer)
    image, kept = active_image(viewer), session.networks.newest
    if image is None:
        say.problem("There is no image to segment: open one first (File ▸ Open)")
        return
    if kept is None:
        say.problem("There is no network yet: train one in Train, or open a network file")
        return
    segmentations = Segmentations.of(session)
    if segmentations.is_busy_with(image):
        say.info(f"'{image.name}' is being segmented already")
        return
    try:
        part = scope.part_of(viewer, image, scope.IMAGE, None, kept.network.dims)
        request = Request(
            image.name, kept.network, kept.name, pixels_of(image), part, machine=machine()
        )
        result = segmentations.result_of(image)
        segmentations.segment(image, request, result.look if result is not None else Look())
    except ValueError as error:
        say.problem(str(error))


def use_as_annotation(viewer: "napari.viewer.Viewer") -> None:
    """Make an annotation of the selected labels, all of them."""
    _annotate_with_active(viewer, changes=False)


def use_corrections_as_annotation(viewer: "napari.viewer.Viewer") -> None:
    """Add what was changed in the selected labels since they were made to the annotation."""
    _annotate_with_active(viewer, changes=True)


def annotate_with(viewer: Any, labels: Labels, changes: bool, rim: int = 0) -> Labels | None:
    """Make annotation of ``labels`` and tell where it is, or what is wrong."""
    try:
        layer = use_changes(viewer, labels, rim) if changes else use_all(viewer, labels)
    except ValueError as error:
        text = str(error)
        say.problem(text[:1].upper() + text[1:])
        return None
    what = "What you changed in" if changes else "All of"
    say.info(f"{what} '{labels.name}' is in '{layer.name}' now, to be trained on")
    if guess := guessed_classes(viewer, labels):
        say.info(guess)
    return layer


def _annotate_with_active(viewer: Any, changes: bool) -> None:
    viewer = unwrapped(viewer)
    active = viewer.layers.selection.active
    if not isinstance(active, Labels):
        say.problem("No labels layer is selected: select the result that is to be learnt from")
        return
    annotate_with(viewer, active, changes)
