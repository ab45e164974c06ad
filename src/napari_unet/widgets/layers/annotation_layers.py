"""Makes annotation layers with the geometry of their image, and copies them for a training."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.core.arrays.boxes import PixelStore
from napari_unet.core.text import size
from napari_unet.widgets.layers.coordinates import (
    from_layer,
    labels_geometry,
    labels_shape,
    pixels_of,
)
from napari_unet.widgets.layers.label_classes import classes_of, code_of, new_class, set_classes
from napari_unet.widgets.layers.layers import is_preview, unwrapped
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.training_sources import LayerSnapshot, LayerSource

IN_ONE_PIECE = 2**30  # bytes; a larger annotation is a Zarr array in memory
CHUNK = 512  # px
DEFAULT_CLASSES = (new_class(0), new_class(1, "object"))


def new_annotation_layer(
    viewer: Viewer,
    image: Image,
    *,
    classes: Sequence[LabelClass] = DEFAULT_CLASSES,
    dtype: str = "uint8",
    data: np.ndarray | None = None,
    code: LabelCode | None = None,
) -> Labels:
    """Add an empty annotation layer, or one of ``data``, and pair it with ``image``.

    8 or 16 bits a pixel: with more, each stroke on a large image redraws a hundred times slower.
    """
    viewer, image = unwrapped(viewer), unwrapped(image)
    shape = labels_shape(image)
    layer = viewer.add_labels(
        empty_labels(shape, dtype) if data is None else data.reshape(shape),
        name=f"{image.name} annotation",
        **labels_geometry(image),
    )
    set_classes(layer, classes, code)
    Session.of(viewer).pairs.pair(image, layer)
    return layer


def snapshot(image: Image, labels: Labels) -> LayerSnapshot:
    """Return the image with a copy of its labels; ValueError if the two do not fit."""
    code = code_of(labels)
    copy = np.array(from_layer(image, labels))
    copy.setflags(write=False)
    return LayerSnapshot(image.name, pixels_of(image), copy, code.zero, code.ids)


def images_of(viewer: Viewer) -> list[Image]:
    """Return the image layers that a network can use, in the order of the layer list."""
    layers = unwrapped(viewer).layers
    return [layer for layer in layers if isinstance(layer, Image) and not is_preview(layer)]


def empty_labels(shape: tuple[int, ...], dtype: str) -> PixelStore:
    """Return labels of zeros; large ones take memory only where they are painted."""
    if prod(shape) * np.dtype(dtype).itemsize <= IN_ONE_PIECE:
        return np.zeros(shape, dtype)
    chunks = tuple(1 if place < len(shape) - 2 else CHUNK for place in range(len(shape)))
    import zarr  # here, because importing it would delay opening a dock

    return zarr.create_array(
        store=zarr.storage.MemoryStore(), shape=shape, dtype=dtype, chunks=chunks, fill_value=0
    )


def layer_source(image: Image, labels: Labels, role: str) -> LayerSource:
    """Copy two layers as a training source; ValueError if they do not fit. GUI thread."""
    return LayerSource(
        snapshot(image, labels),
        labels.name,
        classes_of(labels),
        role,
        path_of(image),
        path_of(labels),
    )


def path_of(layer: Layer) -> Path | None:
    """Return the file or folder that ``layer`` was read from, if it is on this machine."""
    path = getattr(layer.source, "path", None)
    return Path(path) if path and Path(path).exists() else None


def reason_not_to_pair(image: Image, labels: Labels) -> str:
    """Return why ``labels`` cannot be the annotation of ``image``; empty if they can."""
    try:
        wanted = labels_shape(image)
    except ValueError as error:
        return str(error)
    data = labels.data[0] if labels.multiscale else labels.data
    if tuple(data.shape) == wanted:
        return ""
    return (
        f"'{labels.name}' has {size(data.shape)} px and '{image.name}' needs {size(wanted)} px: "
        "choose other layers, or make a new annotation layer"
    )


def code_text(labels: Labels) -> str:
    """Return in words what the values of ``labels`` mean."""
    code = code_of(labels)
    zero = "0 is unlabelled, 1 background" if code.zero == "unlabelled" else "0 is background"
    ids = "each other value a class" if code.ids == "classes" else "each other value an object"
    return f"{zero}, {ids}"
