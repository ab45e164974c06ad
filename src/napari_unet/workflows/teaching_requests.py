"""Errands: what a window asks of the Teacher, run in the compute thread on frozen values.

Each takes the desk and returns what there is to tell, or None.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.arrays.boxes import Box, Pixels, pieces, shape_of
from napari_unet.core.network.metadata import named_class
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.teaching_events import (
    Judged,
    NetworkCopied,
    Suggested,
    SuggestedPlace,
    Unconfirmed,
    Window,
    WorkingSizeChanged,
)

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet
    from napari_unet.workflows.teaching_loop import TeachingLoop

CANONICAL = "TZYX"
PLACES = 5  # suggested at a time
NamedClasses = tuple[tuple[str, str], ...]  # name and colour, background first


def codes_of(values: np.ndarray, code: LabelCode) -> np.ndarray:
    """Return painted values as codes of the Teacher, uint8: 0 unlabelled, 1 background, 2…"""
    return code.classes(values) + np.uint8(1)  # 255, unlabelled, becomes 0


def paint(desk: "TeachingLoop", box: Box, codes: np.ndarray, confirmed: bool | np.ndarray) -> None:
    """Take in what ``box`` holds now, and which of it is confirmed."""
    know(desk, int(codes.max(initial=0)))  # undo may bring one back before its row is there
    if desk.teacher.paint(box, codes, confirmed=confirmed):
        desk.stroke_came(box)


def paint_all(
    desk: "TeachingLoop",
    labels: Pixels,
    confirmed: Confirmed,
    kept: tuple[int, ...],
    code: LabelCode,
) -> Iterator[None]:
    """Compare all of ``labels`` with what is known, piece by piece; ``kept`` are core's axes."""
    for region in pieces(labels.shape):
        codes = codes_of(np.asarray(labels[region]), code)
        box = tuple(region[axis] for axis in kept)
        box = tuple(slice(*part.indices(desk.shape[i])[:2]) for i, part in enumerate(box))
        codes = codes.reshape(shape_of(box))
        paint(desk, box, codes, confirmed[region].reshape(codes.shape))
        yield


def know(desk: "TeachingLoop", classes: int) -> None:
    """Know so many classes; the background counts."""
    while desk.teacher.classes < classes:
        desk.teacher.add_class()


def remove_class(desk: "TeachingLoop", number: int) -> None:
    """Forget class ``number``; the next ones move down by one."""
    desk.teacher.remove_class(number + 1)


def undo_learning(desk: "TeachingLoop") -> None:
    """Show again what was shown before."""
    desk.said = desk.teacher.undo_learning().said


def suggest(desk: "TeachingLoop", classes: NamedClasses) -> Suggested:
    """Find places where a stroke would teach most."""
    found = desk.teacher.suggest(PLACES)
    return Suggested(
        tuple(
            SuggestedPlace(given(one.box, desk.letters), named(one.reason, classes))
            for one in found
        )
    )


def draw_window(desk: "TeachingLoop") -> Window:
    """Draw a window at random, as large for the eye at each working size."""
    shape = canonical(desk.shape, desk.letters)
    return Window(given(desk.teacher.check.draw(tuple(shape)), desk.letters))


def judge(desk: "TeachingLoop", right: bool) -> Judged:
    """Note what a person thinks of the window drawn last."""
    desk.teacher.check.judge(right)
    result = desk.teacher.check.result
    assert result is not None
    return Judged(result.number, result.said)


def work_at(desk: "TeachingLoop", factor: int) -> WorkingSizeChanged:
    """Change the working size."""
    desk.teacher.work_at(factor)
    desk.cells.forget()
    return WorkingSizeChanged(factor)


def remove_confirmed(desk: "TeachingLoop") -> Unconfirmed:
    """Forget what was confirmed; return its pixels."""
    gone = [stroke for stroke in desk.teacher.strokes if stroke.confirmed]
    if not gone:
        raise ValueError("Nothing is confirmed: K takes up the brush that does it.")
    rows = [
        np.hstack([np.broadcast_to(stroke.plane, (len(stroke.pixels), len(stroke.plane))),
                   stroke.pixels])
        for stroke in gone
    ]  # fmt: skip
    desk.teacher.remove_confirmed()
    return Unconfirmed(given(tuple(np.concatenate(rows).astype(np.intp).T), desk.letters))


def hand_over(
    desk: "TeachingLoop", classes: NamedClasses, pixel_size: dict[str, float]
) -> NetworkCopied:
    """Return a copy of what is shown, with the names of the window."""
    factor = desk.teacher.working_size
    network = desk.teacher.network(pixel_size or None)
    call_classes(network, classes)
    shown = desk.teacher.shown
    said = "" if factor == 1 or pixel_size else (
        f"The network was taught at 1/{factor} of the size and the image has no pixel size to "
        "tell by: give the image one before training on."
    )  # fmt: skip
    return NetworkCopied(network, shown.by if shown else "", said)


def adopt(desk: "TeachingLoop", network: "UNet") -> WorkingSizeChanged:
    """Go on from a network that was taught on another image, at the working size it had there."""
    factor = int(network.about["history"][-1].get("working_size", 1))
    if factor != desk.teacher.working_size:
        desk.teacher.work_at(factor)
        desk.cells.forget()
    desk.teacher.adopt(network)
    shown = desk.teacher.shown
    desk.said = shown.said if shown else ""
    return WorkingSizeChanged(factor)


def call_classes(network: "UNet", classes: NamedClasses) -> None:
    """Give the classes of ``network`` the names and colours of a window."""
    network.about["classes"] = [
        {"name": name, "color": color} for name, color in classes[: network.classes]
    ] + [named_class(number) for number in range(len(classes), network.classes)]


def canonical(values: Sequence[Any], letters: str) -> list[Any]:
    """Return one entry an axis of the labels, given as they lie, in the order T, Z, Y, X."""
    return [values[letters.index(letter)] for letter in CANONICAL if letter in letters]


def given(values: Sequence[Any], letters: str) -> tuple[Any, ...]:
    """Return one entry an axis in the order T, Z, Y, X as the axes of the labels lie."""
    order = [letter for letter in CANONICAL if letter in letters]
    return tuple(values[order.index(letter)] for letter in letters)


def named(reason: str, classes: NamedClasses) -> str:
    """Call classes by the names of the window, which core does not know."""
    for number in reversed(range(1, len(classes))):
        reason = reason.replace(named_class(number)["name"], f"'{classes[number][0]}'")
    return reason.replace(named_class(0)["name"], f"'{classes[0][0]}'") if classes else reason
