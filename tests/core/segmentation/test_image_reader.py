"""Images are read with their axes in order, mirrored at the edges, one tile ahead."""

import threading

import numpy as np
import pytest
import torch

from napari_unet import UNet, segment
from napari_unet.core.segmentation.image_reader import OrderedImage, prefetch


def network(**shape):
    torch.manual_seed(2)
    return UNet(**({"base": 2, "depth": 1, "classes": 3} | shape))


def test_the_next_tile_is_read_while_this_one_is_computed():
    """The consumer waits for the read after its own: without reading ahead it waits forever."""
    reads = [threading.Event() for _ in range(3)]
    here = threading.get_ident()

    def read(number):
        assert threading.get_ident() != here
        reads[number].set()
        return number * 10

    seen = []
    for number, made in prefetch(read, iter(range(3))):
        assert number == 2 or reads[number + 1].wait(5)
        seen.append((number, made))
    assert seen == [(0, 0), (1, 10), (2, 20)]


def test_reading_ahead_reads_one_ahead_and_no_more():
    started = []
    steps = prefetch(lambda number: started.append(number), iter(range(10)))
    next(steps)
    next(steps)
    steps.close()
    assert started in ([0, 1], [0, 1, 2])
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-unet reader")]


def test_an_error_while_reading_arrives():
    class Torn:
        shape, dtype = (60, 60), np.dtype(np.uint8)

        def __getitem__(self, box):
            if box[1].start and box[1].stop - box[1].start < 60:
                raise OSError("scan.tif is cut short")
            return np.zeros((60, 60), np.uint8)[box]

    with pytest.raises(OSError, match="cut short"):
        segment(Torn(), network(), tile=28)


LENGTHS = {"T": 2, "C": 3, "Z": 4, "Y": 20, "X": 33}


@pytest.mark.parametrize(
    ("axes", "dims", "canonical"),
    [
        ("YX", 2, "YX"), ("YXC", 2, "CYX"), ("XTCY", 2, "CTYX"), ("TZYXC", 2, "CTZYX"),
        ("XYZ", 3, "ZYX"), ("CYXZ", 3, "CZYX"),
    ],
)  # fmt: skip
def test_an_image_is_seen_with_its_axes_in_order(axes, dims, canonical):
    image = np.random.default_rng(0).integers(0, 999, [LENGTHS[letter] for letter in axes])
    view = OrderedImage.of(image, axes, LENGTHS["C"] if "C" in axes else 1, dims)
    expected = image.transpose([axes.index(letter) for letter in canonical])
    assert view.axes == canonical
    assert view.shape == expected.shape
    key = tuple(slice(1, n - 1) if n > 3 else n - 1 for n in expected.shape)
    np.testing.assert_array_equal(view[key], expected[key])
    places = canonical.replace("C", "")
    assert [places[axis] for axis in view.order] == list(axes.replace("C", ""))


@pytest.mark.parametrize("axes", ["YX", "CYX", "YXC"])
def test_pixels_outside_are_mirrored_without_the_edge_twice(axes):
    image = np.random.default_rng(1).integers(0, 999, [LENGTHS[letter] for letter in axes])
    view = OrderedImage.of(image, axes, LENGTHS["C"] if "C" in axes else 1, 2)
    pixels, (rows, columns) = view.read((slice(-6, 15), slice(20, 41)))
    whole = np.moveaxis(image, axes.index("C"), 0) if "C" in axes else image[None]
    padded = np.pad(whole, [(0, 0), (6, 0), (0, 8)], mode="reflect")
    np.testing.assert_array_equal(pixels, padded[:, :21, 20:])
    np.testing.assert_array_equal(pixels, whole[:, rows[:, None], columns])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(value):
    image = np.zeros((3, 7, 10), np.float32)
    OrderedImage.of(image, "TYX", 1, 2).check_finite()
    image[2, 6, 9] = image[0, 0, 0] = value
    with pytest.raises(
        ValueError, match=r"^2 values of the image \(0.0095 of all\) are NaN or inf"
    ):
        OrderedImage.of(image, "TYX", 1, 2).check_finite()


@pytest.mark.parametrize(
    ("shape", "axes", "channels", "dims", "words"),
    [
        ((5, 0), None, 1, 2, "an axis of 0 pixels"),
        ((20, 33, 3), "YXC", 1, 2, "has 3 channels and the network takes 1: choose the channels"),
        ((20, 33), None, 2, 2, "has 1 channel and the network takes 2: name the axes with axes="),
        ((20, 33), "YX", 1, 3, r"sees volumes \(ZYX\)"),
        ((20, 33), "YXC", 1, 2, "names 3 axes"),
    ],
)
def test_an_image_that_does_not_fit_the_network_is_refused(shape, axes, channels, dims, words):
    with pytest.raises(ValueError, match=words):
        OrderedImage.of(np.zeros(shape), axes, channels, dims)


@pytest.mark.parametrize("kind", ["c8", "U3", "M8[s]"])
def test_what_is_no_number_is_refused(kind):
    with pytest.raises(TypeError, match="cannot be segmented: give numbers"):
        OrderedImage.of(np.zeros((4, 4), kind), "YX", 1, 2)
