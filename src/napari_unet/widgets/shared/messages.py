"""Messages to people, and a progress bar. A traceback goes to the log, not into the message.

Qt draws the whole window inside ``QProgressBar.setValue``, which takes long when a labels layer is
new. ``show_progress`` therefore moves the bar when the window is drawn next.
"""

import logging
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy import API_NAME
from qtpy.QtWidgets import QProgressBar

from napari_unet.core.runtime.memory import TileMemoryError, is_out_of_memory
from napari_unet.workflows.scheduler import Outcome

LOG = logging.getLogger("napari_unet")
LONGEST = 300  # characters of a message that was not written for people
# core says with these what is wrong and what to do
_SENTENCES = (ValueError, TypeError, OSError, MemoryError)


def info(sentence: str) -> None:
    """Show a message on something that was done."""
    show_info(sentence)


def warn(sentence: str) -> None:
    """Show a warning: something works, but perhaps not as wanted."""
    show_warning(sentence)


def problem(sentence: str) -> None:
    """Show what does not work and what to do."""
    show_error(sentence)


def failed(what: str, outcome: Outcome) -> None:
    """Show that ``what`` ended with an error; the traceback goes to the log."""
    assert outcome.error is not None
    log_details(what, outcome)
    show_error(f"{what}: {in_words(outcome.error)}")


def log_details(what: str, outcome: Outcome) -> None:
    """Write the traceback of an error to the log (Help ▸ Show logs).

    What core says with a sentence is no fault of the program: it is not printed on a terminal.
    """
    level = logging.INFO if isinstance(outcome.error, ValueError) else logging.ERROR
    LOG.log(level, "%s failed\n%s", what, outcome.details or outcome.error)


def in_words(error: BaseException) -> str:
    """Return an error as a sentence for a person."""
    text = " ".join(str(error).split())
    if is_out_of_memory(error) and not isinstance(error, TileMemoryError):
        return (
            "there is not enough memory: choose a smaller tile or network, or close other programs"
        )
    if isinstance(error, _SENTENCES) and text:
        return text
    kind = type(error).__name__
    short = text[:LONGEST]
    return f"something unexpected happened ({kind}: {short}). Help ▸ Show logs has the details"


@cache
def warn_about_binding() -> None:
    """Warn once if this Qt binding crashes with this version of Python."""
    if is_fatal_binding(API_NAME, _version(API_NAME), sys.version_info[:2]):
        show_warning(
            f"PySide6 {_version(API_NAME)} crashes napari on Python 3.11 after a while: "
            'install another one with: pip install "PySide6<6.12"'
        )


def is_fatal_binding(binding: str, release: str, python: tuple[int, int]) -> bool:
    """Whether it is PySide6 6.12 on Python before 3.12: it loses references to None and True."""
    return binding == "PySide6" and release.startswith("6.12.") and python < (3, 12)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def show_progress(bar: QProgressBar, value: int) -> None:
    """Set the value of ``bar`` at the next drawing of the window."""
    bar.setUpdatesEnabled(False)
    bar.setValue(value)
    bar.setUpdatesEnabled(True)
