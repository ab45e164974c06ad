"""Makes training labels of a result: all of it, or only what a person changed in it."""

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from numpy.typing import ArrayLike

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.annotation_layers import images_of, new_annotation_layer
from napari_unet.widgets.layers.coordinates import labels_shape
from napari_unet.widgets.layers.label_classes import classes_of, code_of
from napari_unet.widgets.layers.layers import region_setitem, unwrapped
from napari_unet.widgets.segment.result import WrittenLabels
from napari_unet.widgets.segment.runs import Segmentations
from napari_unet.widgets.shared.session import Session

MAX_CLASSES = 2  # background and one; with more an annotation has no single objects


def use_all(viewer: Viewer, labels: Labels) -> Labels:
    """Make a new annotation layer of ``labels``; an older annotation stays, unpaired."""
    viewer = unwrapped(viewer)
    image = image_of(viewer, labels)
    written = _written(viewer, labels)
    data = np.asarray(labels.data)
    if _keeps_objects(labels, written):
        code = LabelCode("unlabelled", "objects")
        values = data.astype(np.int64) + (1 - code_of(labels).background)
    else:
        code = LabelCode("unlabelled", "classes")
        classes = _classes(viewer, labels, written)
        values = np.where(classes < 0, 0, classes + code.background)
    return _new_layer(viewer, image, labels, values, code)


def use_changes(viewer: Viewer, labels: Labels, rim: int = 0) -> Labels:
    """Add what a person changed in ``labels``, and ``rim`` px around, to the annotation.

    In an annotation that exists it is one edit, which Ctrl-Z takes back.
    """
    viewer = unwrapped(viewer)
    image = image_of(viewer, labels)
    written = _written(viewer, labels)
    if written is None:
        raise ValueError(
            f"'{labels.name}' was not made by Segment: what was changed in it is not known"
        )
    changed = changed_pixels(labels, written)
    box = _box_around(changed, rim)
    wanted = changed[box]
    if rim:
        from scipy.ndimage import binary_dilation  # here: importing it would delay a dock

        wanted = binary_dilation(wanted, _in_plane(wanted.ndim), iterations=rim)
    annotation = Session.of(viewer).pairs.annotation_of(image)
    if annotation is None or annotation.data.shape != labels.data.shape:
        return _new_from_changes(viewer, image, labels, written, (box, wanted))
    _edit(annotation, labels, _kinds(viewer, labels, written), (box, wanted))
    return annotation


def changed_pixels(labels: Labels, written: WrittenLabels) -> np.ndarray:
    """Return where ``labels`` differ from what the network wrote; undone edits do not count.

    Every pixel of an object that was given another class differs.
    """
    data = np.asarray(labels.data)
    if data.shape != written.labels.shape:
        raise ValueError(
            f"'{labels.name}' has the shape {data.shape} now and was made with "
            f"{written.labels.shape}: what was changed in it is not known any more"
        )
    changed = data != written.labels
    if written.has_choice:
        changed |= np.isin(data, written.chosen.moved(written.kinds))
    if not changed.any():
        raise ValueError(
            f"nothing was changed in '{labels.name}' since it was made: correct it with the brush "
            "first, or use all of it"
        )
    return changed


def guessed_classes(viewer: Viewer, labels: Labels) -> str:
    """Return which classes the added objects got, in a sentence; "" for one class."""
    written = _written(viewer, labels)
    if written is None or not written.has_choice:
        return ""
    data = np.asarray(labels.data)
    added = np.unique(data[data >= max(len(written.kinds), 1)]).tolist()
    guessed = [label for label in added if written.chosen.of(label) is None]
    if not guessed:
        return ""
    kinds = _kinds(viewer, labels, written)[guessed]
    names = [
        f"{n} as '{written.classes[kind].name}'"
        for kind, n in enumerate(np.bincount(kinds).tolist()) if n
    ]  # fmt: skip
    return (
        f"Of the objects that you added, {' and '.join(names)} count by their scores: where that "
        "is wrong, select the object and choose its class in Segment"
    )


def image_of(viewer: Viewer, labels: Labels) -> Image:
    """Return the image of ``labels``: the segmented one, the paired one, or one of its shape."""
    session = Session.of(viewer)
    written = Segmentations.of(session).written.get(labels)
    known = [written.image() if written else None, session.pairs.image_of(labels)]
    images = images_of(viewer)
    for image in known:
        if image is not None and image in images:
            return image
    shape = tuple(labels.data.shape)
    for image in reversed(images):
        if labels_shape(image) == shape:
            return image
    raise ValueError(
        f"there is no image that '{labels.name}' belongs to: none has its shape {shape}"
    )


