"""Samples, network files and commands as napari's menus run them."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from napari.utils.notifications import notification_manager

from napari_unet import samples
from napari_unet.widgets import readers
from napari_unet.widgets.layers.annotation_layers import snapshot
from napari_unet.widgets.layers.coordinates import axes_of
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.readers import open_network, save_network
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Urgency

pytestmark = pytest.mark.usefixtures("no_thread_left")


def told_since(count):
    return [str(record.message) for record in notification_manager.records[count:]]


@pytest.mark.parametrize("key", samples.names())
def test_a_sample_is_an_image_with_its_truth_hidden(key, make_napari_viewer_proxy):
    found = samples.load(key)
    truth, image = readers.open_sample(key)
    np.testing.assert_array_equal(truth[0], found.labels)
    np.testing.assert_array_equal(image[0], found.image)
    assert truth[1]["visible"] is False
    assert truth[0].dtype.itemsize <= 2
    image[0].flat[0] = 1  # the layer is the user's


def test_a_sample_from_the_menu_can_be_learned_from_at_once(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    viewer.open_sample("napari-unet", "nuclei-3d")
    truth, image = viewer.layers
    assert axes_of(image) == "ZYX"
    annotation = snapshot(image, truth).annotation()
    np.testing.assert_array_equal(annotation.objects, samples.load("nuclei-3d").labels)
    assert annotation.class_count == 2


def test_a_network_file_goes_round_through_napari(make_napari_viewer, qtbot, tmp_path):
    viewer = make_napari_viewer()
    session = Session.of(viewer)
    before = len(notification_manager.records)
    path = tmp_path / "tiny.safetensors"

    def make():
        from napari_unet.core.network.unet import UNet

        return UNet(base=2, depth=1)

    made = session.start(make, Urgency.VIEW)
    qtbot.waitUntil(lambda: not made.running)
    session.networks.add(KeptNetwork("tiny", made.outcome.value))
    assert not session.networks["tiny"].saved
    saving = save_network(session, "tiny", path)
    qtbot.waitUntil(lambda: not saving.running)
    assert session.networks["tiny"].path == path
    again = save_network(session, "tiny", path)
    qtbot.waitUntil(lambda: not again.running)
    assert isinstance(again.outcome.error, OSError)
    viewer.open(path, plugin="napari-unet")
    qtbot.waitUntil(lambda: len(session.networks) == 2)
    assert session.networks["tiny-1"].network.base == 2
    (tmp_path / "broken.safetensors").write_bytes(path.read_bytes()[:-7])
    opening_job = open_network(session, tmp_path / "broken.safetensors")
    qtbot.waitUntil(lambda: not opening_job.running)
    assert len(session.networks) == 2
    told = told_since(before)
    assert "is saved in" in told[0]
    assert "exists" in told[1]
    assert told[2].startswith("The network 'tiny-1' is open")
    assert told[3].startswith("Opening broken.safetensors: ")
    assert len(told) == 4
    assert len(viewer.layers) == 0


def test_a_state_dict_of_pytorch_opens_as_a_network_that_is_in_no_file_yet(
    make_napari_viewer, qtbot, tmp_path
):
    from napari_unet.core.network.unet import UNet

    viewer = make_napari_viewer()
    session = Session.of(viewer)
    network = UNet(base=2, depth=1, norm="none")
    torch.save(network.state_dict(), tmp_path / "theirs.pt")
    viewer.open(tmp_path / "theirs.pt", plugin="napari-unet")
    qtbot.waitUntil(lambda: len(session.networks) == 1, timeout=60_000)
    kept = session.networks["theirs"]
    assert not kept.saved
    weights = kept.network.state_dict()
    assert all(torch.equal(weights[name], one) for name, one in network.state_dict().items())


def test_other_files_are_left_to_other_readers():
    assert readers.get_reader("cells.tif") is None
    assert readers.get_reader(["a.safetensors", "b.tif"]) is None
    assert readers.get_reader(["a.safetensors"]) is not None


def test_torch_is_imported_without_a_stall_and_takes_all_cores_but_one():
    """What would freeze the window: the loader called by Python, and full collections.

    How long the window stands still is measured by benchmarks/responsiveness.py.
    """
    code = """
import gc, sys, threading
from pathlib import Path
import napari, napari.layers
from napari_unet.workflows.scheduler import warm_up
maps, loaded, collected = Path("/proc/self/maps"), [], []

def hear(event, given):  # of the first import that torch itself asks for
    if event == "import" and given[0].startswith("torch") and not loaded:
        loaded.append("libtorch_cpu" in maps.read_text() if maps.exists() else True)

assert "torch" not in sys.modules
sys.addaudithook(hear)
gc.callbacks.append(lambda phase, about: collected.append(about["generation"]))
thread = threading.Thread(target=warm_up, args=(0,))
thread.start()
thread.join()
gc.callbacks.clear()
from napari_unet.core.runtime.device import limit_threads
torch = sys.modules["torch"]
print(loaded, 2 in collected, gc.isenabled(), gc.get_freeze_count())
print(torch.get_num_threads() == limit_threads())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[True]", "False", "True", "0", "True"]
