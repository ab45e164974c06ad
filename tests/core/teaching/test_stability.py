"""What nobody painted stays as it is shown when a new stroke is obeyed."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from napari_unet import Teacher
from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.teaching import stability
from napari_unet.core.teaching.blended_scores import predict
from napari_unet.core.teaching.stability import Transition
from napari_unet.core.teaching.stroke_batches import NOTHING, StrokeBatches

FAR = (slice(0, 160), slice(205, 255))  # empty, between both classes in gray value, never painted
WHOLE = (slice(0, 160), slice(0, 260))
NEW = (slice(76, 80), slice(15, 35))  # a new object, dimmer than all others


@pytest.fixture(scope="module")
def scene(tools):
    """Discs on a background, a dim patch among them, and a wide empty part in between."""
    image, truth = tools.discs(0, (160, 260))
    rng = np.random.default_rng(3)
    image[:, 200:] = 105 + rng.normal(0, 4, (160, 60))
    image[70:90, 10:40] = 100 + rng.normal(0, 4, (20, 30))
    return image, truth[:, :190]


def taught(scene, tools):
    image, truth = scene
    teacher = Teacher(image, seed=1)
    for seed in range(4):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
    list(teacher.learn(steps=120))
    return teacher


def objects_far(teacher):
    return (teacher.predict(FAR)[0] == 1).mean()


@pytest.mark.usefixtures("full_size")
@pytest.mark.parametrize("strides", [True, False])
def test_a_new_stroke_does_not_tip_over_what_is_far_from_it(scene, tools, monkeypatch, strides):
    teacher = taught(scene, tools)
    if not strides:  # what happened before there were any
        monkeypatch.setattr(stability, "STRIDES", (1.0,))
    before = objects_far(teacher)
    assert before < 0.1
    teacher.paint(NEW, np.full((4, 20), 2, np.uint8))
    assert [told.new for told in teacher.learn(steps=1)] == [True]
    assert (teacher.predict(NEW)[0] == 1).mean() > 0.85
    if strides:
        assert objects_far(teacher) < before + 0.1
    else:
        assert objects_far(teacher) > before + 0.3


def test_anchors_say_what_is_shown_and_keep_away_from_new_strokes(scene, tools, monkeypatch):
    teacher = taught(scene, tools)
    found, shown = teacher._course.references, teacher._history.scorer()
    assert found.held(shown, ()) is None, "four strokes are few"
    weights = []
    for few in (3, 2, 0):
        monkeypatch.setattr(stability, "FEW", few)
        monkeypatch.setattr(stability, "FULL", few + 2)
        held = found.held(shown, ())
        weights.append(held.weight)
    assert weights == [0.5, 1, 1]
    labels, _ = teacher.predict((slice(0, 160), slice(0, 260)))
    looks = teacher._filters.of((), (slice(0, 160), slice(0, 260)))
    every = {look.tobytes(): labels[at] for at, look in pixels_of(looks)}
    assert len(held.kinds) > 300
    kinds = [every[look.tobytes()] for look in held.features]
    np.testing.assert_array_equal(held.kinds, kinds)
    np.testing.assert_array_equal(found.held(shown, ()).features, held.features)
    stroke = teacher.strokes[0]
    fewer = found.held(shown, [stroke])
    box = tuple(slice(max(part.start - 16, 0), part.stop + 16) for part in stroke.box)
    near = {look.tobytes() for _, look in pixels_of(looks[(slice(None), *box)])}
    assert any(look.tobytes() in near for look in held.features)
    assert not any(look.tobytes() in near for look in fewer.features)
    assert len(fewer.kinds) < len(held.kinds)


def test_a_network_is_taught_what_is_shown_in_the_cells(scene, tools, monkeypatch):
    teacher = taught(scene, tools)
    found, shown = teacher._course.references, teacher._history.scorer()
    assert found.unpainted(shown, ()) == NOTHING, "four strokes are few"
    monkeypatch.setattr(stability, "FEW", 3)
    monkeypatch.setattr(stability, "FULL", 5)
    unpainted = found.unpainted(shown, ())
    assert unpainted.weight == stability.LEARNED / 2
    classes = unpainted.classes[()][WHOLE]
    labels, _ = teacher.predict((slice(0, 160), slice(0, 260)))
    inside = np.zeros((160, 260), bool)
    for _, row, column in found._cells():
        inside[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64] = True
    assert 0 < inside.mean() < 1
    known = classes != UNLABELLED
    assert inside[known].all()
    np.testing.assert_array_equal(classes[known], labels[known])
    assert {0, 1} == set(classes[known].tolist())
    sure = ~(binary_dilation(labels == 1, np.ones((11, 11))) & (labels == 0))
    sure &= ~(binary_dilation(labels == 0, np.ones((11, 11))) & (labels == 1))
    assert known[sure & inside].all()
    met = binary_dilation(labels == 1, np.ones((3, 3))) & (labels == 0)
    rows, columns = np.indices((160, 260)) % 64
    not_at_its_edge = (rows > 0) & (rows < 63) & (columns > 0) & (columns < 63)
    assert (met & inside & not_at_its_edge).any()
    assert not known[met & not_at_its_edge].any()
    stroke = teacher.strokes[0]
    near = tuple(slice(max(part.start - 16, 0), part.stop + 16) for part in stroke.box)
    fewer = found.unpainted(shown, [stroke]).classes[()][WHOLE]
    assert (fewer[near] == UNLABELLED).all()
    classes[near] = UNLABELLED
    np.testing.assert_array_equal(fewer, classes)


def test_the_network_learns_what_was_shown_when_strokes_changed(scene, tools, monkeypatch):
    monkeypatch.setattr(stability, "FEW", 3)
    teacher = taught(scene, tools)
    learned = []
    draw = StrokeBatches.draw

    def noted(self, step, classes, device, choice):
        learned.append(choice.unpainted)
        return draw(self, step, classes, device, choice)

    monkeypatch.setattr(StrokeBatches, "draw", noted)
    shown = teacher._history.scorer()
    teacher.paint(*tools.stroke(scene[1], 1, 4))
    expected = teacher._course.references.unpainted(shown, [teacher.strokes[-1]])
    list(teacher.learn(steps=30))
    assert len({id(one) for one in learned}) == 1, "not what came of it meanwhile"
    assert learned[0].weight == expected.weight > 0
    np.testing.assert_array_equal(learned[0].classes[()][WHOLE], expected.classes[()][WHOLE])
    teacher.work_at(2)
    teacher.paint(*tools.stroke(scene[1], 0, 5))
    list(teacher.learn(steps=10))
    assert learned[-1].classes[()].shape == (80, 130)
    teacher.undo_learning()
    assert teacher._course._unpainted == NOTHING


def test_a_stride_changes_no_more_than_a_part_of_what_is_shown_as_objects(
    scene, tools, monkeypatch
):
    teacher = taught(scene, tools)
    found, shown = teacher._course.references, teacher._history.scorer()
    aim = shown.with_beside(None)
    whole = (slice(0, 160), slice(0, 260))
    seen = np.zeros((160, 260), bool)  # 8 of the cells of 64 px: 3 rows, the last one cut off
    for _, row, column in found._cells():
        seen[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64] = True
    region = teacher._region(whole).box
    start, end = (
        np.log(predict(teacher._picture, scorer, region)[1]).reshape(2, 160, 260)
        for scorer in (shown, aim)
    )
    before = start.argmax(0)

    def would_change(share, where):
        return ((start + share * (end - start)).argmax(0) != before)[where].mean()

    def expected(where):
        objects = before[where].mean()
        allowed = max(stability.CHANGED * objects, stability.FEWEST)
        steps = (s for s in stability.STRIDES if would_change(s, where) <= allowed)
        return next(steps, stability.STRIDES[-1])

    assert 0 < before[seen].mean() < stability.MANY
    for changed in (0.3, 0.1, 0.02):
        monkeypatch.setattr(stability, "CHANGED", changed)
        assert found.stride(Transition(shown, shown, aim), (), 0.0) == expected(seen)
    assert found.stride(Transition(shown, shown, aim), (), 0.0) < 1
    assert found.stride(Transition(shown, shown, shown), (), 0.0) == 1
    stroke = teacher.strokes[0]
    near = tuple(slice(max(part.start - 16, 0), part.stop + 16) for part in stroke.box)
    seen[near] = False
    assert found.stride(Transition(shown, shown, aim), [stroke], 0.0) == expected(seen)


def test_a_stride_counts_from_what_was_seen_last(scene, tools, monkeypatch):
    teacher = taught(scene, tools)
    found, seen = teacher._course.references, teacher._history.scorer()
    aim = seen.with_beside(None)
    monkeypatch.setattr(stability, "CHANGED", 0.1)
    first = found.stride(Transition(seen, seen, aim), (), 0.0)
    assert found.stride(Transition(aim, aim, seen), (), 0.0) < 1
    assert found.stride(Transition(seen, aim, seen), (), 0.0) == 1, "back to what was seen"
    assert found.stride(Transition(seen, seen, aim), (), 0.0) == first < 1
    assert found.stride(Transition(seen, aim, aim), (), 0.0) == 0, "it differs by too much already"


def test_of_a_guess_more_may_change_where_it_had_the_new_stroke_wrong(scene, tools, monkeypatch):
    teacher = taught(scene, tools)
    found, shown = teacher._course.references, teacher._history.scorer()
    way = Transition(shown, shown, shown.with_beside(None))
    monkeypatch.setattr(stability, "CHANGED", 0.02)
    small = found.stride(way, (), 1.0)
    assert small < 1, "few objects are shown: no guess"
    monkeypatch.setattr(stability, "MANY", 0.0)
    monkeypatch.setattr(stability, "GUESSED", 20.0)
    assert found.stride(way, (), 0.0) == small
    assert found.stride(way, (), 1.0) == 1


def pixels_of(looks):
    """Yield place and filters of every pixel."""
    for at in np.ndindex(looks.shape[1:]):
        yield at, looks[(slice(None), *at)]


def test_a_picture_smaller_than_a_cell_has_anchors_inside_it(monkeypatch):
    image = np.random.default_rng(0).integers(0, 255, (40, 30)).astype(np.uint8)
    teacher = Teacher(image, seed=0)
    teacher.paint((slice(0, 4), slice(0, 9)), np.full((4, 9), 1, np.uint8))
    teacher.paint((slice(20, 24), slice(0, 9)), np.full((4, 9), 2, np.uint8))
    list(teacher.learn(steps=1))
    monkeypatch.setattr(stability, "FEW", 1)
    held = teacher._course.references.held(teacher._history.scorer(), ())
    assert 0 < len(held.kinds) < stability.EACH
