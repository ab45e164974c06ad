"""The Segment dock: a plan before the start, a script afterwards, the same when it is reopened."""

import re
import subprocess
import sys

import numpy as np
import tifffile
from napari.layers import Image
from napari.layers._source import layer_source

from napari_unet.core.network.network_file import save_network
from napari_unet.widgets.segment.dock import SegmentDock


def test_a_dock_that_is_reopened_shows_the_run_that_went_on(driven, known, qtbot):
    driven.add_scene()
    driven.add_network()
    run = driven.start_slowly()
    driven.dock.close()
    driven.dock.deleteLater()
    known.pace.hold_after(2)
    qtbot.waitUntil(lambda: run.done == 4)
    driven.viewer.scene.camera.center = (0, 10, 10)  # nothing of the old dock listens any more
    dock = driven.dock = SegmentDock(driven.viewer)
    qtbot.addWidget(dock)
    assert dock.runs.bar.isVisibleTo(dock)
    assert dock.runs.state.text().startswith("scene: ")
    known.pace.let_go()
    driven.until(driven.settled)
    assert "20 tiles done" in dock.runs.state.text()
    assert dock.results.summary.text().endswith("in 'scene segmented'")
    np.testing.assert_array_equal(dock.result().layer.data, known.objects(known.scene()))


def test_a_volume_is_seen_by_a_network_of_volumes(driven, known):
    volume = np.zeros((12, 40, 40), np.float32)
    volume[3:9, 5:15, 5:15] = 1.0
    volume[2:6, 20:30, 22:35] = 1.0
    driven.viewer.add_image(volume, name="volume")
    driven.add_network(dims=3)
    layer = driven.run()
    np.testing.assert_array_equal(layer.data, known.objects(volume))


def test_the_copied_script_gives_the_same_labels(driven, known, tmp_path):
    from napari_unet.widgets.networks import KeptNetwork

    tifffile.imwrite(tmp_path / "scene.tif", known.scene())
    network = known.network()
    network._forward_pre_hooks.clear()
    save_network(network, tmp_path / "known.safetensors")
    kept = KeptNetwork("known", network, path=tmp_path / "known.safetensors")
    driven.dock.session.networks.add(kept)
    with layer_source(path=str(tmp_path / "scene.tif")):
        image = Image(known.scene(), name="scene")
    driven.viewer.add_layer(image)
    driven.dock.options.threshold.number.setValue(0.2)
    driven.dock.options.min_area.number.setValue(30)
    script = driven.dock.copy_script()
    assert not re.search(r"^# Save", script, re.MULTILINE)
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    found = tifffile.imread(tmp_path / "scene_labels.tif")
    np.testing.assert_array_equal(found, known.objects(known.scene(), 0.2, 30))
