"""The classes of an annotation layer, with names and colours, kept in the layer's metadata.

napari compiles a dictionary of colours for the first labels layer of a process, which takes 1.7 s,
and imports pandas for colour names. ``begin_to_prepare`` does both in a thread, so that the window
does not stop, and reads the page of settings, which a dock needs for its first job.
"""

from collections.abc import Sequence
from importlib import import_module
from threading import Thread

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap, label_colormap

from napari_unet.core.annotation.label_codes import LAST_CLASS, LabelClass, LabelCode
from napari_unet.core.network.metadata import named_class
from napari_unet.widgets.layers.layers import notes
from napari_unet.widgets.shared.preferences import machine
from napari_unet.workflows.scheduler import no_collections


def new_class(number: int, name: str = "") -> LabelClass:
    """Return the class ``number`` (0: background) with a colour of its own."""
    usual = named_class(number)
    return LabelClass(name or usual["name"], usual["color"])


def code_of(labels: Labels) -> LabelCode:
    """Return what the values of ``labels`` mean; the default: 0 unlabelled, values are classes."""
    stored = notes(labels)
    return LabelCode(stored.get("zero", "unlabelled"), stored.get("ids", "classes"))


def set_code(labels: Labels, code: LabelCode) -> None:
    """Set what the values of ``labels`` mean; colours and names change, pixels do not."""
    notes(labels).update(zero=code.zero, ids=code.ids)
    _show(labels)


def classes_of(labels: Labels) -> tuple[LabelClass, ...]:
    """Return the classes of ``labels``, background first."""
    stored = notes(labels).get("classes", ())
    classes = [LabelClass(entry["name"], entry["color"]) for entry in stored]
    return tuple(classes) or (new_class(0), new_class(1))


def set_classes(
    labels: Labels, classes: Sequence[LabelClass], code: LabelCode | None = None
) -> None:
    """Give ``labels`` these classes: their colours at once, their names in the status bar.

    ``code`` sets the meaning in the same call, because napari colours 65 536 values anew each
    time, which delays the window.
    """
    if not 2 <= len(classes) <= LAST_CLASS:
        raise ValueError(
            f"an annotation has the background and 1 to {LAST_CLASS - 1} classes, "
            f"not {len(classes) - 1}"
        )
    names = [entry.name for entry in classes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two classes are called '{twice}': give each a name of its own")
    notes(labels)["classes"] = [{"name": c.name, "color": c.color} for c in classes]
    if code is not None:
        notes(labels).update(zero=code.zero, ids=code.ids)
    _show(labels)


def value_of(labels: Labels, number: int) -> int:
    """Return the value that paints class ``number``, 0 being the background."""
    return number + code_of(labels).background


def _show(labels: Labels) -> None:
    """Show colours and names: of the classes, or of each object where the values are objects."""
    code, classes = code_of(labels), classes_of(labels)
    first = code.background
    names = ["unlabelled"] * first + [entry.name for entry in classes]
    if code.instances:
        names = names[: first + 1]
        if not isinstance(labels.colormap, CyclicLabelColormap):  # or shuffled by a person
            labels.colormap = label_colormap(background_value=0)
    else:
        shown: dict[int | None, str] = {None: "transparent", 0: "transparent"}
        shown |= {first + place: entry.color for place, entry in enumerate(classes)}
        if not first:
            shown[0] = "transparent"  # so that unpainted background does not hide the image
        colormap = DirectLabelColormap(color_dict=shown)
        if not _alike(labels.colormap, colormap):
            labels.colormap = colormap
    labels.features = {"index": list(range(len(names))), "name": names}


def _alike(before: CyclicLabelColormap | DirectLabelColormap, after: DirectLabelColormap) -> bool:
    """Whether two colormaps are equal; napari uploads every colormap that it is given."""
    if not isinstance(before, DirectLabelColormap):
        return False
    old, new = before.color_dict, after.color_dict
    return old.keys() == new.keys() and all(np.array_equal(old[key], new[key]) for key in new)


_makers: list[Thread] = []


def prepared() -> bool:
    """Whether a label layer can be coloured without a wait."""
    return bool(_makers) and not _makers[0].is_alive()


def begin_to_prepare() -> None:
    """Start ``prepare`` in a thread, at the first call."""
    if not _makers:
        _makers.append(Thread(target=prepare, name="label colours", daemon=True))
        _makers[0].start()


def prepare() -> None:
    """Colour a few labels of each kind that annotations and results have; read the settings."""
    with no_collections():
        import_module("pandas")  # napari's first label layer would, for a third of a second
        shown: dict[int | None, str] = {None: "transparent", 0: "transparent", 1: "gray"}
        for kind in (np.uint8, np.uint16, np.int32):
            DirectLabelColormap(color_dict=shown).map(np.ones((1, 1), kind))
    machine()
