"""Words: where live teaching stands, in a sentence for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.widgets.live.live_teaching import LiveTeaching

SIZES = {1: "full", 2: "½", 4: "¼"}
NO_PREVIEW = "There is no preview yet: paint strokes of two classes first"


def status(room: "LiveTeaching | None") -> str:
    """Return what it does, and which network is seen."""
    if room is None:
        return "Needs an image and its annotation layer."
    if room.problem:
        return f"{room.problem}."
    told = room.told
    if told is None:
        return "Getting ready …"
    said = told.said
    if not room.live and not room.busy:
        said = "Off: J learns from the strokes once" if told.strokes else "Off"
    by = f" · preview by {told.by.capitalize()}" if told.by else ""
    return f"{said}{by}"


def learned_from(room: "LiveTeaching | None") -> str:
    """Return why a button that needs a preview is off; empty where there is one."""
    return "" if room is not None and room.shown else NO_PREVIEW
