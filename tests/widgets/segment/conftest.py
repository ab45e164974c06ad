"""A network whose scores are known by hand, a scene for it, and a dock to drive."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from scipy import ndimage

from napari_unet.core.network.unet import UNet
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.segment.dock import SegmentDock
from napari_unet.widgets.shared.job import dispatch
from napari_unet.workflows.scheduler import Urgency

STEEP, MIDDLE = 6.0, 0.5  # score = 1 / (1 + exp(-STEEP * (gray - MIDDLE)))
LONG = 60.0  # seconds; a busy machine


class Pace:
    """Counts the tiles, and holds the network at one of them: no clock has a say in a test."""

    def __init__(self):
        self.tiles = self.most = 0  # tiles begun; pixels for which there is memory, 0: enough
        self._passed, self._allowed = 0, None
        self._changed = threading.Condition()

    def hold_after(self, more):
        """Let so many more tiles be scored, and the next one wait."""
        self._allow(self._passed + more)

    def let_go(self):
        """Let all be scored."""
        self._allow(None)

    def begin(self, args):
        """Begin a tile; run out of memory where a test says so."""
        with self._changed:
            self.tiles += 1
            assert self._changed.wait_for(self._may_pass, LONG), "nobody let this tile go on"
            self._passed += 1
        if self.most and args[0][0, 0].numel() > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def _may_pass(self):
        return self._allowed is None or self._passed < self._allowed

    def _allow(self, allowed):
        with self._changed:
            self._allowed = allowed
            self._changed.notify_all()


PACE = Pace()


def begin_tile(module, args):
    """A hook that can be copied with its network."""
    PACE.begin(args)


def known_network(channels=1, dims=2, slow_layers=False, classes=2):
    """Return a network that passes gray values of its first channel on to its head.

    With three classes the last one is what is brighter than 0.9.
    """
    network = UNet(channels=channels, classes=classes, base=2, depth=1, dims=dims, dropout=0.0)
    middle = (1,) * dims
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        pairs = [network.contract[0], network.expand[0]]
        for pair, source in zip(pairs, (0, 2), strict=True):  # 2: the first that was copied
            pair.first.weight[(0, source, *middle)] = 1.0
            pair.second.weight[(0, 0, *middle)] = 1.0
        network.head.weight[1, 0] = STEEP
        network.head.bias[1] = -STEEP * MIDDLE
        if classes == 3:
            network.head.weight[2, 0] = 2 * STEEP
            network.head.bias[2] = -STEEP * (2 * 0.9 - 0.9 + MIDDLE)
    for layer in network.modules() if slow_layers else [network]:
        layer.register_forward_pre_hook(begin_tile)
    return network.eval()


def known_scores(image):
    """Return the score of the object class, from the percentiles that every network has."""
    low, high = np.percentile(image, (1.0, 99.8))
    gray = np.maximum((image - low) / (high - low), 0)
    return 1 / (1 + np.exp(-STEEP * (gray - MIDDLE)))


def known_objects(image, threshold=0.5, min_area=0, holes=0):
    """Return the objects as scipy finds them."""
    labels, count = ndimage.label(known_scores(image) > threshold)
    for label in range(1, count + 1):
        if (labels == label).sum() < min_area:
            labels[labels == label] = 0
        elif holes:
            inside = ndimage.binary_fill_holes(labels == label) & (labels == 0)
            parts, many = ndimage.label(inside, np.ones((3, 3)))
            for part in range(1, many + 1):
                if (parts == part).sum() <= holes:
                    labels[parts == part] = label
    values = np.unique(labels)
    return np.searchsorted(values, labels)


def scene(shape=(128, 150)):
    """Return bright, middling and faint squares, small and large, and one with a hole."""
    image = np.zeros(shape, np.float32)
    for number, (row, column) in enumerate(
        (row, column) for row in range(6, shape[0] - 20, 24) for column in range(5, 130, 24)
    ):
        size = (4, 9, 14)[number % 3]
        image[row : row + size, column : column + size] = (1.0, 0.7, 0.4)[number // 3 % 3]
    image[36:39, 60:64] = 0.0 if image[30:44, 53:67].any() else 1.0
    image[60:80, 100:120] = 1.0
    image[66:70, 106:111] = 0.0
    return image


@pytest.fixture(autouse=True)
def no_thread_left():
    threads = torch.get_num_threads()
    PACE.__init__()
    yield
    PACE.let_go()
    assert dispatch().compute.shut_down(LONG)
    torch.set_num_threads(threads)


class Driven:
    """A dock on a viewer without a window, as a person would use it."""

    def __init__(self, qtbot, viewer=None):
        self.qtbot = qtbot
        self.viewer = ViewerModel() if viewer is None else viewer
        self.dock = SegmentDock(self.viewer)
        if viewer is None:
            qtbot.addWidget(self.dock)
            for events in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
                events.connect(self.dock.reset_choices)
        self.told = len(notification_manager.records)

    def add_network(self, name="known", **shape):
        return self.dock.session.networks.add(KeptNetwork(name, known_network(**shape)))

    def add_scene(self, name="scene", **named):
        return self.viewer.add_image(scene(), name=name, **named)

    def messages(self):
        return [str(record.message) for record in notification_manager.records[self.told :]]

    def until(self, condition):
        try:
            self.qtbot.waitUntil(condition)
        except Exception as error:
            raise AssertionError(self.state()) from error

    def state(self):
        """What the dock says, for a test that waited in vain."""
        runs = self.dock.runs
        return [runs.plan.text(), runs.state.text(), runs.start.toolTip(), *self.messages()]

    def settled(self):
        result = self.dock.result()
        return self.dock.segmentations.run is None and not (result and result.busy)

    def run(self):
        """Press Segment and wait for the end."""
        assert self.dock.runs.start.isEnabled(), self.dock.runs.start.toolTip()
        self.dock.runs.start.click()
        self.until(self.settled)
        return self.dock.result().layer

    def planned(self):
        """Whether the plan is there; from then on the network is asked for tiles alone."""
        return self.dock.runs.plan.text().startswith("≈") and not self.dock.planning._latest.busy

    def start_slowly(self, tiles=2):
        """Press Segment and wait for the first tiles of many; the next one is held."""
        self.dock.more.tile.setValue(48)
        self.until(self.planned)
        PACE.hold_after(tiles)
        self.dock.runs.start.click()
        run = self.dock.segmentations.run
        self.until(lambda: run.done == tiles)
        return run

    def at_rest(self, run):
        """Wait until ``run``, which was paused, rests and all that it has done is shown."""
        other = self.dock.session.start(lambda: None, Urgency.TRAINING)
        self.until(lambda: not other.running and not run.job.work.yielded)


@pytest.fixture
def driven(qtbot):
    return Driven(qtbot)


@pytest.fixture
def known():
    """What is known by hand: tests of a folder cannot import one another."""
    return SimpleNamespace(
        network=known_network,
        scores=known_scores,
        objects=known_objects,
        scene=scene,
        pace=PACE,
        drive=Driven,
    )
