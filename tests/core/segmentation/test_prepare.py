"""What cannot be segmented is refused in one sentence, before anything is computed."""

import dask.array as da
import numpy as np
import pytest
import torch

from napari_unet import UNet, score_tiles, segment
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.segment import Stores, write_tiles

NETWORK = UNet(base=1, depth=1)
COLOUR = UNet(channels=3, base=1, depth=1)
VOLUME = UNet(base=1, depth=1, dims=3)
PLANE = np.zeros((20, 30), np.uint8)


def with_nan(kind):
    image = np.zeros((50, 60), kind)
    image[3, 4:7] = np.nan
    image[9, 9] = -np.inf
    return image


@pytest.mark.parametrize(
    ("image", "network", "options", "words"),
    [
        (PLANE, COLOUR, {}, r"\(20, 30\).* has 1 channel and the network takes 3"),
        (np.zeros((20, 30, 3)), NETWORK, {}, r"\(axes YXC\) has 3 channels .* takes 1: name the"),
        (np.zeros((20, 30, 2)), NETWORK, {"axes": "YXC"}, "2 channels .* choose the channels"),
        (PLANE, VOLUME, {}, r"sees volumes \(ZYX\) and the image of shape \(20, 30\) has axes YX"),
        (np.zeros((20, 0)), NETWORK, {}, r"\(20, 0\) has an axis of 0 pixels"),
        (da.zeros((0, 20)), NETWORK, {}, r"\(0, 20\) has an axis of 0 pixels"),
        (with_nan(np.float32), NETWORK, {}, r"^4 values of the image \(0.0013 of all\) are NaN"),
        (da.from_array(with_nan(np.float64)), NETWORK, {}, "^4 values of the image"),
        (np.zeros((3, 4, 5, 6, 7)), NETWORK, {}, "name them with axes="),
        (PLANE, NETWORK, {"axes": "YXC"}, "names 3 axes and the image"),
        (PLANE, NETWORK, {"average": "flip"}, "average is 'flip': choose one of none, mirror"),
        (PLANE, NETWORK, {"precision": "half"}, "precision is 'half': choose one of auto"),
        (PLANE, NETWORK, {"uncertainty": "sd"}, "uncertainty is 'sd': choose one of none"),
        (PLANE, NETWORK, {"uncertainty": "spread"}, "spread is that over the versions"),
        (PLANE, NETWORK, {"memory": 0}, "memory is 0 bytes"),
        (PLANE, NETWORK, {"tile": 571}, "571 px does not fit a network of depth 1"),
        (PLANE, NETWORK, {"tile": (20, 20, 20)}, "3 edges for a network of 2 dimensions"),
    ],
)
def test_bad_input_is_refused_by_the_call_itself(image, network, options, words):
    with pytest.raises(ValueError, match=words):
        score_tiles(image, network, **options)


def test_images_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match="an image of complex128 cannot be segmented"):
        segment(np.zeros((20, 20), complex), NETWORK)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.int64, np.float16, np.float64])
def test_any_numbers_are_taken(kind):
    image = (np.arange(600) % 7 > 3).reshape(20, 30).astype(kind)
    expected = segment(image.astype(np.float32), NETWORK, scores=True).scores
    assert np.array_equal(segment(image, NETWORK, scores=True).scores, expected)


def test_a_constant_image_is_segmented():
    assert segment(np.full((20, 30), 7, np.uint8), NETWORK).labels.shape == (20, 30)


def test_a_broken_network_is_said_to_be_broken():
    broken = UNet(base=1, depth=1)
    with torch.no_grad():
        broken.head.bias[0] = float("nan")
    with pytest.raises(ValueError, match="scores that are no numbers: its training diverged"):
        segment(PLANE, broken)


@pytest.mark.parametrize(
    ("store", "error", "words"),
    [
        (np.zeros((30, 20), np.uint8), ValueError, r"\(20, 30\) and the array .* \(30, 20\)"),
        (np.zeros((20, 30), np.float32), TypeError, "labels are whole numbers, not float32"),
    ],
)
def test_a_store_that_does_not_fit_is_refused(store, error, words):
    with pytest.raises(error, match=words):
        write_tiles(prepare(PLANE, NETWORK), Stores(labels=store))


def test_the_contrast_can_be_handed_on():
    image = np.random.default_rng(0).integers(0, 99, (20, 30), np.uint8)
    first = prepare(image, NETWORK)

    class Unmeasurable:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, box):
            assert box[0].stop - box[0].start <= 20
            return image[box]

    second = prepare(Unmeasurable(), NETWORK, contrast=first.reader.contrast)
    assert second.reader.contrast is first.reader.contrast
    for a, b in zip(first.score(), second.score(), strict=True):
        assert np.array_equal(a.scores, b.scores)