def _written(viewer: Viewer, labels: Labels) -> WrittenLabels | None:
    return Segmentations.of(Session.of(viewer)).written.get(labels)


def _keeps_objects(labels: Labels, written: WrittenLabels | None) -> bool:
    classes = written.classes if written is not None else classes_of(labels)
    return code_of(labels).instances and len(classes) <= MAX_CLASSES


def _kinds(viewer: Viewer, labels: Labels, written: WrittenLabels) -> np.ndarray:
    """Return the class of each label; if labels are classes, the labels themselves."""
    if not written.objects:
        return np.arange(int(np.max(labels.data)) + 1)
    image = written.image()
    result = Segmentations.of(Session.of(viewer)).result_of(image)
    scores = None if result is None else result.cache.scores
    if scores is not None and scores.shape[0] != len(
        written.classes
    ):  # they are of another network
        scores = None
    return written.chosen.kinds(written.place.flat(labels.data), written.kinds, scores)


def _classes(viewer: Viewer, labels: Labels, written: WrittenLabels | None) -> np.ndarray:
    """Return the class of each pixel, background 0, -1 where it is unlabelled."""
    code, data = code_of(labels), np.asarray(labels.data)
    if code.instances and written is not None:
        return _kinds(viewer, labels, written).astype(np.int64)[data]
    values = data.astype(np.int64) - code.background
    return np.where(values > 0, 1, values) if code.instances else values


def _box_around(changed: np.ndarray, rim: int) -> Box:
    bounds = []
    for axis, edge in enumerate(changed.shape):
        others = tuple(other for other in range(changed.ndim) if other != axis)
        places = np.flatnonzero(changed.any(axis=others))
        start, stop = int(places[0]) - rim, int(places[-1]) + 1 + rim
        bounds.append(slice(max(start, 0), min(stop, edge)))
    return tuple(bounds)


def _in_plane(axes: int) -> np.ndarray:
    """Return the neighbours of a pixel in its own plane."""
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    return cross.reshape((1,) * (axes - 2) + cross.shape)


def _new_from_changes(
    viewer: Viewer,
    image: Image,
    labels: Labels,
    written: WrittenLabels,
    place: tuple[Box, np.ndarray],
) -> Labels:
    box, wanted = place
    code = LabelCode("unlabelled", "objects" if _keeps_objects(labels, written) else "classes")
    values = np.zeros(labels.data.shape, np.int64)
    kinds = _kinds(viewer, labels, written)
    values[box] = np.where(wanted, _coded(labels.data[box], kinds, code), 0)
    return _new_layer(viewer, image, labels, values, code)


def _coded(data: ArrayLike, kinds: np.ndarray, code: LabelCode, shift: int = 0) -> np.ndarray:
    """Convert objects of these ``kinds`` to ``code``; ``shift`` is added to their numbers."""
    data = np.asarray(data)
    if code.instances:
        return np.where(data > 0, data.astype(np.int64) + code.background + shift, code.background)
    return kinds.astype(np.int64)[data] + code.background


def _edit(
    annotation: Labels, labels: Labels, kinds: np.ndarray, place: tuple[Box, np.ndarray]
) -> None:
    box, wanted = place
    code = code_of(annotation)
    before = np.asarray(annotation.data)
    shift = max(int(before.max(initial=0)) - code.background, 0) if code.instances else 0
    values = np.where(wanted, _coded(labels.data[box], kinds, code, shift), before[box])
    if int(values.max()) > np.iinfo(annotation.data.dtype).max:
        raise ValueError(
            f"'{annotation.name}' can hold values up to {np.iinfo(annotation.data.dtype).max} and "
            f"the corrections need {int(values.max())}: use all of the result instead"
        )
    region_setitem(annotation, box, values.astype(annotation.data.dtype))


def _new_layer(
    viewer: Viewer, image: Image, labels: Labels, values: np.ndarray, code: LabelCode
) -> Labels:
    small = np.uint8 if int(values.max(initial=0)) <= 255 else np.uint16
    kind = small if int(values.max(initial=0)) <= 65535 else np.int32
    written = _written(viewer, labels)
    classes = written.classes if written is not None else classes_of(labels)
    data = values.astype(kind)
    return new_annotation_layer(viewer, image, classes=classes, data=data, code=code)
