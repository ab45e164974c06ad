"""How many pixels of each class are painted, and the sentence that says what to do next."""

from dataclasses import dataclass

from napari.layers import Labels

from napari_unet.core.annotation.label_codes import LAST_CLASS, LabelClass
from napari_unet.core.arrays.label_values import Counts
from napari_unet.core.text import count, number, share
from napari_unet.widgets.annotate.class_editing import is_described
from napari_unet.widgets.annotate.shortcuts import key_of
from napari_unet.widgets.layers.label_classes import classes_of, code_of

COUNTING = "…"


@dataclass(frozen=True)
class ClassFigures:
    """A class with its painted pixels; None while they are counted."""

    entry: LabelClass
    pixels: int | None
    labelled: int  # pixels of all classes
    whole: int  # pixels of the image

    @property
    def share(self) -> float:
        """The share of this class among all labelled pixels."""
        return (self.pixels or 0) / self.labelled if self.labelled else 0.0

    @property
    def amount(self) -> str:
        """The number of pixels, short enough for a row."""
        return COUNTING if self.pixels is None else f"{number(self.pixels)} px"

    @property
    def sentence(self) -> str:
        """The number of pixels, with its share of the labelled pixels and of the image."""
        if self.pixels is None:
            return f"The pixels of '{self.entry.name}' are being counted."
        if not self.pixels:
            return f"Nothing of '{self.entry.name}' is painted yet."
        return (
            f"{count(self.pixels, 'pixel')} of '{self.entry.name}': "
            f"{share(self.pixels, self.labelled)} of what is labelled, "
            f"{share(self.pixels, self.whole)} of the image."
        )


def class_figures(labels: Labels, counts: Counts | None, whole: int) -> list[ClassFigures]:
    """Return the figures of every class of ``labels``, background first."""
    classes = classes_of(labels)[: 2 if code_of(labels).instances else None]
    if counts is None:
        return [ClassFigures(entry, None, 0, whole) for entry in classes]
    pixels = [_pixels(labels, counts, place) for place in range(len(classes))]
    labelled = _labelled(labels, counts)
    return [
        ClassFigures(entry, painted, labelled, whole)
        for entry, painted in zip(classes, pixels, strict=True)
    ]


def summary(labels: Labels, counts: Counts | None, whole: int) -> str:
    """Return how much of the image is labelled, in a sentence."""
    if counts is None:
        return "counting what is painted …"
    code, labelled = code_of(labels), _labelled(labels, counts)
    objects = ""
    if code.instances:
        painted = sum(value > code.background for value in counts)
        objects = f", {count(painted, 'object')}"
    if not code.background:
        return f"all {number(whole)} px are labelled{objects}"
    if not labelled:
        return f"nothing labelled yet of {number(whole)} px"
    return (
        f"{_together(number(labelled))} of {_together(number(whole))} px labelled, "
        f"{_together(share(labelled, whole))} of the image{objects}"
    )


def _together(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" ", "\u00a0")


def _pixels(labels: Labels, counts: Counts, place: int) -> int:
    code = code_of(labels)
    value = place + code.background
    if code.instances and place:
        return sum(count for painted, count in counts.items() if painted >= value)
    return counts.get(value, 0)


def _labelled(labels: Labels, counts: Counts) -> int:
    background = code_of(labels).background
    return sum(count for value, count in counts.items() if value >= background)


FEW = 24  # values; a layer of another program with more values probably has objects


def looks_like_objects(labels: Labels, counts: Counts) -> bool:
    """Whether the values of ``labels``, whose meaning is not set, seem to be objects."""
    known = is_described(labels) or code_of(labels).instances
    return not known and len(counts) > FEW


def advice(labels: Labels, counts: Counts) -> str:
    """Return what to do next; empty when there is nothing to say."""
    code, classes = code_of(labels), classes_of(labels)
    if looks_like_objects(labels, counts):
        return (
            f"'{labels.name}' has {number(len(counts))} values: if each is an object, say so "
            "under This layer."
        )
    if not code.instances and max(counts, default=0) > LAST_CLASS + code.background - 1:
        return f"Values above {LAST_CLASS} are no classes: tick 'each id is an object' below."
    painted = [value for value in counts if value > code.background]
    background = bool(counts.get(code.background))
    first = classes[1].name
    if not painted and not background:
        return (
            f"Paint a few strokes of '{first}' ({key_of(1)}), then of background ({key_of(0)}). "
            "Dragging with the right button encircles and fills."
        )
    if not painted:
        return f"Only background is painted: paint some '{first}' ({key_of(1)})."
    if not background:
        return f"Paint some background ({key_of(0)}): without it nothing can be told from it."
    return ""
