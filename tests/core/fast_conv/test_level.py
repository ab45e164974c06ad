"""A level, two convolutions and what comes before and after, is that of torch in float64."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_unet.core.fast_conv.block import BlockBuffers, room_sizes
from napari_unet.core.fast_conv.buffers import NOTHING, plane_of
from napari_unet.core.fast_conv.forward import NO_IMAGE
from napari_unet.core.fast_conv.level import LevelPlan, ThreadBuffers, compute
from napari_unet.core.fast_conv.pointwise import Image
from napari_unet.core.fast_conv.weights import (
    kernels_of,
    panels_of_entry,
    panels_of_head,
    panels_of_rise,
)
from napari_unet.core.fast_conv.winograd_transform import MADE

CLOSE = 1e-4  # where pixels have a standard deviation of about 1
CHANNELS, CLASSES = 16, 3
HEIGHT, WIDTH = 30, 26  # of what comes out


def some(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def weights(inputs, seed):
    return some(CHANNELS, inputs, 3, 3, seed=seed, scale=(2 / (9 * inputs)) ** 0.5), some(
        CHANNELS, seed=seed + 1, scale=0.3
    )


RISE = some(CHANNELS, CHANNELS, 2, 2, seed=10, scale=0.2), some(CHANNELS, seed=11)
HEAD = some(CLASSES, CHANNELS, 1, 1, seed=12), some(CLASSES, seed=13)
ENTRY = weights(1, 14)
SECOND = weights(CHANNELS, 16)


def computed(strip, cuts=(0, HEIGHT), first=None, second=SECOND, **planes):
    """Compute a level in parts of its rows that end at ``cuts``, each ``strip`` rows at a time."""
    layer = kernels_of(*(first or weights(CHANNELS, 18)), [CHANNELS] * (1 + ("low" in planes)))
    keys = ("low", "pixels", "beside", "pooled", "copied", "scores", "out")
    image = planes.get("image")
    level = LevelPlan(
        image=NO_IMAGE if image is None else Image(image.ctypes.data, *image.strides[:2], 1),
        entry=panels_of_entry(*ENTRY),
        rise=panels_of_rise(*RISE, False),
        first=layer,
        second=kernels_of(*second, [CHANNELS]),
        head=panels_of_head(*HEAD),
        corner=planes.get("corner", (0, 0)),
        **{key: plane_of(planes[key]) if key in planes else NOTHING for key in keys},
    )
    kept = [np.zeros(n, np.float32) for n in room_sizes(layer.values.shape[2], CHANNELS)]
    rows = [np.zeros((n, w, CHANNELS), np.float32) for n, w in (
        (strip + MADE + 2, WIDTH + 4), (strip + MADE, WIDTH + 2), (strip, WIDTH),
    )]  # fmt: skip
    patches = np.zeros((WIDTH + 2, 9), np.float32)
    found = np.zeros((WIDTH, CHANNELS), np.float32)
    lines = ThreadBuffers(
        *map(plane_of, rows), patches.ctypes.data, found.ctypes.data,
        BlockBuffers(*(array.ctypes.data for array in kept)),
    )  # fmt: skip
    for top, bottom in pairwise(cuts):
        compute(level, (top, bottom), HEIGHT, lines)


def exact(x, *layers):
    """Convolve (rows, columns, channels) in float64, with a ReLU after each layer."""
    given = torch.from_numpy(x).double().permute(2, 0, 1)[None]
    for weight, bias in layers:
        given = F.conv2d(given, *(torch.from_numpy(w).double() for w in (weight, bias))).relu()
    return given[0].permute(1, 2, 0).numpy()


def empty(*shape):
    return np.full(shape, np.nan, np.float32)


FIRST = weights(CHANNELS, 18)


@pytest.mark.parametrize("strip", [MADE, 3 * MADE, HEIGHT])
def test_two_convolutions(strip):
    pixels, out = some(HEIGHT + 4, WIDTH + 4, CHANNELS), empty(HEIGHT, WIDTH, CHANNELS)
    computed(strip, pixels=pixels, out=out)
    assert np.abs(out - exact(pixels, FIRST, SECOND)).max() < CLOSE


def test_no_bit_depends_on_strips_or_parts():
    pixels, found = some(HEIGHT + 4, WIDTH + 4, CHANNELS), []
    for strip, cuts in (
        (HEIGHT, (0, HEIGHT)), (MADE, (0, HEIGHT)), (2 * MADE, (0, 2 * MADE, 5 * MADE, HEIGHT)),
    ):  # fmt: skip
        found.append(empty(HEIGHT, WIDTH, CHANNELS))
        computed(strip, cuts, pixels=pixels, out=found[-1])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_an_image_enters_is_pooled_and_a_part_of_it_copied():
    image = some(1, HEIGHT + 4, WIDTH + 4)
    pooled, copied = empty(HEIGHT // 2, WIDTH // 2, CHANNELS), empty(18, 14, CHANNELS)
    computed(2 * MADE, image=image, pooled=pooled, copied=copied, corner=(6, 5))
    whole = exact(image.transpose(1, 2, 0), ENTRY, SECOND)
    assert np.abs(copied - whole[6:24, 5:19]).max() < CLOSE
    largest = whole.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, CHANNELS).max((1, 3))
    assert np.abs(pooled - largest).max() < CLOSE


@pytest.mark.parametrize("strip", [MADE, HEIGHT])
def test_a_lower_map_rises_beside_a_copy_and_is_judged(strip):
    low = some(HEIGHT // 2 + 2, WIDTH // 2 + 2, CHANNELS)
    beside, scores = some(HEIGHT + 4, WIDTH + 4, CHANNELS, seed=3), empty(HEIGHT, WIDTH, CLASSES)
    first = weights(2 * CHANNELS, 20)
    computed(strip, first=first, low=low, beside=beside, scores=scores)
    given = torch.from_numpy(low).double().permute(2, 0, 1)[None]
    rise = [torch.from_numpy(w).double() for w in RISE]
    risen = F.conv_transpose2d(given, *rise, stride=2)[0].permute(1, 2, 0).numpy()
    made = exact(np.concatenate((risen, beside), 2), first, SECOND)
    expected = made @ HEAD[0][:, :, 0, 0].T.astype(np.float64) + HEAD[1]
    assert np.abs(scores - expected).max() < CLOSE
