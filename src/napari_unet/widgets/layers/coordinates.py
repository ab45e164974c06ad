"""Axes, shapes and places of layers, from napari to ``core`` and back.

Labels of an image have its axes without channels. Where the channels lie between other axes, a
labels layer keeps that axis with length 1 for all channels, because napari aligns layers by their
last axes.
"""

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import CompositeAffine

from napari_unet.core.arrays.axes import ImagePixels, check_axes, spatial_axes
from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.layers import full_shape, notes

DEFAULT = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TZCYX"}  # the last is the order of ImageJ


def pixels_of(image: Image) -> ImagePixels:
    """Return the data of ``image`` with its axes and pixel size."""
    data = image.data[0] if image.multiscale else image.data
    axes = axes_of(image)
    return ImagePixels(data, axes, _pixel_size(image, axes))


def axes_of(image: Image) -> str:
    """Return the axes of ``image``: as set, else from its axis labels, else the usual ones."""
    shape = _data_shape(image)
    noted = notes(image).get("axes")
    if noted is not None and len(noted) == len(shape):
        return str(noted)
    colour = "C" * image.rgb
    for letters in ("".join(image.axis_labels), DEFAULT.get(image.ndim, "")):
        try:
            return check_axes(letters + colour, shape)
        except ValueError:
            continue
    raise ValueError(f"the image '{image.name}' has {len(shape)} axes: at most 5 can be used")


def labels_shape(image: Image) -> tuple[int, ...]:
    """Return the shape of the data of a labels layer of ``image``."""
    axes, spread = _label_axes(image)
    shape = full_shape(image)
    return tuple(1 if axis == spread else shape[axis] for axis in axes)


def labels_geometry(image: Image) -> dict[str, Any]:
    """Return the geometry of a labels layer of ``image``, as arguments of a new layer."""
    axes, spread = _label_axes(image)
    own = CompositeAffine(
        scale=image.scale, translate=image.translate, rotate=image.rotate, shear=image.shear
    ).set_slice(axes)
    scale, translate = np.array(own.scale), np.array(own.translate)
    if spread is not None:
        channels, place = full_shape(image)[spread], axes.index(spread)
        translate[place] += scale[place] * (channels - 1) / 2
        scale[place] *= channels
    return {
        "scale": scale,
        "translate": translate,
        "rotate": own.rotate,
        "shear": own.shear,
        "affine": image.affine.set_slice(axes),
        "units": tuple(image.units[axis] for axis in axes),
        "axis_labels": tuple(image.axis_labels[axis] for axis in axes),
    }


def region_to_layer(image: Image, region: Box) -> Box:
    """Return a region of labels of ``core`` as one of the data of a labels layer."""
    axes, spread = _label_axes(image)
    parts = iter(region)
    return tuple(slice(0, 1) if axis == spread else next(parts) for axis in axes)


def region_from_layer(image: Image, region: Box) -> Box:
    """Return a region of the data of a labels layer as one of the labels of ``core``."""
    axes, spread = _label_axes(image)
    return tuple(part for axis, part in zip(axes, region, strict=True) if axis != spread)


def point_to_layer(image: Image, point: tuple[int, ...]) -> tuple[float, ...]:
    """Return a pixel of labels of ``core`` as one of the data of a labels layer."""
    region = region_to_layer(image, tuple(slice(i, i + 1) for i in point))
    return tuple(float(part.start) for part in region)


def from_layer(image: Image, labels: Labels) -> np.ndarray:
    """Return the data of ``labels`` with the axes of ``image``, no C; refused where they differ."""
    data = labels.data[0] if labels.multiscale else labels.data
    wanted = labels_shape(image)
    if tuple(data.shape) != wanted:
        raise ValueError(
            f"'{labels.name}' has the shape {tuple(data.shape)} and the labels of '{image.name}' "
            f"need {wanted}: choose other layers, or make a new annotation layer"
        )
    spatial = tuple(
        edge
        for edge, letter in zip(_data_shape(image), axes_of(image), strict=True)
        if letter != "C"
    )
    return np.asarray(data).reshape(spatial)


def _label_axes(image: Image) -> tuple[list[int], int | None]:
    """Return which axes of the image a labels layer has, and its axis of length 1, if any."""
    axes = axes_of(image)[: image.ndim]
    channel = axes.find("C")
    if channel == 0:  # leading: napari shows the labels with every channel if they lack it
        return list(range(1, image.ndim)), None
    return list(range(image.ndim)), None if channel < 0 else channel


def _data_shape(image: Image) -> tuple[int, ...]:
    data = image.data[0] if image.multiscale else image.data
    return tuple(int(edge) for edge in data.shape)


def _pixel_size(image: Image, axes: str) -> dict[str, float]:
    """Return µm a pixel by axis, of the axes with a unit of length."""
    sizes = {}
    for letter, scale, unit in zip(axes, image.scale, image.units, strict=False):
        if letter in spatial_axes(axes) and letter != "T" and unit.is_compatible_with("micrometer"):
            sizes[letter] = float((scale * unit).to("micrometer").magnitude)
    return sizes
