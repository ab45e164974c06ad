"""The ``napari-unet`` command: the verbs of the package with files at their ends."""

from napari_unet.cli.command import main

__all__ = ["main"]
