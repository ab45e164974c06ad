"""Compiled functions: kept on disk where that is possible, compiled all the same where not."""

import importlib.util
import pickle
from pathlib import Path

from napari_unet.core.runtime.jit import jit
from napari_unet.core.weights.nearest_objects import _look_down


def test_machine_code_is_kept_on_disk():
    assert _look_down.stats.cache_path


def test_without_a_place_for_it_the_code_still_runs():
    room = {}
    exec("def double(x):\n    return 2 * x", room)  # numba finds no file beside which to keep it
    assert jit(room["double"])(21) == 42


def test_an_index_that_names_a_class_of_an_older_version_is_written_anew(tmp_path):
    source = tmp_path / "loops.py"
    source.write_text(
        "from napari_unet.core.runtime.jit import jit\n\n\n@jit\ndef double(x):\n    return 2 * x\n"
    )

    def loaded():
        spec = importlib.util.spec_from_file_location("loops", source)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.double

    double = loaded()
    assert double(21) == 42
    (index,) = Path(double.stats.cache_path).glob("loops.double*.nbi")
    version = pickle.loads(index.read_bytes())
    renamed = b"cnapari_unet.core.runtime.jit\nRenamedClass\n."
    index.write_bytes(pickle.dumps(version) + renamed)
    assert loaded()(21) == 42
    assert renamed not in index.read_bytes()
