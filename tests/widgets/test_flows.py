"""How many files five flows pass, from what a person does to what they see: fewer read easier.

``python tools/house.py --flows`` prints the figures. A file counts when one of its functions runs
between the click and the answer, in any thread; imports are left out.
"""

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.core.network.network_file import save_network
from napari_unet.core.network.unet import UNet
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.layers.layers import NOTES
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.preview.dock import PreviewDock
from napari_unet.widgets.segment.dock import SegmentDock
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train.dock import TrainDock

ROOT = Path(__file__).parents[2]


def house():
    spec = importlib.util.spec_from_file_location("house", ROOT / "tools" / "house.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOUSE = house()


@pytest.fixture(autouse=True)
def fresh_thread(tmp_path, monkeypatch):
    """The compute thread begins within each flow, so that its calls are recorded."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    dispatch().compute.shut_down(60.0)
    yield
    assert dispatch().compute.shut_down(60.0)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def cells():
    return draw_cells(np.random.default_rng(0), (96, 96), 8)


def add_truth(viewer, cells):
    image = viewer.add_image(cells[0], name="cells")
    notes = {NOTES: {"zero": "background", "ids": "objects"}}
    viewer.add_labels(cells[1].astype(np.uint8), name="cells truth", metadata=notes)
    return image


def hold(flow, passed, at_most):
    sys.stdout.write(f"\n{flow:28} {len(passed.files):3} files (at most {at_most})\n")
    assert len(passed.files) <= at_most, passed.names()


def test_from_segment_to_labels(viewer, qtbot, cells):
    viewer.add_image(cells[0], name="cells")
    session = Session.of(viewer)
    session.networks.add(KeptNetwork("small", UNet(base=2, depth=1).eval()))
    dock = SegmentDock(viewer)
    viewer.window.add_dock_widget(dock, name="Segment")
    qtbot.waitUntil(dock.runs.start.isEnabled)
    dispatch().compute.shut_down(60.0)
    with HOUSE.files_passed() as passed:
        dock.runs.start.click()
        qtbot.waitUntil(lambda: "cells segmented" in viewer.layers and not session.jobs)
    hold("Segment -> labels", passed, 47)  # the goal is 40


def test_from_the_command_to_label_files(tmp_path, cells):
    tifffile.imwrite(tmp_path / "cells.tif", cells[0])
    network, out = tmp_path / "small.safetensors", tmp_path / "out"
    save_network(UNet(base=2, depth=1).eval(), network)
    with HOUSE.files_passed() as passed:
        assert main(["segment", str(network), str(tmp_path / "cells.tif"), "-o", str(out)]) == 0
    assert list(out.iterdir())
    hold("command segment -> files", passed, 32)


def test_from_preview_to_a_sample(viewer, qtbot, cells):
    add_truth(viewer, cells)
    Session.of(viewer).settings = TrainSettings.preset("nano", tile=44, base=3, depth=1)
    with HOUSE.files_passed() as passed:
        dock = PreviewDock(viewer)
        viewer.window.add_dock_widget(dock, name="Preview")
        qtbot.waitUntil(lambda: "cells deformed" in viewer.layers and not dock.latest.busy)
    hold("Preview -> sample", passed, 41)  # the goal is 40


def paint(labels, value, *places):
    """Paint a straight line from place to place, as one stroke."""
    with labels.block_history():
        for a, b in pairwise(places):
            labels._draw(value, np.array(a, float), np.array(b, float))


def test_from_a_stroke_to_a_preview(viewer, qtbot, discs, small_tiles):
    image, truth = discs
    viewer.add_image(image, name="discs")
    dock = AnnotateDock(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate")
    qtbot.waitUntil(lambda: dock.labels is not None)
    teaching = dock.live.teaching
    qtbot.waitUntil(lambda: not teaching.busy)
    y, x = np.argwhere(truth)[truth.sum() // 2]
    paint(dock.labels, 2, (y, x), (y, x + 3))
    qtbot.waitUntil(lambda: not teaching.busy)
    y, x = np.argwhere(~truth)[(~truth).sum() // 2]
    dispatch().compute.shut_down(60.0)
    with HOUSE.files_passed() as passed:
        paint(dock.labels, 1, (y, x), (y, x + 3))
        qtbot.waitUntil(lambda: teaching.preview.layer is not None)
    hold("stroke -> preview", passed, 65)  # the goal is 45


def test_from_train_to_a_network(viewer, qtbot, cells):
    image = add_truth(viewer, cells)
    session = Session.of(viewer)
    dock = TrainDock(viewer)
    viewer.window.add_dock_widget(dock, name="Train")
    session.pairs.pair(image, viewer.layers["cells truth"])
    changes = {"tile": 44, "base": 3, "depth": 1, "steps": 5, "minutes": 0.0}
    session.settings = TrainSettings.preset("nano", **changes)
    qtbot.waitUntil(lambda: " free" in dock.expected.text(), timeout=60_000)
    dispatch().compute.shut_down(60.0)
    with HOUSE.files_passed() as passed:
        dock.controls.train.click()
        qtbot.waitUntil(lambda: len(session.networks) == 1, timeout=60_000)
    hold("Train -> network file", passed, 76)  # the goal is 60
