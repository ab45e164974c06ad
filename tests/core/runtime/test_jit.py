"""Compiled functions: kept on disk where that is possible, compiled all the same where not."""

from napari_unet.core.runtime.jit import jit
from napari_unet.core.weights.nearest_objects import _look_down


def test_machine_code_is_kept_on_disk():
    assert _look_down.stats.cache_path


def test_without_a_place_for_it_the_code_still_runs():
    room = {}
    exec("def double(x):\n    return 2 * x", room)  # numba finds no file beside which to keep it
    assert jit(room["double"])(21) == 42
