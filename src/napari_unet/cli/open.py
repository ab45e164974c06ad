"""Open napari with the docks, with images, their annotation layers and the brush ready.

Qt ends the process where it finds no screen, so a missing display is reported first.
"""

import argparse
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
WITHOUT_SCREEN = ("offscreen", "minimal", "vnc", "minimalegl")  # Qt platforms that need none
SECONDS = 2.0  # until a display that does not answer counts as none
INSTALL = "install it with: pip install 'napari-unet[all]'"


def no_window() -> str:
    """Return why no window can be opened, empty where one can."""
    if find_spec("napari") is None:
        return f"napari is not installed here, so there is no window: {INSTALL}"
    if not any(find_spec(name) is not None for name in BINDINGS):
        return f"Qt is not installed here, so there is no window: {INSTALL}"
    if not sys.platform.startswith("linux") or _platform() in WITHOUT_SCREEN:
        return ""
    if os.environ.get("WAYLAND_DISPLAY"):
        return ""
    display = os.environ.get("DISPLAY", "")
    if not display:
        return "There is no display here (DISPLAY is not set), so no window can be opened"
    if not _answers(display):
        return f"The display {display} does not answer, so no window can be opened"
    return ""


def _platform() -> str:
    return os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]


def _answers(display: str) -> bool:
    """Whether an X server listens at ``display``, such as ':0' or 'host:10.0'."""
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdigit():
        return False
    path = f"/tmp/.X11-unix/X{number}"
    places: list[tuple[int, str | tuple[str, int]]] = [
        (socket.AF_UNIX, f"\0{path}"), (socket.AF_UNIX, path)
    ]  # fmt: skip
    if host not in ("", "unix"):
        places = [(socket.AF_INET, (host, 6000 + int(number)))]
    return any(_connects(family, address) for family, address in places)


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as wire:
        wire.settimeout(SECONDS)
        try:
            wire.connect(address)
        except OSError:
            return False
    return True


ABOUT = "open napari with the docks (also without a verb)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", type=Path, nargs="*", help="images, network files or a project to open"
    )


def run(arguments: argparse.Namespace) -> int:
    """Open the window and return when it is closed."""
    missing = [str(path) for path in arguments.images if not path.exists()]
    if missing:
        raise FileNotFoundError(f"there is no file {', '.join(missing)}")
    why = no_window()
    if why:
        raise OSError(f"{why}. 'napari-unet --help' lists what works without one")
    from napari_unet.widgets.start import open_window

    open_window(arguments.images)
    return 0
