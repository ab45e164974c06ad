"""Restoring: an annotation of a journal becomes a layer on its image again."""

import numpy as np
from napari.layers import Labels

from napari_unet.core.coding import Code
from napari_unet.core.strokes.replay import Restored
from napari_unet.widgets import say
from napari_unet.widgets.annotating.edits import Edits
from napari_unet.widgets.annotationlayer import DEFAULT_CLASSES, new_annotation_layer
from napari_unet.widgets.classes import LabelClass, set_classes, set_code
from napari_unet.widgets.keeping.facts import image_for
from napari_unet.widgets.layers import NOTES, replace_data
from napari_unet.widgets.pixels import labels_shape
from napari_unet.widgets.session import Session


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
        say.warn(
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
    set_code(layer, Code(meaning.get("zero", "unlabelled"), meaning.get("ids", "classes")))
    _confirm(session, layer, found)
    session.pairs.set_role(image, facts["image"].get("role", "train"))
    say.info(f"'{layer.name}' was restored with {found.strokes} strokes")
    return layer


def _empty(layer: Labels) -> bool:
    return not np.asarray(layer.data).any()


def _confirm(session: Session, layer: Labels, found: Restored) -> None:
    if found.confirmed:
        Edits.of(layer, session).confirm(found.confirmed.copy())
