from functools import cache
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.evaluation import (
    WarpingEvents,
    pixel_error,
    warping_error,
    warping_events,
)
from napari_unet.core.evaluation.warping import RING, simple_neighbourhoods, warp

CASES = settings(max_examples=200, deadline=None, derandomize=True)
EIGHT = np.ones((3, 3))
NOTHING = WarpingEvents(0, 0, 0, 0, 0, 0)


def topology(image):
    """Number of objects (4 neighbours) and of pieces of background (8) with a frame around it."""
    framed = np.pad(image, 1).astype(bool)
    return ndimage.label(framed)[1], ndimage.label(~framed, EIGHT)[1]


def flipped(image, place):
    other = image.copy()
    other[place] ^= True
    return other


def is_simple(image, place):
    """By looking at the whole image: objects and pieces of background stay as many."""
    return topology(image) == topology(flipped(image, place))


@cache
def simple_codes():
    """Whether the middle is simple, for each neighbourhood in an image that holds nothing else."""
    found = []
    for code in range(256):
        drawn = np.zeros((3, 3), bool)
        for bit, place in enumerate(RING):
            drawn[place] = code >> bit & 1
        found.append(is_simple(drawn, (1, 1)))
    return found


def picture(text):
    return np.array([[c == "#" for c in row] for row in text.split()])


@pytest.mark.parametrize(
    ("around", "simple"),
    [
        ("... ... ...", False),  # a pixel alone: an object would vanish, or appear
        ("### #.# ###", False),  # a hole would be filled, or made
        ("### ... ...", True),  # the edge of an object
        ("#.. ... ...", False),  # touches at a corner only: an object of its own
        (".#. ... ...", True),  # the tip of a line
        (".#. ... .#.", False),  # joins two objects
        ("... #.# ...", False),
        (".## ..# .##", True),  # joined already, round a bay that is open
        (".#. #.. ...", False),  # its two neighbours meet at a corner only: two objects
        ("##. #.. ...", True),  # one object round a corner
        ("##. #.. ..#", True),  # the pixel at the far corner is another object, and stays one
        ("### #.# #.#", True),  # a bay
        ("### #.# ##.", True),  # background reaches the middle at a corner: open
        (".## #.# ##.", False),  # background on two sides, apart
    ],
)
def test_simple_points_by_hand(around, simple):
    image = picture(around)
    code = sum(int(image[place]) << bit for bit, place in enumerate(RING))
    assert simple_neighbourhoods()[code] == simple


def test_every_neighbourhood_against_the_topology_of_the_image():
    assert simple_neighbourhoods().tolist() == simple_codes()


def nearest_by_search(truth, result):
    """The least difference over every way of flipping simple ones of the pixels that differ."""
    places = [tuple(p) for p in np.argwhere(truth != result)]
    seen, waiting, least = {truth.tobytes()}, [truth], len(places)
    while waiting:
        image = waiting.pop()
        least = min(least, int((image != result).sum()))
        framed = np.pad(image, 1)
        for y, x in places:
            around = framed[y : y + 3, x : x + 3]
            code = sum(int(around[place]) << bit for bit, place in enumerate(RING))
            other = flipped(image, (y, x))
            if simple_codes()[code] and other.tobytes() not in seen:
                seen.add(other.tobytes())
                waiting.append(other)
    return least


@CASES
@given(hnp.arrays(bool, (5, 6)), hnp.arrays(bool, (5, 6)))
def test_a_warp_is_a_warp(truth, result):
    """Where truth and result agree it changes nothing, and it never changes the topology."""
    warped = warp(truth, result)
    assert np.array_equal(warped[truth == result], truth[truth == result])
    assert topology(warped) == topology(truth)
    assert warping_error(truth, result) * truth.size == pytest.approx((warped != result).sum())
    assert warping_error(truth, result) <= pixel_error(truth, result)


