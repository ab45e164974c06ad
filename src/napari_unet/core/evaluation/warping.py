"""Warping error (Jain 2010): differences that remain when the truth is warped to the result.

The warp changes one simple pixel after the other: borders may shift, but nothing splits, merges,
appears or vanishes. Objects connect along edges (4 neighbours), the background along edges and
corners (8). A pixel is simple where its eight neighbours hold exactly one piece of object that
touches it along an edge and exactly one piece of background. The nearest such warp is searched
greedily, first the pixels nearest to where truth and result agree; where no step is left, the
search undoes the surrounding steps and tries again.

Any label > 0 is object, apart from a line drawn between touching ids. An unlabelled pixel is
background in both and never changes. Volumes are compared plane by plane.
"""

from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from scipy import ndimage

from napari_unet.core.evaluation.comparison import (
    Comparison,
    Images,
    Measure,
    Unlabelled,
    comparisons,
    share,
)
from napari_unet.core.runtime.jit import jit

RING = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))  # bits of a neighbourhood
EDGES = ((0, 1), (1, 0), (1, 2), (2, 1))
EIGHT = np.ones((3, 3), bool)


@cache
def simple_neighbourhoods() -> np.ndarray:
    """Return for each of the 256 neighbourhoods whether the pixel in its middle is simple."""
    return np.array([_is_simple(code) for code in range(256)])


def _is_simple(code: int) -> bool:
    around = np.zeros((3, 3), bool)
    for bit, place in enumerate(RING):
        around[place] = code >> bit & 1
    background = ~around
    background[1, 1] = False
    objects, _ = ndimage.label(around)
    touching = {int(objects[place]) for place in EDGES} - {0}
    return len(touching) == 1 and int(ndimage.label(background, EIGHT)[1]) == 1


@jit
def flip_simple(
    image: np.ndarray, target: np.ndarray, order: np.ndarray, simple: np.ndarray
) -> None:
    """Flip pixels of ``image`` to ``target`` in ``order``, again and again while any is simple.

    Both images are flat, 0 or 1, with a row length of ``order[0]`` and a frame of background.
    """
    width = order[0]
    changed = True
    while changed:
        changed = False
        for place in order[1:]:
            if image[place] != target[place] and simple[_neighbourhood(image, place, width)]:
                image[place] = target[place]
                changed = True


@jit
def _neighbourhood(image: np.ndarray, place: int, width: int) -> int:
    """Return the eight neighbours as bits, in the order of RING."""
    above, below = place - width, place + width
    return (
        image[above - 1]
        | image[above] << 1
        | image[above + 1] << 2
        | image[place - 1] << 3
        | image[place + 1] << 4
        | image[below - 1] << 5
        | image[below] << 6
        | image[below + 1] << 7
    )


EDGE = ndimage.generate_binary_structure(2, 1)
REACHES = (2, 4, 8, 16) * 5  # pixels to back out around a spot where the warp is stuck


class WarpingEvents(NamedTuple):
    """How the result differs in topology from the warped truth."""

    splits: int  # pieces too many that true objects are in
    merges: int  # true objects too many in objects of the result
    objects_missed: int
    objects_added: int
    holes_missed: int
    holes_added: int


def warping_error(
    truth: Images,
    result: Images,
    *,
    unlabelled: Unlabelled = None,
    form: Literal["pixels", "events"] = "pixels",
    per_image: bool = False,
) -> float:
    """Return the pixels that still differ after warping, or the splits and merges, per pixel."""
    return warping_error_measure(form).over(truth, result, unlabelled, per_image)


def warping_events(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None
) -> WarpingEvents:
    """Return how often each kind of event occurs, over all images and planes."""
    images = comparisons(truth, result, unlabelled)
    counts = [_differences(image).sum(0)[2:] for image in images]
    return WarpingEvents(*(int(number) for number in np.sum(counts, axis=0)))


def warping_error_measure(form: Literal["pixels", "events"] = "pixels") -> Measure:
    """Return the measure: counts are those of ``_differences``, one unit a plane."""
    if form == "pixels":
        return Measure("warping_error", _differences, _pixels, "planes", best=0)
    if form == "events":
        return Measure("warping_events", _differences, _events, "planes", best=0)
    raise ValueError(f"the forms of the warping error are 'pixels' and 'events', not {form!r}")


def _pixels(counts: np.ndarray) -> np.ndarray:
    return share(counts[..., 1], counts[..., 0], empty=0.0)


def _events(counts: np.ndarray) -> np.ndarray:
    return share(counts[..., 2] + counts[..., 3], counts[..., 0], empty=0.0)


