"""Keys: letters that choose a class, on the annotation layer alone and on none that napari uses."""

from collections.abc import Callable

from napari.layers import Labels

from napari_unet.widgets import say
from napari_unet.widgets.annotating.classediting import choose_class
from napari_unet.widgets.annotating.edits import Edits
from napari_unet.widgets.classes import classes_of
from napari_unet.widgets.session import Session

CLASS_KEYS = ("W", "Q", "R", "T", "Y")  # background, then the classes


def key_of(number: int) -> str:
    """Return the key that chooses class ``number``; those after the fourth have none."""
    return CLASS_KEYS[number] if number < len(CLASS_KEYS) else ""


def bind_keys(labels: Labels, session: Session) -> None:
    """Let the keys choose classes while ``labels`` is the active layer."""
    for number, key in enumerate(CLASS_KEYS):
        labels.bind_key(key, _chooser(session, number), overwrite=True)


def unbind_keys(labels: Labels) -> None:
    """Take the keys from a layer that was removed."""
    for key in CLASS_KEYS:
        labels.bind_key(key, None)


def _chooser(session: Session, number: int) -> Callable[[Labels], None]:
    """Return what chooses a class of a layer; napari asks what is bound for its __name__."""

    def choose(labels: Labels) -> None:
        if number < len(classes_of(labels)):
            try:
                choose_class(labels, number, Edits.of(labels, session).free)
            except ValueError as error:
                say.problem(str(error))

    return choose
