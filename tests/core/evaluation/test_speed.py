"""How long the measures take, in processor time: what the Evaluate dock has to wait for.

In units of sorting the pairs of labels of 2048 × 2048 pixels, about 0.1 s, on the same machine.
"""

import time

import numpy as np
import pytest

from napari_unet.core.evaluation import (
    Comparison,
    error_layer,
    object_measures,
    score,
    warping_error,
)


def least_seconds(call, times=3):
    call()  # compiles
    seconds = []
    for _ in range(times):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


@pytest.fixture(scope="module")
def objects():
    """2 000 against 2 000 discs on a grid of 2048 × 2048 pixels, a little apart."""
    side, across, number = 2048, 45, 2000
    y, x = np.indices((side, side), dtype=np.int32)
    step = side / across
    cell = np.minimum((y // step) * across + x // step, across**2 - 1).astype(np.int32)
    images = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        centres = np.indices((across, across)).reshape(2, -1) * step + step / 2
        centres += rng.normal(0, 2, centres.shape)
        far = np.hypot(y - centres[0][cell], x - centres[1][cell])
        images.append(np.where((far < 0.4 * step) & (cell < number), cell + 1, 0))
    assert all(len(np.unique(image)) == 2001 for image in images)
    return images


@pytest.fixture
def unit(objects):
    pairs = objects[0].astype(np.int64) * 3000 + objects[1]
    return least_seconds(lambda: np.unique(pairs))


def test_all_measures_of_objects_take_about_a_second(objects, unit):
    truth, result = objects
    seconds = least_seconds(lambda: score("a", Comparison(truth, result), object_measures()))
    assert seconds < 30 * unit


def test_large_ids_cost_nothing(objects, unit):
    truth, result = objects
    large = np.where(truth > 0, truth.astype(np.int64) + 2**31, 0)
    seconds = least_seconds(lambda: score("a", Comparison(large, result), object_measures()), 1)
    assert seconds < 40 * unit


def test_errors_take_some_seconds(objects, unit):
    assert least_seconds(lambda: error_layer(*objects), 1) < 60 * unit


@pytest.mark.parametrize("kind", ["membranes", "noise"])
def test_warping_of_512_takes_some_seconds(kind, unit):
    rng = np.random.default_rng(0)
    truth, result = (rng.random((2, 512, 512)) < 0.5).astype(int)
    if kind == "membranes":
        y, x = np.indices((512, 512))
        truth, result = ((np.sin(y / 9) + np.sin((x + s) / 11) > -1.4).astype(int) for s in (0, 3))
    assert least_seconds(lambda: warping_error(truth, result), 1) < 150 * unit
