"""Functions that change the list of classes of an annotation layer while it is painted."""

from collections.abc import Sequence
from dataclasses import replace

from napari.layers import Labels

from napari_unet.core.annotation.label_codes import LAST_CLASS, LabelClass
from napari_unet.widgets.layers.label_classes import (
    classes_of,
    code_of,
    new_class,
    set_classes,
    value_of,
)
from napari_unet.widgets.layers.layers import notes

PAINTING = ("paint", "fill", "polygon")  # modes that write the selected label


def choose_class(labels: Labels, number: int, free: int | None = None) -> None:
    """Paint with class ``number`` from now on; where each id is an object, with the ``free`` id."""
    value = value_of(labels, number)
    if code_of(labels).instances and number:
        value = max(value, int(labels.selected_label) + 1 if free is None else free)
    try:
        labels.selected_label = value
    except ValueError:  # napari's message is about types
        raise ValueError(
            f"'{labels.name}' has {labels.dtype.itemsize * 8} bits a pixel, which is no room for "
            f"the value {value}: make a new annotation layer for objects (New ▸ for objects)"
        ) from None
    if labels.mode not in PAINTING:
        labels.mode = "paint"


def chosen_class(labels: Labels) -> int | None:
    """Return the class that the brush paints, None if it paints another value."""
    code = code_of(labels)
    number = int(labels.selected_label) - code.background
    if code.instances:
        number = min(number, 1)
    return number if 0 <= number < len(classes_of(labels)) else None


def add_class(labels: Labels) -> int:
    """Add a class with a name and colour of its own, and return its number."""
    classes = classes_of(labels)
    number = len(classes)
    entry = new_class(number)
    set_classes(labels, (*classes, replace(entry, name=_free_name(entry.name, classes))))
    return number


def rename_class(labels: Labels, number: int, name: str) -> None:
    """Give a class another name; one that is taken is refused."""
    name = " ".join(name.split())
    if name:
        _change(labels, number, name=name)


def recolour_class(labels: Labels, number: int, color: str) -> None:
    """Give a class another colour, '#rrggbb'."""
    _change(labels, number, color=color)


def put_in(labels: Labels, number: int, entry: LabelClass) -> None:
    """Put a class back among the others; the next ones move up by one."""
    classes = list(classes_of(labels))
    entry = replace(entry, name=_free_name(entry.name, classes))
    classes.insert(number, entry)
    set_classes(labels, classes)


def take_out(labels: Labels, number: int) -> None:
    """Take a class from the list; the next ones move down by one."""
    classes = list(classes_of(labels))
    del classes[number]
    set_classes(labels, classes)


def is_described(labels: Labels) -> bool:
    """Whether the classes of ``labels`` are set."""
    return bool(notes(labels).get("classes"))


def cover(labels: Labels, highest: int) -> None:
    """Add classes until every painted value up to ``highest`` has one, in its present colour."""
    code, classes = code_of(labels), list(classes_of(labels))
    described = is_described(labels)
    if code.instances:
        return
    wanted = min(highest - code.background + 1, LAST_CLASS)
    if not described:
        classes = [_as_seen(labels, number) for number in range(max(wanted, 2))]
    for number in range(len(classes), wanted):
        entry = new_class(number)
        classes.append(replace(entry, name=_free_name(entry.name, classes)))
    if not described or len(classes) > len(classes_of(labels)):
        set_classes(labels, classes)


def _as_seen(labels: Labels, number: int) -> LabelClass:
    usual = new_class(number)
    color = labels.get_color(value_of(labels, number))
    if color is None or not float(color[3]):
        return usual
    red, green, blue = (round(255 * float(part)) for part in color[:3])
    return replace(usual, color=f"#{red:02x}{green:02x}{blue:02x}")


def _change(labels: Labels, number: int, **changes: str) -> None:
    classes = list(classes_of(labels))
    classes[number] = replace(classes[number], **changes)
    if tuple(classes) != classes_of(labels):
        set_classes(labels, classes)


def _free_name(name: str, classes: Sequence[LabelClass]) -> str:
    """Return ``name``, with a number behind it where one of ``classes`` has it already."""
    taken = {entry.name for entry in classes}
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free
