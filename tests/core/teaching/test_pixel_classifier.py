import numpy as np
import pytest

from napari_unet import Teacher
from napari_unet.core.teaching import pixel_classifier
from napari_unet.core.teaching.blended_scores import (
    NETWORK,
    BlendedScorer,
    ClassifierPart,
    TilePlace,
)
from napari_unet.core.teaching.image_view import ImageView
from napari_unet.core.teaching.live_network import settings_of
from napari_unet.core.teaching.pixel_classifier import LIMIT, FilterBank, PixelClassifierTrainer
from napari_unet.core.teaching.strokes import Strokes
from napari_unet.core.teaching.teacher import kinds_of


@pytest.fixture
def trainer(picture, tools):
    """One that has four strokes on discs."""
    image, truth = picture
    strokes = Strokes(image.shape)
    for seed in range(4):
        box, codes = tools.stroke(truth, seed % 2, seed)
        strokes.paint((), box, kinds_of(codes, 2))
    return PixelClassifierTrainer(
        FilterBank(ImageView(image, "YX")), strokes, settings_of("nano", 0)
    )


def whole(trainer, shape):
    return trainer.filters.of((), tuple(slice(0, n) for n in shape))


def test_four_strokes_and_it_tells_discs_from_background(trainer, picture):
    image, truth = picture
    found = trainer.fit(2).values(whole(trainer, image.shape)).argmax(0) == 1
    assert (found & truth).sum() / (found | truth).sum() > 0.7


def test_the_same_strokes_give_the_same_bits(trainer, picture):
    filtered = whole(trainer, picture[0].shape)
    once, again = (trainer.fit(2).values(filtered) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_a_fit_begins_where_the_one_before_ended(trainer, picture, monkeypatch):
    """Seen with other middles and spreads, the weights say the same until they learn."""
    image, _ = picture
    filtered = whole(trainer, image.shape)
    before = trainer.fit(2)
    trainer._strokes.paint((), (slice(0, 30), slice(0, 30)), np.zeros((30, 30), np.uint8))
    monkeypatch.setattr(pixel_classifier, "MORE", 0)
    after = trainer.fit(2, before=before)
    assert not np.allclose(after.middle, before.middle)
    np.testing.assert_allclose(after.values(filtered), before.values(filtered), atol=1e-3)


def test_no_class_is_surer_than_the_limit(trainer, picture):
    filtered = whole(trainer, picture[0].shape) * 1000
    assert np.ptp(trainer.fit(2).values(filtered), axis=0).max() <= LIMIT * 1.001


def test_a_class_more_changes_nothing_between_the_others(trainer, picture):
    filtered = whole(trainer, picture[0].shape)
    fitted = trainer.fit(2)
    two, three = fitted.values(filtered), fitted.regrouped([0, 1, None]).values(filtered)
    assert len(three) == 3
    np.testing.assert_allclose(three[1] - three[0], two[1] - two[0], atol=2e-2)
    assert (three.argmax(0) == 2).mean() < 0.01
    np.testing.assert_allclose(fitted.regrouped([1, 0]).values(filtered), two[::-1], atol=1e-5)


def test_beside_a_network_the_values_are_averaged(trainer, picture, taught):
    state = taught._history.last
    pixels = np.zeros((1, 1, 84, 84), np.float32)
    place = TilePlace((), ((30, 74), (40, 84)))
    beside = ClassifierPart(trainer.fit(2), trainer.filters)
    alone = BlendedScorer(state.network, state.weights).scores(pixels, [place])[0]
    own = trainer.fit(2).values(trainer.filters.of((), place.spans))
    both = BlendedScorer(state.network, state.weights, beside)
    for _ in range(2):  # asked, then known
        odds = np.log(both.scores(pixels, [place])[0])
        expected = NETWORK * np.log(alone) + (1 - NETWORK) * own
        np.testing.assert_allclose(odds[1] - odds[0], expected[1] - expected[0], atol=1e-3)


def test_what_nobody_painted_before_is_obeyed_by_the_first_slice_of_learning(picture, tools):
    image, truth = picture[0].copy(), picture[1]
    image[100:130, 20:80] = 250  # brighter than any disc, and background
    teacher = Teacher(image, seed=1)
    for seed in range(4):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
    list(teacher.learn(steps=50))
    box = (slice(110, 114), slice(30, 60))
    assert (teacher.predict(box)[0] == 1).mean() > 0.5, "wrong before"
    teacher.paint(box, np.ones((4, 30), np.uint8))
    assert [told.new for told in teacher.learn(steps=1)] == [True]
    assert (teacher.predict(box)[0] == 0).mean() >= 0.85


def test_a_preview_of_a_glance_alone_goes_on_where_it_was_left(picture, tools, tmp_path):
    image, truth = picture
    teacher = Teacher(image, project=tmp_path)
    for seed in range(2):
        teacher.paint(*tools.stroke(truth, seed % 2, seed))
    (first,) = teacher.learn(steps=1)
    assert (first.new, first.steps) == (True, 0)
    teacher.save()
    again = Teacher(image, project=tmp_path)
    box = (slice(0, 160), slice(0, 200))
    np.testing.assert_array_equal(again.predict(box)[1], teacher.predict(box)[1])
    (tmp_path / "glance.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="damaged"):
        Teacher(image, project=tmp_path)
