import numpy as np
import pytest

from napari_unet import Teacher
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.segmentation.image_reader import OrderedImage
from napari_unet.core.teaching.image_view import WHOLE, ImageView, measure


class Lazy:
    """An image that notes which boxes are read of it, and is made when it is read."""

    def __init__(self, shape, dtype=np.uint16):
        self.shape, self.dtype, self.ndim = shape, np.dtype(dtype), len(shape)
        self.read = []

    def __getitem__(self, key):
        key = tuple(slice(k, k + 1) if isinstance(k, int) else k for k in key)
        self.read.append(key)
        parts = [np.arange(*k.indices(n)) for k, n in zip(key, self.shape, strict=True)]
        grid = np.meshgrid(*parts, indexing="ij")
        return (500 + 400 * np.sin(grid[-1] / 7) * np.cos(grid[-2] / 9)).astype(self.dtype)

    @property
    def pixels(self):
        return sum(np.prod([k.stop - k.start for k in key]) for key in self.read)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_any_box_is_the_normalised_and_averaged_image(factor):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (400, 620), dtype=np.uint8)
    picture = ImageView(image, None, factor)
    low, high = np.percentile(image, [1, 99.8])
    expected = (image.astype(np.float64) - low) / (high - low)
    box = (slice(0, 1), slice(30, 90), slice(40, 150))
    found = picture.plane(())[box][0]
    if factor == 1:
        np.testing.assert_allclose(found, expected[30:90, 40:150], atol=1e-5)
    else:  # a triangle as wide as two pixels; on noise it keeps the mean and less of the spread
        squares = expected.reshape(400 // factor, factor, 620 // factor, factor).mean((1, 3))
        inside = squares[30:90, 40:150]
        assert found.shape == inside.shape
        assert np.corrcoef(found.ravel(), inside.ravel())[0, 1] > 0.8
        assert abs(found.mean() - inside.mean()) < 0.01


def test_only_what_is_painted_or_looked_at_is_read():
    image = Lazy((5, 20_000, 20_000))
    teacher = Teacher(image)
    for code, row in ((1, 5000), (2, 5040)):
        box = (3, slice(row, row + 4), slice(7000, 7040))
        teacher.paint(box, np.full((4, 40), code, np.uint8))
    list(teacher.learn(steps=20))
    measured = 64 * 256**2
    labels, scores = teacher.predict((3, slice(4990, 5060), slice(6990, 7060)))
    assert labels.shape == (70, 70)
    assert scores.shape == (2, 70, 70)
    assert image.pixels < measured + 16 * 256**2
    planes = {key[0].start for key in image.read[64:]}
    assert planes == {3}


def test_the_contrast_of_a_huge_image_comes_from_boxes_all_over_it():
    image = Lazy((6000, 6000))
    assert np.prod(image.shape) > WHOLE
    view = OrderedImage.of(image, None, 1, 2)
    found = measure(view, Normalisation())
    assert image.pixels <= 64 * 256**2
    every = image[slice(0, 6000, 7), slice(0, 6000, 7)]
    low, high = np.percentile(every, [1, 99.8])
    np.testing.assert_allclose([found.low[0], found.high[0]], [low, high], rtol=0.02)


def test_colour_and_planes_are_taught_and_shown_in_their_own_axes():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60, (3, 120, 140, 3), dtype=np.uint8)
    image[1, 30:80, 40:90, 0] += 150
    teacher = Teacher(image, axes="ZYXC")
    teacher.paint((1, slice(40, 44), slice(50, 80)), np.full((4, 30), 2, np.uint8))
    teacher.paint((slice(1, 2), slice(4, 8), slice(50, 80)), np.full((1, 4, 30), 1, np.uint8))
    list(teacher.learn(steps=150))
    labels, scores = teacher.predict((1, slice(0, 120), slice(0, 140)))
    assert labels.shape == (120, 140)
    assert scores.shape == (2, 120, 140)
    truth = image[1, ..., 0] > 100
    assert ((labels == 1) & truth).sum() / ((labels == 1) | truth).sum() > 0.7
    assert (teacher.predict((slice(0, 1), slice(0, 120), slice(0, 140)))[0] == 0).mean() > 0.9


def test_axes_that_lie_the_other_way_round():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (90, 130)).astype(np.float32)
    image[20:60, 30:70] += 6
    turned = Teacher(image.T.copy(), axes="XY", seed=2)
    plain = Teacher(image, axes="YX", seed=2)
    for box, code in (((slice(30, 34), slice(40, 60)), 2), ((slice(70, 74), slice(40, 60)), 1)):
        shape = [part.stop - part.start for part in box]
        plain.paint(box, np.full(shape, code, np.uint8))
        turned.paint(box[::-1], np.full(shape[::-1], code, np.uint8))
    for teacher in (plain, turned):
        list(teacher.learn(steps=20))
    whole = (slice(0, 90), slice(0, 130))
    np.testing.assert_array_equal(plain.predict(whole)[0], turned.predict(whole[::-1])[0].T)


def test_not_a_number_is_read_as_zero():
    image = np.random.default_rng(0).normal(0, 1, (64, 64)).astype(np.float32)
    image[3, 4] = np.nan
    found = ImageView(image, None).plane(())[slice(0, 1), slice(0, 8), slice(0, 8)]
    assert found[0, 3, 4] == 0
    assert np.isfinite(found).all()