def test_the_warp_found_is_the_nearest_there_is():
    """Of 300 random images the search finds the nearest warp of all but one or two."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(300):
        truth = rng.random((4, 5)) < rng.uniform(0.2, 0.8)
        result = truth ^ (rng.permutation(truth.size).reshape(truth.shape) < rng.integers(1, 8))
        found = int((warp(truth, result) != result).sum())
        least = nearest_by_search(truth, result)
        assert found >= least
        missed += found > least
    assert missed <= 2


def blobs(seed, size=32):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(size, size)), rng.uniform(1.5, 3))
    return smooth > np.quantile(smooth, rng.uniform(0.3, 0.7)), rng


def disturbed(truth, rng, tries):
    """Change simple pixels at random, one after the other."""
    framed = np.pad(truth, 1)
    for y, x in rng.integers(1, np.add(truth.shape, 1), (tries, 2)):
        around = framed[y - 1 : y + 2, x - 1 : x + 2]
        code = sum(int(around[place]) << bit for bit, place in enumerate(RING))
        framed[y, x] ^= simple_codes()[code]
    return framed[1:-1, 1:-1]


@CASES
@given(st.integers(0, 2**32 - 1))
def test_a_warped_truth_scores_nothing(seed):
    """Whatever is reached by changing one simple pixel after the other."""
    truth, rng = blobs(seed)
    result = disturbed(truth, rng, 300)
    assert topology(result) == topology(truth)
    assert warping_error(truth, result) == 0
    assert warping_events(truth, result) == NOTHING
    assert pixel_error(truth, result) > 0


def test_the_first_try_is_a_good_one(monkeypatch):
    """Nearest pixels first finds most warps at once; in the order of the rows a third is missed."""
    home = import_module("napari_unet.core.evaluation.warping")
    monkeypatch.setattr(home, "REACHES", ())
    missed = 0
    for seed in range(60):
        truth, rng = blobs(seed)
        missed += warping_error(truth, disturbed(truth, rng, 700)) > 0
    assert missed <= 6


def stripes(number, height=20, width=6):
    """``number`` upright stripes with gaps of three pixels."""
    image = np.zeros((height, number * (width + 3) + 3), int)
    for k in range(number):
        image[2:-2, 3 + k * (width + 3) : 3 + k * (width + 3) + width] = 1
    return image


def test_every_split_and_every_merge_counts_once():
    truth = stripes(6)
    for number in range(7):
        split, merged = truth.copy(), truth.copy()
        for k in range(number):
            split[9:11, 3 + 9 * k : 9 + 9 * k] = 0
            merged[8 : 10 + k, 9 + 9 * k : 12 + 9 * k] = 1
        merges = min(number, 5)  # the sixth bridge ends in nothing: a bump
        assert warping_events(truth, split) == NOTHING._replace(splits=number)
        assert warping_events(truth, merged) == NOTHING._replace(merges=merges)
        assert warping_error(truth, split, form="events") == number / truth.size
        # what stays is a bridge of one pixel through each cut, a cut of one through each bridge
        assert warping_error(truth, split) == pytest.approx(2 * number / truth.size)
        least = sum(2 + k for k in range(merges))
        assert warping_error(truth, merged) == pytest.approx(least / truth.size)


def test_objects_and_holes_that_come_and_go():
    truth = stripes(3)
    result = truth.copy()
    result[:, :9] = 0  # the first stripe is missed
    result[8:11, 14:16] = 0  # a hole in the second
    result[0, 0] = 1  # an object in a corner
    assert warping_events(truth, result) == WarpingEvents(0, 0, 1, 1, 0, 1)
    assert warping_events(result, truth) == WarpingEvents(0, 0, 1, 1, 1, 0)
    # a missed object shrinks to one pixel, a hole to one short of nothing
    assert warping_error(truth, result) * truth.size == pytest.approx(1 + 6 + 1)


def test_truth_and_result_exchanged_exchange_splits_and_merges():
    truth, _ = blobs(1)
    result, _ = blobs(2)
    there, back = warping_events(truth, result), warping_events(result, truth)
    assert there.splits > 0
    assert there.merges > 0
    assert warping_error(truth, result) > 0
    assert min(back) >= 0


def test_touching_objects_are_kept_apart():
    """Without a line between them, two touching ids would be one object in both."""
    truth = np.ones((8, 10), int)
    truth[:, 5:] = 2
    moved, merged = np.ones_like(truth), np.ones_like(truth)
    moved[:, 4:] = 2
    assert warping_events(truth, moved) == NOTHING
    assert warping_error(truth, moved) == 0
    assert warping_events(truth, merged) == NOTHING._replace(merges=1)


def test_unlabelled_pixels_are_left_out():
    truth = stripes(3)
    split = truth.copy()
    split[9:11, 3:9] = 0
    hidden = np.zeros(truth.shape, bool)
    hidden[8:12] = True
    assert warping_events(truth, split).splits == 1
    assert warping_events(truth, split, unlabelled=hidden) == NOTHING
    assert warping_error(truth, split, unlabelled=hidden) == 0
    one_missed = truth.copy()
    one_missed[:, :9] = 0
    # hidden rows cut the stripe in two: two objects missed, a pixel each, of the labelled pixels
    labelled = (~hidden).sum()
    assert warping_error(truth, one_missed, unlabelled=hidden) == pytest.approx(2 / labelled)


def test_a_volume_is_compared_plane_by_plane_and_pooled():
    truth = np.stack([stripes(2), stripes(2), stripes(2)])
    result = truth.copy()
    result[1, 9:11, 3:9] = 0
    result[2, 8:10, 9:12] = 1
    assert warping_events(truth, result) == NOTHING._replace(splits=1, merges=1)
    assert warping_error(truth, result, form="events") == 2 / truth.size
    planes = warping_error(list(truth), list(result), form="events", per_image=True)
    assert planes == pytest.approx(2 / truth.size)


def test_nothing_against_nothing():
    nothing = np.zeros((4, 4), int)
    assert warping_error(nothing, nothing) == warping_error(nothing, nothing, form="events") == 0
    everything_hidden = np.ones((4, 4), bool)
    assert warping_error(nothing, nothing + 1, unlabelled=everything_hidden) == 0


def test_what_cannot_be_warped_is_refused():
    with pytest.raises(ValueError, match="'pixels' and 'events'"):
        warping_error(np.eye(3, dtype=int), np.eye(3, dtype=int), form="both")
    with pytest.raises(ValueError, match=r"its shape is \(4,\)"):
        warping_error(np.ones(4, int), np.ones(4, int))
