"""Requests of a window to the Teacher, run in the compute thread on frozen values.

Each takes the TeachingLoop and returns an Answer, or None.
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


def paint(loop: "TeachingLoop", box: Box, codes: np.ndarray, confirmed: bool | np.ndarray) -> None:
    """Learn the codes that ``box`` holds now, and which of its pixels are confirmed."""
    ensure_classes(
        loop, int(codes.max(initial=0))
    )  # undo may bring one back before its row is there
    if loop.teacher.paint(box, codes, confirmed=confirmed):
        loop.stroke_came(box)


def paint_all(
    loop: "TeachingLoop",
    labels: Pixels,
    confirmed: Confirmed,
    kept: tuple[int, ...],
    code: LabelCode,
) -> Iterator[None]:
    """Compare ``labels`` with the strokes of the Teacher, in pieces; ``kept`` are core's axes."""
    for region in pieces(labels.shape):
        codes = codes_of(np.asarray(labels[region]), code)
        box = tuple(region[axis] for axis in kept)
        box = tuple(slice(*part.indices(loop.shape[i])[:2]) for i, part in enumerate(box))
        codes = codes.reshape(shape_of(box))
        paint(loop, box, codes, confirmed[region].reshape(codes.shape))
        yield


def ensure_classes(loop: "TeachingLoop", classes: int) -> None:
    """Give the network at least so many classes, background included."""
    while loop.teacher.classes < classes:
        loop.teacher.add_class()


def remove_class(loop: "TeachingLoop", number: int) -> None:
    """Forget class ``number``; the next ones move down by one."""
    loop.teacher.remove_class(number + 1)


def undo_learning(loop: "TeachingLoop") -> None:
    """Show again what was shown before."""
    loop.message = loop.teacher.undo_learning().said


def suggest(loop: "TeachingLoop", classes: NamedClasses) -> Suggested:
    """Find places where a stroke would teach most."""
    suggestions = loop.teacher.suggest(PLACES)
    return Suggested(
        tuple(
            SuggestedPlace(given(one.box, loop.letters), named(one.reason, classes))
            for one in suggestions
        )
    )


def draw_window(loop: "TeachingLoop") -> Window:
    """Draw a window at random; it has the same size on the screen at each working size."""
    shape = canonical(loop.shape, loop.letters)
    return Window(given(loop.teacher.check.draw(tuple(shape)), loop.letters))


def judge(loop: "TeachingLoop", right: bool) -> Judged:
    """Note whether the preview is right in the window drawn last."""
    loop.teacher.check.judge(right)
    result = loop.teacher.check.result
    assert result is not None
    return Judged(result.number, result.said)


def work_at(loop: "TeachingLoop", factor: int) -> WorkingSizeChanged:
    """Change the working size."""
    loop.teacher.work_at(factor)
    loop.cells.forget()
    return WorkingSizeChanged(factor)


def remove_confirmed(loop: "TeachingLoop") -> Unconfirmed:
    """Forget what was confirmed; return its pixels."""
    gone = [stroke for stroke in loop.teacher.strokes if stroke.confirmed]
    if not gone:
        raise ValueError("Nothing is confirmed: K takes up the brush that does it.")
    rows = [
        np.hstack([np.broadcast_to(stroke.plane, (len(stroke.pixels), len(stroke.plane))),
                   stroke.pixels])
        for stroke in gone
    ]  # fmt: skip
    loop.teacher.remove_confirmed()
    return Unconfirmed(given(tuple(np.concatenate(rows).astype(np.intp).T), loop.letters))


def copy_network(
    loop: "TeachingLoop", classes: NamedClasses, pixel_size: dict[str, float]
) -> NetworkCopied:
    """Return a copy of the network that is shown, with the class names of the window."""
    factor = loop.teacher.working_size
    network = loop.teacher.network(pixel_size or None)
    name_classes(network, classes)
    shown = loop.teacher.shown
    message = "" if factor == 1 or pixel_size else (
        f"The network was taught at 1/{factor} of the size and the image has no pixel size to "
        "tell by: give the image one before training on."
    )  # fmt: skip
    return NetworkCopied(network, shown.by if shown else "", message)


def adopt(loop: "TeachingLoop", network: "UNet") -> WorkingSizeChanged:
    """Go on from a network that was taught on another image, at the working size it had there."""
    factor = int(network.about["history"][-1].get("working_size", 1))
    if factor != loop.teacher.working_size:
        loop.teacher.work_at(factor)
        loop.cells.forget()
    loop.teacher.adopt(network)
    shown = loop.teacher.shown
    loop.message = shown.said if shown else ""
    return WorkingSizeChanged(factor)


def name_classes(network: "UNet", classes: NamedClasses) -> None:
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
    """Replace the class numbers that core writes by the names of the window."""
    for number in reversed(range(1, len(classes))):
        reason = reason.replace(named_class(number)["name"], f"'{classes[number][0]}'")
    return reason.replace(named_class(0)["name"], f"'{classes[0][0]}'") if classes else reason
