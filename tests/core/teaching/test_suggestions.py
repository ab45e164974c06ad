import numpy as np
import pytest

from napari_unet import Teacher


@pytest.fixture(scope="module")
def odd_corner():
    """Smooth noise all over, but a checkerboard in one corner."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 5, (512, 640))
    image[256:384, 384:512] = 100 + 60 * (np.indices((128, 128)).sum(0) // 3 % 2)
    return image.astype(np.float32)


def test_few_strokes_send_to_what_looks_unlike_them(odd_corner):
    teacher = Teacher(odd_corner)
    teacher.paint((slice(0, 8), slice(0, 30)), np.full((8, 30), 1, np.uint8))
    found = teacher.suggest(3)
    assert found[0].box == (slice(256, 384), slice(384, 512))
    assert "unlike" in found[0].reason
    assert all(0 <= suggestion.worth <= 1 for suggestion in found)


def test_suggestions_keep_away_from_strokes_and_one_another(odd_corner):
    teacher = Teacher(odd_corner)
    teacher.paint((slice(300, 310), slice(440, 450)), np.full((10, 10), 2, np.uint8))
    corners = [[part.start for part in s.box] for s in teacher.suggest(8)]
    assert len(corners) > 2
    for number, corner in enumerate(corners):
        assert max(abs(corner[0] + 64 - 305), abs(corner[1] + 64 - 445)) > 64
        for other in corners[:number]:
            assert np.abs(np.subtract(corner, other)).max() > 128


def test_later_doubt_counts_and_names_the_classes(odd_corner):
    teacher = Teacher(odd_corner, classes=2)
    for number in range(12):
        code = 1 + number % 2
        row = 8 + (number // 2) * 16
        box = (slice(row, row + 4), slice(10 + 60 * (code - 1), 40 + 60 * (code - 1)))
        teacher.paint(box, np.full((4, 30), code, np.uint8))
    list(teacher.learn(steps=20))
    found = teacher.suggest(4)
    assert found == sorted(found, key=lambda s: -s.worth)
    assert any(s.reason == "unsure: background or class 1" for s in found)


def test_planes_of_a_stack_are_suggested_too():
    rng = np.random.default_rng(1)
    stack = rng.normal(50, 4, (4, 256, 256)).astype(np.float32)
    stack[2] += 40 * (np.indices((256, 256)).sum(0) // 4 % 2)
    teacher = Teacher(stack)
    teacher.paint((0, slice(0, 4), slice(0, 20)), np.full((4, 20), 1, np.uint8))
    assert teacher.suggest(1)[0].box[0] == slice(2, 3)
