"""The sample data: small, licensed, and what they say they are."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_unet import samples
from napari_unet.core.annotation.annotation import Annotation

FOLDER = files("napari_unet") / "sample_data"
SHIPPED = [name for name in samples.names() if name != "synthetic"]
DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.parametrize("name", samples.names())
def test_a_sample_can_be_trained_on(name):
    sample = samples.load(name)
    assert sample.name == name
    assert sample.image.shape == sample.labels.shape
    assert len(sample.axes) == sample.image.ndim
    assert sample.labels.dtype == np.int32
    assert len(np.unique(sample.labels)) > 40
    annotation = Annotation(
        sample.image, sample.labels, axes=sample.axes, zero="background", ids="objects"
    )
    found = {f.what for f in annotation.check() if f.severity != "note"}
    assert found <= {"touching-one-id", "several-pieces"}, "the flaws the makers left in"
    assert annotation.class_count == 2
    assert "touching" in {f.what for f in annotation.check()}, "what the separation is for"


@pytest.mark.parametrize("name", samples.names())
def test_objects_are_brighter_or_rougher_than_their_background(name):
    """Labels lie on the objects of their own image: moved by half of it they fit much worse."""
    sample = samples.load(name)
    image = ndimage.generic_gradient_magnitude(sample.image.astype(float), ndimage.sobel)
    inside = sample.labels > 0
    away = np.roll(inside, [n // 2 for n in inside.shape], range(inside.ndim))
    contrast = [image[place].mean() / image[~place].mean() for place in (inside, away)]
    assert contrast[0] > 1.3 * contrast[1]


def test_the_arrays_are_read_only():
    sample = samples.load("nuclei-3d")
    with pytest.raises(ValueError, match="read-only"):
        sample.image[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        sample.labels[0] = 0


def test_the_package_stays_small_and_every_file_has_a_licence():
    paths = [Path(str(path)) for path in FOLDER.iterdir()]
    assert sum(path.stat().st_size for path in paths) < 3_000_000
    licences = (FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    for name in SHIPPED:
        assert f"`{name}`" in licences
        assert samples.load(name).licence.split("-")[0] in licences
    expected = {f"{name}{part}.tif" for name in SHIPPED for part in ("", "-labels")}
    assert {path.name for path in paths} == expected | {"LICENCES.md"}


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="there is no sample 'cats': choose one of nuclei, "):
        samples.load("cats")


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data")
def test_pixels_are_those_of_the_source():
    for name, source in (("cells", "usiigaci/train/{}/set12.tif"),
                         ("cells-test", "usiigaci/val/{}/set28.tif")):  # fmt: skip
        sample = samples.load(name)
        assert np.array_equal(sample.image, tifffile.imread(DATA / source.format("images")))


@pytest.mark.parametrize(
    ("shape", "count"),
    [((512, 512), 60), ((90, 200), 30), ((24, 96, 96), 40), ((64, 64), 1), ((12, 12), 1)],
)
def test_synthetic_cells_are_as_many_as_asked_and_whole(shape, count):
    sample = samples.synthetic_cells(3, shape, count)
    assert sample.image.shape == sample.labels.shape == shape
    assert sample.image.dtype == np.uint16
    assert np.unique(sample.labels[sample.labels > 0]).tolist() == list(range(1, count + 1))
    for number, box in enumerate(ndimage.find_objects(sample.labels), start=1):
        assert ndimage.label(sample.labels[box] == number)[1] == 1


def test_synthetic_cells_touch_and_shine_on_an_uneven_background():
    for seed in range(3):
        sample = samples.synthetic_cells(seed)
        cells, image = sample.labels > 0, sample.image.astype(float)
        pieces = ndimage.label(cells, np.ones((3, 3)))[1]
        assert pieces < 45, "of 60 cells many touch"
        assert 0.15 < cells.mean() < 0.45
        far = ndimage.binary_erosion(~cells, iterations=4)
        smooth = ndimage.gaussian_filter(np.where(far, image, 0), 8)
        smooth /= np.maximum(ndimage.gaussian_filter(far.astype(float), 8), 1e-6)
        assert np.percentile(smooth[far], 95) > 1.4 * np.percentile(smooth[far], 5)
        local = image[cells] / smooth[cells]
        assert np.median(local) > 1.5
        assert image[cells].std() > 100, "texture"


def test_the_seed_decides():
    first, again, other = (samples.synthetic_cells(seed) for seed in (5, 5, 6))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)


@pytest.mark.parametrize(
    ("shape", "count", "sentence"),
    [
        ((64, 64), 500, r"500 cells do not fit in an image of \(64, 64\), which has room for 40: "),
        ((512, 4), 3, "has room for 0: draw fewer or make it larger"),
        ((64,), 3, "give 2 or 3 lengths of at least 1 and at least 1 cell"),
        ((64, 64), 0, "give 2 or 3 lengths"),
    ],
)
def test_cells_that_do_not_fit_are_refused(shape, count, sentence):
    with pytest.raises(ValueError, match=sentence):
        samples.synthetic_cells(0, shape, count)
