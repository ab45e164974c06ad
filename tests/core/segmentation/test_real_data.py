"""On real images: half precision changes hardly a label, and tiles no score."""

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_unet import Annotation, TrainSettings, UNet, score_tiles, segment, train

DATA = Path(__file__).parents[4] / "shared" / "data" / "dsb2018"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.exists(), reason=f"the sample images are not at {DATA}"),
]


@pytest.fixture(scope="module")
def network():
    """A network after a hundred steps: the less it has learned, the more labels are in doubt."""
    images = sorted((DATA / "train" / "images").iterdir())[:6]
    annotations = [
        Annotation(
            imread(path), imread(DATA / "train" / "labels" / path.name), zero="background",
            ids="objects",
        )
        for path in images
    ]  # fmt: skip
    settings = TrainSettings.preset("nano", steps=100)
    net = UNet(base=settings.base, depth=settings.depth, norm=settings.norm)
    for _ in train(net, annotations, settings):
        pass
    return net


def images():
    return [imread(path) for path in sorted((DATA / "val" / "images").iterdir())]


def test_half_precision_agrees_on_999_of_1000_labels(network):
    same = [
        segment(image, network, precision="float32").labels
        == segment(image, network, precision="bfloat16").labels
        for image in images()
    ]
    assert min(np.mean(image) for image in same) >= 0.999


def test_tiles_agree_with_the_whole(network):
    image = images()[0]
    whole = segment(image, network, scores=True, precision="float32")
    assert 0.02 < np.mean(whole.labels == 1) < 0.98
    tiles = score_tiles(image, network, tile=network.input_size(100), precision="float32")
    for tile, scores in tiles:
        assert np.abs(scores - whole.scores[:, *tile.write]).max() <= 1e-5
