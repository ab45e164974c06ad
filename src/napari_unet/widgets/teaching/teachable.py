"""Teachable: whether a network can learn from an annotation layer while it is painted."""

from napari.layers import Image, Labels

from napari_unet.widgets.classes import code_of
from napari_unet.widgets.layers import full_shape
from napari_unet.widgets.pixels import labels_shape

ALL_LABELLED = "Live needs unlabelled pixels: untick '0 is background' under This layer"


def refusal(image: Image, labels: Labels) -> str:
    """Say why nothing can be learned from ``labels``; empty where it can."""
    if code_of(labels).zero == "background":
        return ALL_LABELLED
    try:
        wanted = labels_shape(image)
    except ValueError as error:
        return str(error)
    fits = full_shape(labels) == wanted
    return "" if fits else f"'{labels.name}' does not have the shape of '{image.name}': {wanted}"
