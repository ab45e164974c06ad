import numpy as np
import pytest

from napari_unet import Teacher
from napari_unet.core.teaching.working_size import found_width, suggested


@pytest.mark.parametrize(
    ("widths", "now", "factor"),
    [([20, 30], 1, None), ([100, 140, 150], 1, 2), ([300], 1, 4), ([140], 2, None), ([30], 2, 1)],
)
def test_the_size_at_which_objects_fit_what_the_network_sees(widths, now, factor):
    found = suggested(widths, now)
    assert (found.factor if found else None) == factor
    if found:
        assert f"{np.median(widths):.0f} px" in found.said


def test_nothing_painted_suggests_nothing():
    assert suggested([], 1) is None
    assert Teacher(np.eye(64, dtype=np.uint8)).suggest_working_size() is None


def test_a_disc_is_as_wide_as_it_is():
    rows, columns = np.mgrid[:120, :120]
    labels = ((rows - 60) ** 2 + (columns - 60) ** 2 < 40**2).astype(np.uint8)
    assert found_width(labels, np.array([[60, 60], [61, 60]]), 1) == pytest.approx(80, abs=3)
    assert found_width(labels, np.array([[0, 0]]), 1) is None


def test_a_broad_stroke_is_within_an_object_at_least_as_broad():
    teacher = Teacher(np.random.default_rng(0).integers(0, 9, (300, 300), dtype=np.uint8))
    teacher.paint((slice(20, 150), slice(20, 280)), np.full((130, 260), 2, np.uint8))
    found = teacher.suggest_working_size()
    assert found.factor == 2
    assert "130 px" in found.said


def test_other_working_sizes_are_refused(picture):
    with pytest.raises(ValueError, match="1, 2, 4"):
        Teacher(picture[0]).work_at(3)


def test_half_the_working_size_gives_results_on_the_grid_of_the_image(tools):
    from napari_unet import Teacher

    image, truth = tools.discs(0, (320, 400), radius=40, count=6)
    teacher = Teacher(image)
    for seed in range(4):
        teacher.paint(*tools.stroke(truth, seed % 2, seed, width=5, length=30))
    list(teacher.learn(steps=60))
    teacher.work_at(2)
    assert teacher.working_size == 2
    assert not teacher.settled
    list(teacher.learn(steps=60))
    labels, scores = teacher.predict((slice(0, 320), slice(0, 400)))
    assert labels.shape == truth.shape
    assert scores.shape == (2, *truth.shape)
    assert ((labels == 1) & truth).sum() / ((labels == 1) | truth).sum() > 0.6
