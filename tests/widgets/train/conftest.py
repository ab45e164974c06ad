"""What every test of trainings needs: a state folder of its own, and no thread left behind."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.annotation_layers import layer_source
from napari_unet.widgets.layers.label_classes import set_code
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train.dock import TrainDock
from napari_unet.widgets.train.trainings import Trainings
from napari_unet.workflows.training_sources import Recipe

TINY = TrainSettings(
    base=3, depth=1, tile=44, steps=40, optimiser="adam", warmup=1, ema=0.5, dropout=0.1, rate=1e-2,
    validation_time=0.5, norm="weight",
)  # fmt: skip


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "state" / "napari-unet" / "runs"
    assert dispatch().compute.shut_down(60.0)


@pytest.fixture
def cells():
    return draw_cells(np.random.default_rng(0), (96, 96), 8)


@pytest.fixture
def workplace(cells):
    return Workplace(ViewerModel(), cells)


@pytest.fixture
def place():
    return Workplace


class Workplace:
    """A viewer with an image, its objects, and the trainings of its session."""

    def __init__(self, viewer, cells):
        self.viewer = viewer
        self.session = Session.of(viewer)
        self.trainings = Trainings.of(self.session)
        self.image = viewer.add_image(cells[0], name="cells")
        self.labels = viewer.add_labels(cells[1].astype(np.uint8), name="cells truth")
        set_code(self.labels, LabelCode("background", "objects"))
        self.session.pairs.pair(self.image, self.labels)

    def recipe(self, settings=TINY, **changes):
        sources = (layer_source(self.image, self.labels, "train"),)
        given = {"name": self.trainings.free_name("cells"), "sources": sources, "device": "cpu"}
        return Recipe(settings=settings, **{**given, **changes})


@pytest.fixture
def open_dock(make_napari_viewer_proxy):
    """Open the dock in a window; it can be closed and opened again."""
    viewer = make_napari_viewer_proxy()

    def opened():
        dock = TrainDock(viewer)
        viewer.window.add_dock_widget(dock, name="Train")
        return dock

    opened.viewer = viewer.__wrapped__
    return opened
