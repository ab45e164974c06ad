"""Sources of trainings that need no window: a layer, and files that hold the same."""

import numpy as np
import pytest
import tifffile

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.training_sources import FileSource, LayerSnapshot, LayerSource, Recipe

TINY = TrainSettings.preset(
    "nano", base=4, depth=1, tile=44, steps=20, minutes=0.0, precision="float32"
)


class Sources:
    """Squares on noise, of 90 x 96 px, as layers and as files."""

    @staticmethod
    def draw(seed):
        """Return an image (float32) and its objects (uint16)."""
        rng = np.random.default_rng(seed)
        labels = np.zeros((90, 96), np.uint16)
        for label in range(1, 8):
            row, column = rng.integers(0, 78, 2)
            labels[row : row + 12, column : column + 12] = label
        return (rng.normal(size=labels.shape) + 4 * (labels > 0)).astype(np.float32), labels

    def layer(self, seed=0, role="train", size=None, name="cells"):
        image, labels = self.draw(seed)
        labels.setflags(write=False)
        pixels = ImagePixels(image, "YX", size or {})
        taken = LayerSnapshot(name, pixels, labels, "background", "objects")
        classes = (LabelClass("glass", "#000000"), LabelClass("cell", "#ffffff"))
        return LayerSource(taken, f"{name} truth", classes, role)

    def files(self, folder, number=3, role="train"):
        """Write images and their objects into two folders; return the source that reads them."""
        for name in ("images", "labels"):
            (folder / name).mkdir(exist_ok=True)
        for seed in range(number):
            image, labels = self.draw(seed)
            tifffile.imwrite(folder / "images" / f"cell{seed}.tif", image)
            tifffile.imwrite(folder / "labels" / f"cell{seed}.tif", labels)
        return FileSource(folder / "images", folder / "labels", role)

    def recipe(self, *sources, **changes):
        given = {"settings": TINY, "device": "cpu", **changes}
        return Recipe("cells-1", sources or (self.layer(),), **given)


@pytest.fixture
def sources():
    return Sources()


@pytest.fixture
def last():
    """Run a generator to its end; return all that it yields, and what it returns."""

    def run(work):
        told = []
        while True:
            try:
                told.append(next(work))
            except StopIteration as end:
                return told, end.value

    return run


def around(place, edge=6):
    return tuple(slice(at - edge // 2, at + edge // 2) for at in place)


@pytest.fixture
def spots():
    """Return boxes of 6 x 6 px, drawn at random, that lie within one class."""

    def drawn(truth, number, kind, seed=0):
        rng = np.random.default_rng(seed)
        found = []
        while len(found) < number:
            place = [int(rng.integers(6, n - 6)) for n in truth.shape]
            if (truth[around(place)] == kind).all():
                found.append(around(place))
        return found

    return drawn
