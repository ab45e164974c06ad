"""What a segmentation is to do, and which scores are kept from one to the next."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.network.unet import UNet
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.workflows import segment_request
from napari_unet.workflows.segment_request import (
    LabelOptions,
    ResultCache,
    SegmentRequest,
    check_room,
    fingerprint,
    room,
)

IMAGE = np.random.default_rng(0).integers(0, 255, (50, 60)).astype(np.uint8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return UNet(1, 2, base=2, depth=1, norm="none").eval()


@pytest.mark.parametrize("key", ["normalisation", "pixel_size"])
def test_what_decides_the_scores_changes_the_fingerprint(network, key):
    before, kept = fingerprint(network), network.about[key]
    network.about[key] = {"Y": 2.0, "X": 2.0, "low": 3.0}
    try:
        assert fingerprint(network) != before
    finally:
        network.about[key] = kept
    assert fingerprint(network) == before


def test_every_weight_changes_the_fingerprint(network):
    before = fingerprint(network)
    with torch.no_grad():
        network.head.bias[0] += 1e-3
    assert fingerprint(network) != before


def request_of(network, **changes):
    return SegmentRequest("cells", network, "net", ImagePixels(IMAGE, "YX", {}), **changes)


def begin(cache, request, bases=None):
    scoring = prepare(request.pixels.data, request.network, tile=44, precision="float32")
    cache.begin(request, scoring, bases or {})
    return scoring


def test_scores_of_the_same_network_and_image_stay_and_others_begin_anew(network):
    cache, request = ResultCache(), request_of(network)
    base = np.ones((50, 60), np.uint16)
    begin(cache, request, {True: base, False: np.ones((4, 4))})
    first = cache.scores
    assert list(cache.bases) == [True], "labels of another shape cannot show through"
    begin(cache, request)
    assert cache.scores is first
    assert cache.bases[True] is base
    for changed in (
        replace(request, average="mirror"),
        replace(request, pixels=ImagePixels(IMAGE.copy(), "YX", {})),
        replace(request, network=UNet(1, 2, base=2, depth=1, norm="none").eval()),
    ):
        before = cache.scores
        begin(cache, changed)
        assert cache.scores is not before
    assert cache.bases == {}


def test_labels_are_made_of_what_is_scored_and_the_rest_shows_through(network):
    cache, request = ResultCache(), request_of(network)
    assert cache.relabel(LabelOptions()) is None
    scoring = begin(cache, request, {False: np.full((50, 60), 7, np.uint8)})
    assert cache.relabel(LabelOptions()) is None, "nothing is scored yet"
    first = next(iter(scoring.score(list(scoring.tiles())[:1])))
    cache.scores.write(first.tile, first.scores)
    labels = cache.relabel(LabelOptions(objects=False)).labels
    place = first.tile.write
    np.testing.assert_array_equal(labels[place], first.scores[1] > 0.5)
    rest = np.ones(labels.shape, bool)
    rest[place] = False
    assert (labels[rest] == 7).all()


def test_an_image_whose_scores_do_not_fit_is_refused_with_what_works_instead(monkeypatch):
    needed = room(2, (100, 100))
    assert needed >= 100 * 100 * (2 + segment_request.LABELS)
    free = "napari_unet.core.runtime.device.memory_free"
    monkeypatch.setattr(free, lambda device: needed / segment_request.SHARE)
    check_room(2, (100, 100), "cells")
    monkeypatch.setattr(free, lambda device: needed / segment_request.SHARE - 1)
    with pytest.raises(ValueError, match=r"labels of 'cells' take .* segment its file with 'a fol"):
        check_room(2, (100, 100), "cells")


def test_objects_go_on_from_plane_to_plane_only_where_a_network_of_planes_made_a_stack():
    look = LabelOptions(volume=True, threshold=0.3, min_area=4, holes=5, split=1.5)
    joined = look.settings(2, 3)
    assert (joined.dims, joined.give_back) == (3, False)
    assert (joined.threshold, joined.min_area, joined.holes, joined.split) == (0.3, 4, 5, 1.5)
    for options, dims, axes in ((look, 2, 2), (look, 3, 3), (replace(look, volume=False), 2, 3)):
        alone = options.settings(dims, axes)
        assert (alone.dims, alone.give_back) == (dims, True)
