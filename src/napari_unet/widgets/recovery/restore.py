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
    """Return what is needed to find the image again and to interpret the label values."""
    image = session.pairs.image_of(labels)
    stored = labels.metadata.get(NOTES, {})
    facts: dict[str, Any] = {
        "layer": labels.name,
        "meaning": {name: stored[name] for name in MEANING if name in stored},
        "scale": [float(value) for value in labels.scale],
        "translate": [float(value) for value in labels.translate],
    }
    if image is not None:
        source = image.source
        facts["image"] = {
            "name": image.name,
            "file": str(Path(source.path).absolute()) if source.path else "",
            "sample": list(source.sample) if source.sample else [],
            "signature": signature(pixels_of(image).data),
            "role": session.pairs.role_of(image),
        }
    return facts


def image_for(viewer: Viewer, facts: dict[str, Any]) -> Image | None:
    """Return the image that was painted on: an open layer, or one opened from its file."""
    stored = facts.get("image")
    if not stored:
        return None
    image = _open_one(viewer, stored)
    if image is None and Path(stored["file"]).is_file():
        viewer.open(stored["file"], plugin=None)
        image = _open_one(viewer, stored)
    elif image is None and stored["sample"]:
        viewer.open_sample(*stored["sample"])
        image = _open_one(viewer, stored)
    return image


def _open_one(viewer: Viewer, facts: dict[str, Any]) -> Image | None:
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    same = [one for one in images if signature(pixels_of(one).data) == facts["signature"]]
    return next((one for one in same if one.name == facts["name"]), next(iter(same), None))


def restore(session: Session, restored: Restored) -> Labels:
    """Show ``restored`` in the empty annotation layer of its image, or in a new layer."""
    viewer, facts = session.viewer, restored.facts
    image = image_for(viewer, facts)
    meaning = facts.get("meaning", {})
    if image is None or labels_shape(image) != restored.labels.shape:
        name = facts.get("layer", "restored annotation")
        layer = viewer.add_labels(
            restored.labels, name=name, scale=facts.get("scale"), translate=facts.get("translate"),
            metadata={NOTES: dict(meaning)},
        )  # fmt: skip
        image_name = facts.get("image", {}).get("name", "")
        messages.warn(
            f"'{layer.name}' was restored without its image '{image_name}', which is not open: "
            "open the image and choose both in Annotate"
        )
        _confirm(session, layer, restored)
        return layer
    classes = [LabelClass(one["name"], one["color"]) for one in meaning.get("classes", ())]
    layer = session.pairs.annotation_of(image)
    if layer is not None and layer.data.shape == restored.labels.shape and _empty(layer):
        replace_data(layer, restored.labels)
        set_classes(layer, classes or DEFAULT_CLASSES)
    else:
        layer = new_annotation_layer(
            viewer, image, classes=classes or DEFAULT_CLASSES, data=restored.labels
        )
    layer.name = facts.get("layer", layer.name)
    set_code(layer, LabelCode(meaning.get("zero", "unlabelled"), meaning.get("ids", "classes")))
    _confirm(session, layer, restored)
    session.pairs.set_role(image, facts["image"].get("role", "train"))
    messages.info(f"'{layer.name}' was restored with {restored.strokes} strokes")
    return layer


def _empty(layer: Labels) -> bool:
    return not np.asarray(layer.data).any()


def _confirm(session: Session, layer: Labels, restored: Restored) -> None:
    if restored.confirmed:
        UndoFollower.of(layer, session).confirm(restored.confirmed.copy())
