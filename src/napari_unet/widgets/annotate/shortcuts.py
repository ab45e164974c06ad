"""Keys of the annotation layer, and outlines that are drawn with the right mouse button.

A key works on the annotation layer only, and napari itself uses none of them. With the brush, a
right click begins an outline that follows the mouse and is filled when it returns to its start.
napari reports no moves while a button is held. This module passes them on, and a release closes
the outline.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_unet.widgets.annotate.class_editing import choose_class
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.live.live_teaching import LiveTeaching
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import Session

if TYPE_CHECKING:
    from napari._vispy.mouse_event import NapariMouseEvent

CLASS_KEYS = ("W", "Q", "R", "T", "Y")  # background, then the classes


def key_of(number: int) -> str:
    """Return the key that chooses class ``number``; those after the fourth have none."""
    return CLASS_KEYS[number] if number < len(CLASS_KEYS) else ""


def bind_keys(labels: Labels, session: Session) -> None:
    """Bind the keys that choose classes to ``labels``; napari uses them while it is active."""
    for number, key in enumerate(CLASS_KEYS):
        labels.bind_key(key, _chooser(session, number), overwrite=True)


def unbind_keys(labels: Labels) -> None:
    """Unbind the keys of a layer that was removed."""
    for key in CLASS_KEYS:
        labels.bind_key(key, None)


def _chooser(session: Session, number: int) -> Callable[[Labels], None]:
    """Return a function that chooses a class; napari needs its ``__name__``."""

    def choose(labels: Labels) -> None:
        if number < len(classes_of(labels)):
            try:
                choose_class(labels, number, UndoFollower.of(labels, session).free)
            except ValueError as error:
                messages.problem(str(error))

    return choose


_ACTIONS: dict[str, Callable[[LiveTeaching], None]] = {
    "G": lambda teaching: teaching.switch(),
    "J": LiveTeaching.update_once,
    "K": lambda teaching: teaching.confirm.toggle(),
    "N": lambda teaching: teaching.tour.next(),
    "O": lambda teaching: teaching.check.right(),
    "D": lambda teaching: teaching.check.wrong(),
}
KEYS = (*_ACTIONS, "S", "A")


def bind_teaching_keys(labels: Labels) -> None:
    """Bind the keys of live teaching to ``labels``."""
    for key, act in _ACTIONS.items():
        labels.bind_key(key, _bound(act), overwrite=True)
    labels.bind_key("S", _peek_at_preview, overwrite=True)
    labels.bind_key("A", _peek_under, overwrite=True)


def unbind_teaching_keys(labels: Labels) -> None:
    """Unbind the keys of a layer that was removed."""
    for key in KEYS:
        labels.bind_key(key, None)


def _bound(act: Callable[[LiveTeaching], None]) -> Callable[[Labels], None]:
    """Return ``act`` as a function of the layer; napari needs its ``__name__``."""

    def do(labels: Labels) -> None:
        teaching = LiveTeaching.find(labels)
        if teaching is not None:
            act(teaching)

    return do


def _peek_at_preview(labels: Labels) -> Iterator[None]:
    """Toggle the visibility of the preview while the key is held."""
    teaching = LiveTeaching.find(labels)
    layer = None if teaching is None else teaching.preview.layer
    if layer is not None:
        layer.visible = not layer.visible
        yield
        layer.visible = not layer.visible


def _peek_under(labels: Labels) -> Iterator[None]:
    """Make the strokes transparent while the key is held; a hidden layer would lose its tool."""
    opacity = labels.opacity
    labels.opacity = 0.0
    yield
    labels.opacity = opacity


RIGHT = 2  # the button, as vispy counts
TOLD = ("position", "view_direction", "dims_displayed", "dims_point", "pos", "modifiers")


def let_encircle(labels: Labels) -> None:
    """Make dragging with the right button draw and fill an outline in ``labels``."""
    if _drag not in labels.mouse_drag_callbacks:
        labels.mouse_drag_callbacks.append(_drag)


def _drag(labels: Labels, event: "NapariMouseEvent") -> Iterator[None]:
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
    if moved:  # napari itself handles a click
        _move(labels, start)


def _move(labels: Labels, event: "NapariMouseEvent | SimpleNamespace") -> None:
    for tell in labels.mouse_move_callbacks:
        tell(labels, event)
