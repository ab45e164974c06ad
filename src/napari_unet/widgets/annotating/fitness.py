"""Fitness: whether a labels layer can be the annotation of an image, and why not."""

import sys
from math import prod

from napari.layers import Image, Labels

from napari_unet.core.findings.words import size
from napari_unet.widgets.layers import full_shape
from napari_unet.widgets.pixels import labels_shape

SLOW = 2**24  # px from which napari needs a second to draw labels of 32 or 64 bits


def image_problem(image: Image) -> str:
    """Return why ``image`` cannot be annotated; empty when it can."""
    try:
        labels_shape(image)
    except ValueError as error:
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    return ""


def fits(image: Image | None, labels: Labels) -> bool:
    """Whether ``labels`` have a pixel for each of ``image``."""
    if image is None or image_problem(image):
        return False
    return full_shape(labels) == labels_shape(image)


def misfit(image: Image, labels: Labels) -> str:
    """Say that the annotation of ``image`` has another shape than it needs."""
    return (
        f"'{labels.name}' is {size(full_shape(labels))} and the labels of '{image.name}' need "
        f"{size(labels_shape(image))}: it was left as it is; press New for another one."
    )


def why_not_painted(labels: Labels) -> str:
    """Return why ``labels`` cannot be painted; a copy can. Empty when they can."""
    if labels.multiscale:
        return f"'{labels.name}' is a pyramid, which napari cannot paint: make a copy to paint in."
    if _is_dask(labels.data):
        return (
            f"'{labels.name}' is computed as it is shown (dask), so strokes would be lost: "
            "make a copy to paint in."
        )
    return ""


def why_slow(labels: Labels) -> str:
    """Return why painting in ``labels`` will be slow, empty when it will not."""
    bits = labels.dtype.itemsize * 8
    pixels = prod(full_shape(labels))
    if bits <= 16 or pixels < SLOW:
        return ""
    return (
        f"'{labels.name}' has {bits} bits a pixel: on {pixels / 1e6:.0f} million pixels each "
        "stroke is drawn slowly; a copy of 16 bits is drawn at once."
    )


def _is_dask(data: object) -> bool:
    """Whether ``data`` is a dask array; nothing is one before dask was imported, which is slow."""
    dask = sys.modules.get("dask.array")
    return dask is not None and isinstance(data, dask.Array)
