"""Encircling: dragging with the right button, which napari only does for a click and moves.

With the brush, a right click begins an outline that follows the mouse and is filled when it comes
back to where it began; while a button is held, napari does not tell it of moves. Here it is told,
and a release closes the outline.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from napari.layers import Labels

RIGHT = 2  # the button, as vispy counts
TOLD = ("position", "view_direction", "dims_displayed", "dims_point", "pos", "modifiers")


def let_encircle(labels: Labels) -> None:
    """Let dragging with the right button encircle and fill in ``labels``."""
    if _drag not in labels.mouse_drag_callbacks:
        labels.mouse_drag_callbacks.append(_drag)


def _drag(labels: Labels, event: Any) -> Iterator[None]:
    if event.button != RIGHT or str(labels.mode) != "paint":
        return
    start = SimpleNamespace(
        type="mouse_move", is_dragging=False, button=None, handled=False,
        **{name: getattr(event, name) for name in TOLD},
    )  # fmt: skip
    yield
    moved = False
    while event.type == "mouse_move":
        _move(labels, event)
        moved = True
        yield
    if moved:  # a click alone goes on as napari's
        _move(labels, start)


def _move(labels: Labels, event: Any) -> None:
    for tell in labels.mouse_move_callbacks:
        tell(labels, event)
