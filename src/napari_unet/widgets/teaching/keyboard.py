"""Keyboard: one letter an action, on the annotation layer alone and none that napari uses."""

from collections.abc import Callable, Iterator

from napari.layers import Labels

from napari_unet.widgets.teaching.classroom import Classroom

_ACTIONS: dict[str, Callable[[Classroom], None]] = {
    "G": lambda room: room.switch(),
    "J": Classroom.update_once,
    "K": lambda room: room.confirm.toggle(),
    "N": lambda room: room.guide.next(),
    "O": lambda room: room.check.right(),
    "D": lambda room: room.check.wrong(),
}
KEYS = (*_ACTIONS, "S", "A")


def bind_keys(labels: Labels) -> None:
    """Let the keys work while ``labels`` is the active layer."""
    for key, act in _ACTIONS.items():
        labels.bind_key(key, _bound(act), overwrite=True)
    labels.bind_key("S", _peek_at_preview, overwrite=True)
    labels.bind_key("A", _peek_under, overwrite=True)


def unbind_keys(labels: Labels) -> None:
    """Take the keys from a layer that was removed."""
    for key in KEYS:
        labels.bind_key(key, None)


def _bound(act: Callable[[Classroom], None]) -> Callable[[Labels], None]:
    """Return ``act`` as a function of the layer; napari asks what is bound for its __name__."""

    def do(labels: Labels) -> None:
        room = Classroom.find(labels)
        if room is not None:
            act(room)

    return do


def _peek_at_preview(labels: Labels) -> Iterator[None]:
    """Hide the preview while the key is held; show it, where it is hidden."""
    room = Classroom.find(labels)
    layer = None if room is None else room.preview.layer
    if layer is not None:
        layer.visible = not layer.visible
        yield
        layer.visible = not layer.visible


def _peek_under(labels: Labels) -> Iterator[None]:
    """Hide the strokes while the key is held; an invisible layer would lose its tool."""
    opacity = labels.opacity
    labels.opacity = 0.0
    yield
    labels.opacity = opacity
