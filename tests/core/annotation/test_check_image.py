"""What is wrong with the image itself is found, channel by channel."""

import numpy as np
import pytest

EDGE = 96

NOISE = np.random.default_rng(0).normal(100, 10, (EDGE, EDGE)).astype(np.float32)

OBJECTS = {"zero": "background", "ids": "objects"}


# -- the image


def test_nan_and_infinity_are_counted(check, cells):
    image = np.stack([NOISE, NOISE], axis=-1)
    image[4, 5, 1], image[6, 7, 0], image[8, 9] = np.nan, -np.inf, np.inf
    found = check(cells(), image, **OBJECTS)["not-finite"]
    assert found.message == "The image holds 1 NaN and 3 infinite values, 0.0217 % of all."
    assert found.severity == "warning"
    assert image[found.where].tolist().count(-np.inf) == 1, "the first in the first channel"
    nothing = check(cells(), np.full((EDGE, EDGE), np.nan), **OBJECTS)["not-finite"]
    assert nothing.severity == "error"


@pytest.mark.parametrize("dtype", ["u1", "i2", "u8", "f2", "f8", "g"])
def test_constant_image(check, cells, dtype):
    found = check(cells(), np.full((EDGE, EDGE), 7, dtype), **OBJECTS)["constant"]
    assert found.message == "The image holds one value everywhere: 7."
    colour = np.stack([NOISE, NOISE * 2, np.full_like(NOISE, 255)], axis=-1)
    found = check(cells(), colour, **OBJECTS)["constant"]
    assert found.message == "Channel 2 holds one value everywhere: 255."


def test_saturated_image(check, cells):
    image = np.minimum(np.random.default_rng(1).normal(200, 40, (EDGE, EDGE)), 255).astype(np.uint8)
    at_top = np.count_nonzero(image == 255)
    found = check(cells(), image, **OBJECTS)["saturated"]
    assert f"({at_top}) hold 255" in found.message
    assert image[found.where] == 255
    flat = (np.indices((EDGE, EDGE))[0] * 2).astype(np.uint8)  # 1.04 % of the pixels at each value
    assert "saturated" not in check(cells(), flat, **OBJECTS)
    assert "saturated" not in check(cells(), **OBJECTS)
    assert "saturated" not in check(cells(), np.minimum(NOISE, 125), **OBJECTS), "0.6 % is little"


def test_gray_stored_in_colour(check, cells):
    found = check(cells(), np.stack([NOISE] * 3, axis=-1), **OBJECTS)
    assert found["gray-as-colour"].severity == "warning"
    assert "gray-as-colour" not in check(cells(), np.stack([NOISE] * 2, axis=-1), **OBJECTS)
