"""Places where a stroke would teach most are shown one after the other, each with its reason."""

import numpy as np
import pytest

from napari_unet.widgets.live import suggestion_tour
from napari_unet.widgets.live.suggestion_tour import NOTHING
from napari_unet.workflows.teaching_events import Refused, Suggested, SuggestedPlace

BOXES = [(slice(n, n + 1), slice(4, 20), slice(8 + n, 24 + n)) for n in range(2)]
PLACES = tuple(SuggestedPlace(box, f"reason {n}") for n, box in enumerate(BOXES))


def test_places_are_gone_through_and_asked_for_again_after_a_stroke(teaching):
    teaching.learned(strokes=2)
    teaching.tour.next()
    assert teaching.names() == ["suggest"]
    assert [name for name, _ in teaching.asked[0].keywords["classes"]] == ["background", "object"]
    teaching.tour.next()  # still looking
    assert teaching.names() == ["suggest"]
    teaching.answered.emit(Suggested(PLACES))
    assert teaching.tour.message == "Place 1 of 2: reason 0"
    teaching.tour.next()
    assert teaching.tour.message == "Place 2 of 2: reason 1"
    assert teaching.viewer.dims.point[0] == 1
    teaching.tour.next()
    assert teaching.names() == ["suggest", "suggest"], "all were seen"
    teaching.answered.emit(Suggested(PLACES))
    teaching.learned(strokes=3)
    teaching.tour.next()
    assert teaching.names() == ["suggest"] * 3, "a stroke may have changed which teach most"


@pytest.mark.parametrize(
    ("answer", "message"), [(Suggested(()), NOTHING), (Refused("Paint first"), "Paint first")]
)
def test_tour_says_that_there_is_no_place(teaching, answer, message):
    teaching.tour.next()
    teaching.answered.emit(answer)
    assert teaching.tour.message == message
    teaching.tour.next()
    assert teaching.names() == ["suggest", "suggest"]


def test_the_frame_lies_around_the_place_and_goes_when_it_ends(teaching):
    teaching.tour.next()
    teaching.answered.emit(Suggested(PLACES))
    active = teaching.viewer.layers.selection.active
    frame = teaching.viewer.layers["stack place"]
    assert active is teaching.labels
    ends = np.concatenate([frame.data[:, 0], frame.data[:, 0] + frame.data[:, 1]])
    assert set(ends[:, 0]) == {0}
    np.testing.assert_array_equal(ends[:, 1:].min(0), (3.5, 7.5))
    np.testing.assert_array_equal(ends[:, 1:].max(0), (19.5, 23.5))
    corners, counts = np.unique(ends[:, 1:], axis=0, return_counts=True)
    assert len(corners) == 4
    assert counts.tolist() == [2] * 4, "four edges, closed"
    np.testing.assert_allclose(teaching.viewer.scene.camera.center[-2:], (5.75, 7.75))
    teaching.tour.stop()
    assert not frame.visible
    assert teaching.tour.message == ""


@pytest.mark.parametrize(("zoom", "share"), [(0.01, 0.25), (1000.0, 0.7)])
def test_a_place_takes_a_fair_share_of_the_canvas(teaching, zoom, share):
    teaching.viewer.canvas.size = (400, 600)
    teaching.viewer.scene.camera.zoom = zoom
    suggestion_tour.show(teaching.session, teaching.image, teaching.labels, BOXES[0])
    assert teaching.viewer.scene.camera.zoom * 8 == pytest.approx(
        share * 400
    )  # 16 px of half a unit
