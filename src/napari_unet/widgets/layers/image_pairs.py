"""Which annotation layer belongs to which image layer, and the role of the pair in training.

Layers are held weakly and looked up in the viewer, so that a pair ends when one of its layers is
deleted.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

ROLES = ("train", "validate", "off")


@dataclass(frozen=True, eq=False)
class ImagePair:
    """An image layer with its annotation layer, and its role in a training."""

    image: Image
    labels: Labels
    role: str


class ImagePairs(QObject):
    """The pairs of a viewer, in the order of its layers."""

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._labels: weakref.WeakKeyDictionary[Image, weakref.ref[Labels]] = (
            weakref.WeakKeyDictionary()
        )
        self._roles: weakref.WeakKeyDictionary[Image, str] = weakref.WeakKeyDictionary()

    def __iter__(self) -> Iterator[ImagePair]:
        for image in self._layers():
            labels = self.annotation_of(image) if isinstance(image, Image) else None
            if labels is not None:
                yield ImagePair(image, labels, self.role_of(image))

    def pair(self, image: Image, labels: Labels) -> None:
        """Make ``labels`` the annotation of ``image``, in place of another one."""
        if self.annotation_of(image) is not labels:
            self._labels[image] = weakref.ref(labels)
            self.changed.emit()

    def annotation_of(self, image: Image) -> Labels | None:
        """Return the annotation layer of ``image``, None if there is none."""
        labels = self._labels.get(image, _nothing)()
        return labels if labels is not None and labels in self._layers() else None

    def was_paired(self, image: Image) -> bool:
        """Whether ``image`` has, or ever had, an annotation layer."""
        return image in self._labels

    def image_of(self, labels: Labels) -> Image | None:
        """Return the image whose annotation ``labels`` are."""
        return next((pair.image for pair in self if pair.labels is labels), None)

    def role_of(self, image: Image) -> str:
        """Return the role of ``image``: train, validate or off."""
        return self._roles.get(image, ROLES[0])

    def set_role(self, image: Image, role: str) -> None:
        """Set the role of ``image``."""
        if role not in ROLES:
            raise ValueError(f"there is no role '{role}': choose one of {', '.join(ROLES)}")
        if role != self.role_of(image):
            self._roles[image] = role
            self.changed.emit()

    def _layers(self) -> list[Any]:
        viewer = self._viewer()
        return [] if viewer is None else list(viewer.layers)


def _nothing() -> None:
    return None
