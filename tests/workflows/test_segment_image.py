"""One image in the compute thread: tile after tile, cancelled at once, and no more than asked."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.network.unet import UNet
from napari_unet.core.objects.label_objects import label_objects
from napari_unet.core.segmentation.segment import segment
from napari_unet.workflows import segment_image
from napari_unet.workflows.scheduler import ComputePreferences
from napari_unet.workflows.segment_image import (
    CancelFlag,
    CancellableArray,
    Cancelled,
    SegmentationStarted,
    TileDone,
    cancellable,
    expect,
    prepared_scorer,
    score_image,
)
from napari_unet.workflows.segment_request import LabelOptions, Part, ResultCache, SegmentRequest

IMAGE = np.random.default_rng(0).integers(0, 255, (100, 130)).astype(np.uint8)
CLASSES = LabelOptions(objects=False)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    found = UNet(1, 2, base=2, depth=1, norm="none").eval()
    with torch.no_grad():  # so that both classes are found here and there
        found.head.bias -= found(torch.rand(1, 1, 60, 60)).mean((0, 2, 3))
    return found


def request_of(network, part=None, tile=44, image=IMAGE, **changes):
    machine = ComputePreferences(device="cpu")
    pixels = ImagePixels(image, "YX", {})
    return SegmentRequest("a", network, "net", pixels, part or Part(), "none", tile, machine)


def scored(request, look=CLASSES, wish=None, cache=None):
    cache = cache or ResultCache()
    return list(score_image(request, look, cache, {}, wish or CancelFlag())), cache


def test_tiles_are_those_of_the_whole(network):
    (begun, *tiles), cache = scored(request_of(network))
    assert isinstance(begun, SegmentationStarted)
    assert (begun.tiles, begun.pixels) == (len(tiles), IMAGE.size)
    assert begun.tiles > 4
    labels = np.full(IMAGE.shape, 9)
    for tile in tiles:
        assert isinstance(tile, TileDone)
        assert tile.inside is None
        labels[tile.region] = tile.labels
    expected = segment(IMAGE, network, tile=44, precision="float32").labels
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(cache.relabel(CLASSES).labels, expected)


def test_objects_of_a_tile_get_numbers_that_no_other_has(network):
    (_, *tiles), cache = scored(request_of(network), LabelOptions())
    numbers = [set(np.unique(tile.labels)) - {0} for tile in tiles]
    assert sum(map(len, numbers)) == len(set().union(*numbers)) > 10
    whole = segment(IMAGE, network, tile=44, precision="float32", scores=True)
    expected = label_objects(whole.scores)
    found = cache.relabel(LabelOptions()).labels
    assert found.max() == expected.max()
    np.testing.assert_array_equal(found > 0, expected > 0)


def test_a_part_with_a_shape_is_scored_inside_the_shape_alone(network):
    region, inside = (slice(30, 70), slice(41, 99)), np.zeros((40, 58), bool)
    inside[5:20, 7:50] = True
    (_, *tiles), cache = scored(request_of(network, Part(region, inside, (50.0, 70.0))))
    wanted = np.zeros(IMAGE.shape, bool)
    wanted[region] = inside
    np.testing.assert_array_equal(cache.scores.scored, wanted)
    for tile in tiles:
        np.testing.assert_array_equal(tile.inside, wanted[tile.region])


def test_a_wish_to_end_is_heard_at_the_next_read_and_the_next_layer(network):
    wish = CancelFlag()
    array = CancellableArray(IMAGE, wish)
    assert (array.shape, array.dtype) == (IMAGE.shape, IMAGE.dtype)
    np.testing.assert_array_equal(array[2:5, 3:9], IMAGE[2:5, 3:9])
    wish.work = SimpleNamespace(stopping=False)
    array[0:1, 0:1]
    wish.work.stopping = True
    with pytest.raises(Cancelled):
        array[0:1, 0:1]
    tile = torch.rand(1, 1, 44, 44)
    with cancellable(network, wish), pytest.raises(Cancelled):
        network(tile)
    network(tile)  # nobody watches any more
    assert scored(request_of(network), wish=wish)[0] == []


def test_what_was_done_before_the_end_is_kept(network):
    wish, cache = CancelFlag(), ResultCache()
    wish.work = SimpleNamespace(stopping=False)
    steps = score_image(request_of(network), CLASSES, cache, {}, wish)
    done = [next(steps) for _ in range(3)][1:]
    wish.work.stopping = True
    assert len(list(steps)) <= 1
    assert all(cache.scores.scored[tile.region].all() for tile in done)
    assert not cache.scores.scored.all()


def test_what_it_will_take_is_said_before(network):
    found = expect(request_of(network))
    assert found.tiles == scored(request_of(network))[0][0].tiles
    assert found.edges == (44, 44)
    assert found.seconds > 0
    assert found.memory > IMAGE.size * segment_image.room(2, (1, 1))
    assert expect(request_of(network, Part((slice(0, 20), slice(0, 20))))).tiles == 1


def test_tiles_that_would_read_the_image_many_times_become_larger(network, monkeypatch):
    seen, prepare = [], segment_image._options

    def noted(request):
        options = prepare(request)
        seen.append(options["seconds"])
        return options

    monkeypatch.setattr(segment_image, "_options", noted)
    monkeypatch.setattr(segment_image, "REREAD", 0.0)
    prepared_scorer(request_of(network, tile=44), CancelFlag())
    assert len(seen) == 1, "an edge that was chosen stays"
    prepared_scorer(request_of(network, tile=None), CancelFlag())
    assert len(seen) == 3
