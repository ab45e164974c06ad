"""What the compute thread answers: the figures of core.evaluation, with the codes taken out."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet import evaluation, samples
from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.evaluate.error_list import in_words
from napari_unet.widgets.evaluate.layer_pair import FOREIGN, evaluation_request, meaning
from napari_unet.widgets.layers.label_classes import set_code
from napari_unet.workflows.evaluate_pair import evaluate_pair

BASE = samples.load("nuclei").labels


def asked(truth, result, **wishes):
    steps = evaluate_pair(evaluation_request(truth, result, **{"classes": False, **wishes}))
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def damaged():
    """Return the sample with one object missed, one false, one split, two merged, one shrunk."""
    found, ids = BASE.copy(), np.unique(BASE)[1:]
    found[found == ids[0]] = 0
    found[:6, :6] = ids[-1] + 1
    assert not BASE[:6, :6].any()
    return found


def test_figures_are_those_of_the_measures():
    truth, result = Labels(BASE), Labels(damaged())
    found = asked(truth, result)
    by_name = {figure.measure: figure.pooled for figure in found.figures}
    assert by_name["iou"] == evaluation.iou(BASE > 0, damaged() > 0)
    assert by_name["average_precision"] == evaluation.average_precision(BASE, damaged())
    assert by_name["seg"] == evaluation.seg(BASE, damaged())
    assert "warping_error" not in by_name
    total = len(np.unique(BASE)) - 1
    assert found.objects == (total, total)
    assert found.labelled == 1
    assert [item.kind for item in found.items] == ["missed", "false"]
    errors = evaluation.error_layer(BASE, damaged())
    np.testing.assert_array_equal(found.errors, errors.labels)
    strict = {f.measure: f.pooled for f in asked(truth, result, iou=0.9).figures}
    assert strict["average_precision"] == evaluation.average_precision(BASE, damaged(), iou=0.9)


def test_unlabelled_pixels_are_left_out_whatever_the_code():
    """The annotation's code: 0 unlabelled, 1 background, 2 the class."""
    painted = np.where(BASE > 0, 2, 1).astype(np.uint8)
    painted[:, 60:] = 0
    truth = Labels(painted)
    set_code(truth, LabelCode("unlabelled", "classes"))
    wrong = damaged()
    wrong[:, 60:] = 7  # nobody may see this
    found = asked(truth, Labels(wrong))
    where = painted == 0
    expected = evaluation.iou(BASE > 0, wrong > 0, unlabelled=where)
    by_name = {figure.measure: figure.pooled for figure in found.figures}
    assert by_name["iou"] == expected
    assert found.labelled == pytest.approx(1 - where.mean())
    assert not found.errors[:, 60:].any()


def test_classes_are_compared_with_classes_and_objects():
    rng = np.random.default_rng(0)
    true, seen = (rng.integers(0, 3, (50, 60)).astype(np.uint8) for _ in range(2))
    truth, result = Labels(true + 1), Labels(seen)
    set_code(truth, LabelCode("unlabelled", "classes"))
    set_code(result, LabelCode("background", "classes"))
    found = {f.measure: f.pooled for f in asked(truth, result, classes=True).figures}
    assert found["mean_iou"] == pytest.approx(
        np.mean([evaluation.iou(true == c, seen == c) for c in range(3)]), abs=1e-12
    )
    assert found["pixel_error"] == pytest.approx((true != seen).mean(), abs=1e-12)
    assert {"iou of 0", "iou of 1", "iou of 2"} <= set(found)


def test_time_points_are_images_of_their_own():
    truth = Labels(np.stack([BASE, BASE]), axis_labels=("t", "y", "x"))
    result = Labels(np.stack([BASE, damaged()]), axis_labels=("t", "y", "x"))
    found = asked(truth, result)
    assert {item.centre[0] for item in found.items} == {1.0}
    assert {item.box[0] for item in found.items} == {(1, 2)}
    assert not found.errors[0].any()
    assert found.figures[0].pooled_interval.units == "images"
    volume = asked(Labels(np.stack([BASE, BASE])), Labels(np.stack([BASE, damaged()])))
    assert len(volume.items[0].centre) == 3
    assert volume.figures[0].pooled_interval.units == "objects"


def test_what_does_not_fit_is_told_with_its_numbers():
    one, other = Labels(BASE, name="a"), Labels(BASE[:-1], name="b")
    with pytest.raises(ValueError, match=r"'a' has the shape \d+ × \d+ and 'b'"):
        evaluation_request(one, other, classes=False)
    with pytest.raises(ValueError, match="'a' is truth and result at once"):
        evaluation_request(one, one, classes=False)


def test_labels_of_other_programs_are_objects_on_background():
    assert meaning(Labels(BASE)) == FOREIGN
    noted = Labels(BASE, metadata={"napari_unet": {"zero": "background", "ids": "classes"}})
    assert meaning(noted) == LabelCode("background", "classes")


def test_the_words_of_an_error():
    found = damaged()
    ids = np.unique(BASE)[1:]
    areas = sorted(ids[2:], key=lambda i: -(i == BASE).sum())
    rows, _ = np.nonzero(found == areas[0])
    lower = (found == areas[0]) & (np.arange(len(found))[:, None] > np.median(rows))
    found[lower] = 1000
    words = [in_words(item) for item in asked(Labels(BASE), Labels(found)).items]
    assert sorted(word.split(",")[0] for word in words) == ["false", "missed", "split into 2"]
    assert "false, 36 px" in words
