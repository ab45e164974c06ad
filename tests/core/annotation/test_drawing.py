"""Discs, regions and ellipses against every pixel looked at one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.annotation.drawing import discs, ellipse, within

SHAPE = (24, 31)


def image_of(drawn):
    """0 nothing, 1 ring, 2… the discs of the points."""
    found = np.zeros(SHAPE, int)
    found[tuple(drawn.ring.T)] = 1
    found[tuple(drawn.pixels.T)] = 2 + drawn.owners
    return found


def brute(points, radius, ring):
    found = np.zeros(SHAPE, int)
    for pixel in np.ndindex(SHAPE):
        distances = np.hypot(*(points - pixel).T)
        nearest = int(np.argmin(distances))
        others = np.delete(distances, nearest)
        apart = others.min(initial=np.inf) - distances[nearest] >= 1
        if distances[nearest] <= radius and apart:
            found[pixel] = 2 + nearest
        elif distances[nearest] <= radius + ring:
            found[pixel] = 1
    return found


place = st.tuples(st.integers(-3, 26), st.integers(-3, 33))


@given(
    st.lists(place, min_size=1, max_size=6, unique=True),
    st.floats(0, 7),
    st.floats(0, 4),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_discs_are_those_of_the_definition(places, radius, ring):
    points = np.array(places) + 0.25
    np.testing.assert_array_equal(
        image_of(discs(SHAPE, points, radius, ring)), brute(points, radius, ring)
    )


def test_no_points_and_twins():
    assert not len(discs(SHAPE, np.zeros((0, 2)), 3, 1).pixels)
    once, twice = (discs(SHAPE, np.array(p), 3, 1) for p in ([[9.0, 9.0]], [[9.0, 9.0]] * 2))
    np.testing.assert_array_equal(image_of(once), image_of(twice))


def test_an_ellipse_has_its_area_turned_or_not():
    across, along = np.array([6.0, 3.0]), np.array([-2.0, 4.0])  # at right angles
    corners = np.array([-across - along, across - along, across + along, along - across]) + 12
    outline = ellipse(corners)
    y, x = outline.T
    area = abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))) / 2
    wanted = np.pi * np.linalg.norm(across) * np.linalg.norm(along)
    assert abs(area / wanted - 1) < 1e-3
    inside = within(SHAPE, outline) - 12.0
    reach = (inside @ across / (across @ across)) ** 2 + (inside @ along / (along @ along)) ** 2
    assert reach.max() <= 1.01
    assert abs(len(inside) / wanted - 1) < 0.05


def test_a_region_ends_at_the_border():
    found = within((5, 6), np.array([[-3.0, -3], [-3, 9], [9, 9], [9, -3]]))
    assert len(found) == 30
