"""While numba compiles nothing halts to look for garbage, and afterwards all is as before."""

import gc

import pytest
from numba.core import event

from napari_unet.core.runtime import jit as module
from napari_unet.core.runtime.jit import jit


def double():
    room = {}
    exec("def double(x):\n    return 2 * x", room)  # compiled anew each time, as it is nowhere kept
    return jit(room["double"])


class Within(event.Listener):
    """Notes which searches for garbage began while numba compiled."""

    def __init__(self):
        self.now, self.begun = False, []

    def on_start(self, _):
        self.now = True

    def on_end(self, _):
        self.now = False

    def __call__(self, phase, info):
        if self.now and phase == "start":
            self.begun.append(info["generation"])


@pytest.mark.parametrize(("long", "whole"), [(1e9, 0), (0.0, 1)])
def test_compiling_never_halts_all_to_look_for_garbage_but_once_when_it_took_long(
    long, whole, monkeypatch
):
    monkeypatch.setattr(module, "LONG", long)
    before, within = gc.get_threshold(), Within()
    gc.freeze()
    gc.collect()
    gc.set_threshold(100, 2, 2)  # so that all else would be looked through again and again
    gc.callbacks.append(within)
    try:
        with event.install_listener("numba:compile", within):
            assert double()(21) == 42
        assert gc.get_threshold() == (100, 2, 2)
    finally:
        gc.callbacks.remove(within)
        gc.set_threshold(*before)
        frozen = gc.get_freeze_count()
        gc.unfreeze()
    assert within.begun.count(1) > 3
    assert within.begun.count(2) == whole
    assert frozen  # by somebody else, here the test


def test_nothing_stays_laid_aside_when_it_is_compiled():
    assert not gc.get_freeze_count()
    assert double()(21) == 42
    assert not gc.get_freeze_count()
