"""Advice: the next thing to do in an annotation layer, in a sentence."""

from napari.layers import Labels

from napari_unet.core.coding import LAST_CLASS
from napari_unet.core.findings.words import number
from napari_unet.core.painted import Counts
from napari_unet.widgets.annotating.classediting import is_described
from napari_unet.widgets.annotating.keys import key_of
from napari_unet.widgets.classes import classes_of, code_of

FEW = 24  # values; a layer from elsewhere with more holds objects rather than classes


def looks_like_objects(labels: Labels, counts: Counts) -> bool:
    """Whether nobody has said what the values of ``labels`` mean, and they seem to be objects."""
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
