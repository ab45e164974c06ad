"""Makes an annotation of a journal a layer on its image again."""

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import DEFAULT_CLASSES, new_annotation_layer
from napari_unet.widgets.layers.coordinates import labels_shape, pixels_of
from napari_unet.widgets.layers.label_classes import set_classes, set_code
from napari_unet.widgets.layers.layers import NOTES, replace_data
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.journal_replay import Restored
from napari_unet.workflows.stroke_journal import signature

MEANING = ("zero", "ids", "classes")


def facts_of(session: Session, labels: Labels) -> dict[str, Any]:
    """Return what is needed to find the image again and to understand the values."""
    image = session.pairs.image_of(labels)
    kept = labels.metadata.get(NOTES, {})
    found: dict[str, Any] = {
        "layer": labels.name,
        "meaning": {name: kept[name] for name in MEANING if name in kept},
        "scale": [float(value) for value in labels.scale],
        "translate": [float(value) for value in labels.translate],
    }
    if image is not None:
        source = image.source
        found["image"] = {
            "name": image.name,
            "file": str(Path(source.path).absolute()) if source.path else "",
            "sample": list(source.sample) if source.sample else [],
            "signature": signature(pixels_of(image).data),
            "role": session.pairs.role_of(image),
        }
    return found


def image_for(viewer: Viewer, facts: dict[str, Any]) -> Image | None:
    """Return the image that was painted on: one that is open, or opened now."""
    said = facts.get("image")
    if not said:
        return None
    found = _open_one(viewer, said)
    if found is None and Path(said["file"]).is_file():
        viewer.open(said["file"], plugin=None)
        found = _open_one(viewer, said)
    elif found is None and said["sample"]:
        viewer.open_sample(*said["sample"])
        found = _open_one(viewer, said)
    return found


def _open_one(viewer: Viewer, said: dict[str, Any]) -> Image | None:
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    same = [one for one in images if signature(pixels_of(one).data) == said["signature"]]
    return next((one for one in same if one.name == said["name"]), next(iter(same), None))


def restore(session: Session, found: Restored) -> Labels:
    """Show ``found``: in the empty annotation layer of its image, or as a layer of its own."""
    viewer, facts = session.viewer, found.facts
    image = image_for(viewer, facts)
    meaning = facts.get("meaning", {})
    if image is None or labels_shape(image) != found.labels.shape:
        name = facts.get("layer", "restored annotation")
        layer = viewer.add_labels(
            found.labels, name=name, scale=facts.get("scale"), translate=facts.get("translate"),
            metadata={NOTES: dict(meaning)},
        )  # fmt: skip
        said = facts.get("image", {}).get("name", "")
        messages.warn(
            f"'{layer.name}' was restored without its image '{said}', which is not open: "
            "open the image and choose both in Annotate"
        )
        _confirm(session, layer, found)
        return layer
    classes = [LabelClass(one["name"], one["color"]) for one in meaning.get("classes", ())]
    layer = session.pairs.annotation_of(image)
    if layer is not None and layer.data.shape == found.labels.shape and _empty(layer):
        replace_data(layer, found.labels)
        set_classes(layer, classes or DEFAULT_CLASSES)
    else:
        layer = new_annotation_layer(
            viewer, image, classes=classes or DEFAULT_CLASSES, data=found.labels
        )
    layer.name = facts.get("layer", layer.name)
    set_code(layer, LabelCode(meaning.get("zero", "unlabelled"), meaning.get("ids", "classes")))
    _confirm(session, layer, found)
    session.pairs.set_role(image, facts["image"].get("role", "train"))
    messages.info(f"'{layer.name}' was restored with {found.strokes} strokes")
    return layer


def _empty(layer: Labels) -> bool:
    return not np.asarray(layer.data).any()


def _confirm(session: Session, layer: Labels, found: Restored) -> None:
    if found.confirmed:
        UndoFollower.of(layer, session).confirm(found.confirmed.copy())