def warp(truth: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Warp the 2-D foreground ``truth`` as near to ``result`` as its topology allows."""
    start, target = (np.pad(image > 0, 1).astype(np.uint8) for image in (truth, result))
    rng = np.random.default_rng(0)  # of the second tries; the same images warp the same
    warped = start.copy()
    _flip(warped, target, _nearest_first(warped, target))
    for reach in REACHES:
        if np.array_equal(warped, target):
            break
        warped = _try_again(warped, start, target, reach, rng)
    return warped[1:-1, 1:-1] > 0


def _flip(image: np.ndarray, target: np.ndarray, places: np.ndarray) -> None:
    order = np.concatenate([[image.shape[1]], places])
    flip_simple(image.reshape(-1), target.reshape(-1), order, simple_neighbourhoods())


def _nearest_first(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Order the flat places that differ by their distance to agreed pixels of the target's kind."""
    places = np.flatnonzero(image != target)
    object_far = ndimage.distance_transform_edt((image & target) == 0)
    background_far = ndimage.distance_transform_edt((image | target) == 1)
    far = np.where(target > 0, object_far, background_far).reshape(-1)[places]
    return places[np.argsort(far, kind="stable")]


def _try_again(
    warped: np.ndarray, start: np.ndarray, target: np.ndarray, reach: int, rng: np.random.Generator
) -> np.ndarray:
    """Go back towards the start around each stuck spot, then on in another order.

    What got no worse is kept: surroundings of spots do not touch, so each is judged on its own.
    """
    same = warped == target
    around = ndimage.distance_transform_cdt(same, "chessboard") <= reach
    spots, number = ndimage.label(around, EIGHT)
    tried = warped.copy()
    _flip(tried, start, rng.permutation(np.flatnonzero((tried != start) & around)))
    _flip(tried, target, rng.permutation(np.flatnonzero(tried != target)))
    before = np.bincount(spots[~same], minlength=number + 1)
    after = np.bincount(spots[tried != target], minlength=number + 1)
    return np.where((after > before)[spots], warped, tried)


def _differences(comparison: Comparison) -> np.ndarray:
    """Count for each plane: labelled pixels, pixels that differ, and the WarpingEvents."""
    return comparison.kept("warping", lambda: np.array(list(_compared(comparison)), float))


def _compared(comparison: Comparison) -> Iterator[tuple[int, ...]]:
    if comparison.truth.ndim < 2:
        raise ValueError(f"no image to warp: its shape is {comparison.truth.shape}")
    shape = (-1, *comparison.truth.shape[-2:])
    mask = np.broadcast_to(
        True if comparison.labelled is None else comparison.labelled, comparison.truth.shape
    )
    planes = (comparison.truth * mask, comparison.result * mask, mask)
    for truth, result, labelled in zip(*(p.reshape(shape) for p in planes), strict=True):
        target = _opened(result)
        warped = warp(_opened(truth), target)
        yield (int(labelled.sum()), int((warped != target).sum()), *_count_events(warped, target))


def _opened(labels: np.ndarray) -> np.ndarray:
    """Return the foreground of a plane, with a line of background where two ids touch."""
    opened = labels > 0
    for here, beside in (
        ((slice(-1),), (slice(1, None),)),
        ((..., slice(-1)), (..., slice(1, None))),
    ):
        opened[here] &= (labels[here] == labels[beside]) | (labels[beside] == 0)
    return opened


def _count_events(warped: np.ndarray, result: np.ndarray) -> WarpingEvents:
    """Count by the pieces that warped truth and result share.

    Each piece lies in one object of either. An object in several pieces is split by the other, one
    in no piece is missing there. Of the background, pieces away from the frame are holes.
    """
    objects = _shared_pieces(warped, result, EDGE)
    framed = [np.pad(~image, 1, constant_values=True) for image in (warped, result)]
    holes = _shared_pieces(framed[0], framed[1], EIGHT)
    return WarpingEvents(
        splits=objects.pieces - objects.hit_of_one,
        merges=objects.pieces - objects.hit_of_other,
        objects_missed=objects.of_one - objects.hit_of_one,
        objects_added=objects.of_other - objects.hit_of_other,
        holes_missed=holes.of_one - holes.hit_of_one,
        holes_added=holes.of_other - holes.hit_of_other,
    )


class _Shared(NamedTuple):
    pieces: int  # connected pieces of what two images share
    of_one: int  # connected parts of the first image
    of_other: int
    hit_of_one: int  # parts of the first image that hold a piece
    hit_of_other: int


def _shared_pieces(one: np.ndarray, other: np.ndarray, neighbours: np.ndarray) -> _Shared:
    both = one & other
    (parts_one, of_one), (parts_other, of_other) = (
        ndimage.label(image, neighbours) for image in (one, other)
    )
    hit = [len(np.unique(parts[both])) for parts in (parts_one, parts_other)]
    return _Shared(int(ndimage.label(both, neighbours)[1]), of_one, of_other, *hit)
