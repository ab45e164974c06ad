"""Open napari with the docks: with images, their annotation layers and the brush ready."""

import argparse
from pathlib import Path

from napari_unet.cli.display import no_window

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
