"""Cutting: from images of any size and type, and only the pixels that are needed."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import zarr

from napari_unet.core.deformation.deformation import Deformation
from napari_unet.core.deformation.spline import REACH

TILE = (40, 47)


def drawn(seed=0, shape=TILE, **strengths):
    return Deformation.draw(np.random.default_rng(seed), shape, **strengths)


class Endless:
    """A plane whose pixel holds ``y + 2 x``; it counts what is read and keeps nothing."""

    dtype = np.dtype(np.float64)

    def __init__(self, edge):
        self.shape = (edge, edge)
        self.pixels = 0

    def __getitem__(self, box):
        rows, columns = (np.arange(n)[part] for part, n in zip(box, self.shape, strict=True))
        self.pixels += len(rows) * len(columns)
        return rows[:, None] + 2.0 * columns


@pytest.mark.parametrize("order", [1, 3])
def test_a_tile_of_a_huge_image_reads_what_one_of_a_small_image_reads(order):
    tile, read = drawn(1, (150, 150)), []
    for edge in (1_000, 100_000):
        source, centre = Endless(edge), (edge / 2, edge / 2 + 0.25)
        found = tile.cut(source, centre, order)
        y, x = tile.coordinates(centre)
        np.testing.assert_allclose(found, y + 2 * x, rtol=1e-6)
        read.append(source.pixels)
        sides = [int(np.ptp(along)) + 3 + 2 * (order == 3) * (REACH + 1) for along in (y, x)]
        assert source.pixels <= sides[0] * sides[1]
    assert read[0] == read[1]


@pytest.mark.parametrize(("order", "margin"), [(1, 2), (3, 3 + REACH)])
def test_pixels_that_are_not_needed_do_not_count(order, margin):
    tile, centre = drawn(2), (101.3, 77.7)
    image = np.random.default_rng(0).random((200, 160))
    places = tile.coordinates(centre)
    near = np.full(image.shape, np.nan)
    box = tuple(slice(int(p.min()) - margin, int(p.max()) + margin + 1) for p in places)
    near[box] = image[box]
    np.testing.assert_array_equal(tile.cut(near, centre, order), tile.cut(image, centre, order))


@pytest.mark.parametrize(
    "kind", ["?", "u1", "i2", ">u2", "u4", "i8", "u8", "f2", "f4", ">f4", "f8"]
)
def test_every_numeric_type_is_read(kind):
    image = (np.random.default_rng(1).random((3, 60, 70)) * 200).astype(kind)
    tile, centre = drawn(3), (30, 33)
    expected = tile.cut(image.astype(np.float32), centre)
    np.testing.assert_array_equal(tile.cut(image, centre), expected)
    assert expected.shape == (3, *TILE)


def test_however_the_image_lies_in_memory(tmp_path):
    image = np.random.default_rng(2).integers(0, 255, (120, 140), dtype=np.uint8)
    tile, centre = drawn(4), (60, 70)
    expected, labels = tile.cut(image, centre), tile.cut_labels(image, centre)
    frozen = image.copy()
    frozen.setflags(write=False)
    on_disk = np.memmap(tmp_path / "image", np.uint8, "w+", shape=image.shape)
    on_disk[:] = image
    on_disk.flush()
    mapped = np.memmap(tmp_path / "image", np.uint8, "r", shape=image.shape)
    chunked = zarr.array(image, chunks=(32, 32))
    wide = np.repeat(image, 2, axis=1)[:, ::2]
    for source in (frozen, mapped, chunked, wide, np.asfortranarray(image)):
        np.testing.assert_array_equal(tile.cut(source, centre), expected)
        np.testing.assert_array_equal(tile.cut_labels(source, centre), labels)


@pytest.mark.parametrize("kind", ["?", "u1", ">u2", "i4", "u8", ">i8"])
def test_labels_keep_their_type_and_their_ids(kind):
    most = 1 if kind == "?" else np.iinfo(kind).max
    labels = np.random.default_rng(3).choice(np.array([0, 1, most], kind), (50, 60))
    found = drawn(5).cut_labels(labels, (25, 30))
    assert found.dtype == labels.dtype.newbyteorder("=")
    assert set(np.unique(found).tolist()) == set(np.unique(labels).tolist())


def test_outside_the_labels_is_what_was_asked_for():
    labels = np.random.default_rng(4).integers(1, 9, (2, 33, 35), dtype=np.uint8)
    tile = drawn(6)
    for centre in ((5, 30), (-20, 10), (16, 17), (300, 300)):
        y, x = np.floor(tile.coordinates(centre) + 0.5)
        inside = (y >= 0) & (y < 33) & (x >= 0) & (x < 35)
        found = tile.cut_labels(labels, centre, outside=255)
        np.testing.assert_array_equal(found == 255, np.stack([~inside] * 2))
        mirrored = tile.cut_labels(labels, centre)
        np.testing.assert_array_equal(found[:, inside], mirrored[:, inside])
        assert not (mirrored == 255).any()


@pytest.mark.parametrize("shape", [(6, 20, 30), (20, 30)])
def test_leading_axes_are_cut_one_by_one(shape):
    image = np.random.default_rng(5).random((2, 3, *shape))
    tile = drawn(7, shape)
    for order in (1, 3):
        found = tile.warp(image, order)
        assert found.shape == image.shape
        for index in np.ndindex(2, 3):
            np.testing.assert_array_equal(found[index], tile.warp(image[index], order))


def test_a_plane_of_a_volume_is_cut_by_a_tile_of_one_plane():
    image = np.random.default_rng(6).random((50, 60))
    flat = drawn(8)
    nodes = np.zeros((3, 3, 3, 3))
    nodes[1:] = flat.nodes[:, None]
    volume = replace(
        Deformation.identity((1, *TILE)),
        nodes=nodes,
        angle=flat.angle,
        mirror=(False, *flat.mirror),
        shift=(0.0, *flat.shift),
    )
    for order in (1, 3):
        np.testing.assert_allclose(
            volume.cut(image[None], (0, 20, 30), order)[0],
            flat.cut(image, (20, 30), order),
            atol=1e-5,
        )


def test_bad_input_is_refused_in_a_sentence():
    tile, image = drawn(), np.zeros((60, 60))
    with pytest.raises(ValueError, match="order is 2: choose 1"):
        tile.cut(image, (0, 0), order=2)
    for centre in ((1, 2, 3), (np.nan, 0), 5):
        with pytest.raises(ValueError, match="give 2 finite numbers"):
            tile.cut(image, centre)
    with pytest.raises(TypeError, match="complex128 cannot be interpolated"):
        tile.cut(image.astype(complex), (0, 0))
    with pytest.raises(TypeError, match="float64 are not whole numbers"):
        tile.cut_labels(image, (0, 0))
    with pytest.raises(ValueError, match="outside is 256: labels of uint8 hold 0 to 255"):
        tile.cut_labels(image.astype(np.uint8), (0, 0), outside=256)
    for shape in ((60,), (0, 60)):
        with pytest.raises(ValueError, match="needs at least 2 axes and a pixel on each"):
            tile.cut(np.zeros(shape), (0, 0))


def test_nothing_is_compiled_before_the_first_tile():
    code = (
        "from napari_unet.core.deformation import deformation\n"
        "from napari_unet.core.deformation import deformation as intensity, spline, resample\n"
        "names = ('linear', 'cubic', 'nearest', 'extent', 'follow')\n"
        "loops = [getattr(resample, name) for name in names]\n"
        "loops += [spline._filter_rows, spline._filter_lines, intensity._bend]\n"
        "assert not any(loop.signatures for loop in loops)\n"
        "import sys; assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
