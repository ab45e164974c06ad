"""Colours: what napari compiles to colour labels, made ready in a thread, and its settings read.

The first label layer with given colours costs 1.7 s in every process: napari keeps the colours in a
dictionary of numba's, whose code is compiled anew each time, and imports pandas for the names. On
the GUI thread the window would stand still; beside it nobody notices. The same holds for the page
of settings, which a dock asks for when it first computes something.
"""

from importlib import import_module
from threading import Thread

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_unet.widgets.machine import machine
from napari_unet.widgets.warmup import no_collections

_makers: list[Thread] = []


def prepared() -> bool:
    """Whether a label layer can be coloured without a wait."""
    return bool(_makers) and not _makers[0].is_alive()


def begin_to_prepare() -> None:
    """See to it in a thread; the first call does."""
    if not _makers:
        _makers.append(Thread(target=prepare, name="label colours", daemon=True))
        _makers[0].start()


def prepare() -> None:
    """Colour a few labels of each kind that annotations and results have; read the settings."""
    with no_collections():
        import_module("pandas")  # napari's first label layer would, for a third of a second
        shown: dict[int | None, str] = {None: "transparent", 0: "transparent", 1: "gray"}
        for kind in (np.uint8, np.uint16, np.int32):
            DirectLabelColormap(color_dict=shown).map(np.ones((1, 1), kind))
    machine()
