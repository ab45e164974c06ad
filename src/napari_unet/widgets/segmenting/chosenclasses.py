"""ChosenClasses: the classes that a person gave to objects of a result of several classes."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ChosenClasses:
    """Of single objects, and of the new ones from a label on; None: what the scores prefer.

    New objects have larger labels than those there are, so that a label tells what came after a
    choice.
    """

    given: dict[int, int | None] = field(default_factory=dict)  # class by label
    later: tuple[tuple[int, int | None], ...] = ()  # (label, class), by label

    def of(self, label: int) -> int | None:
        """Return the class chosen for ``label``."""
        if label in self.given:
            return self.given[label]
        return next((kind for start, kind in reversed(self.later) if label >= start), None)

    def choose(self, label: int, kind: int | None, painted: bool) -> "ChosenClasses":
        """Return these with a class for ``label``, and for later ones where it is not painted."""
        if painted:
            return replace(self, given={**self.given, label: kind})
        before = tuple(entry for entry in self.later if entry[0] < label)
        return replace(self, later=(*before, (label, kind)))

    def moved(self, found: np.ndarray) -> list[int]:
        """Return the labels of objects that were found with another class; ``found`` by label."""
        chosen = ((label, kind) for label, kind in self.given.items() if label < len(found))
        return [label for label, kind in chosen if kind is not None and kind != found[label]]

    def kinds(self, labels: np.ndarray, found: np.ndarray, scores: Any) -> np.ndarray:
        """Return the class of each object in ``labels``, by label (0: background), uint8.

        ``found`` are the classes of the objects that the network has found. Without ``scores``
        (classes, *shape of the labels), those that a person added are of the first class.
        """
        kinds = np.ones(max(int(labels.max(initial=0)) + 1, len(found)), np.uint8)
        kinds[: len(found)] = np.maximum(found, 1)
        added = np.unique(labels[labels >= len(found)]).tolist()
        open_ = [label for label in added if label and self.of(label) is None]
        if open_ and scores is not None and tuple(scores.shape[1:]) == labels.shape:
            from napari_unet.core.labelling.preference import preferred_classes

            kinds[open_] = preferred_classes(labels, scores, open_)
        for label in {*added, *self.given} - {*open_}:
            kind = self.of(label)
            if label < len(kinds) and kind is not None:
                kinds[label] = kind
        kinds[0] = 0
        return kinds
