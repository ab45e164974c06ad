"""Facts: what a journal keeps of an annotation layer beside its pixels, and finding its image."""

from pathlib import Path
from typing import Any

from napari.layers import Image, Labels

from napari_unet.core.strokes.signature import signature
from napari_unet.widgets.layers import NOTES
from napari_unet.widgets.pixels import pixels_of
from napari_unet.widgets.session import Session

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


def image_for(viewer: Any, facts: dict[str, Any]) -> Image | None:
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


def _open_one(viewer: Any, said: dict[str, Any]) -> Image | None:
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    same = [one for one in images if signature(pixels_of(one).data) == said["signature"]]
    return next((one for one in same if one.name == said["name"]), next(iter(same), None))
