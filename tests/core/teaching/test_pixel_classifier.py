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
from napari_unet.core.teaching.image_view import PIECE, ImageView
from napari_unet.core.teaching.live_network import settings_of
from napari_unet.core.teaching.pixel_classifier import (
    EACH,
    LIMIT,
    REACH,
    SCALES,
    FilterBank,
    PixelClassifierTrainer,
    filtered,
)
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


def test_a_parabola_bends_by_twice_its_factor():
    """Of y² / 50 the bend along rows is 1 / 25 everywhere, across them 0, times sd²."""
    rows = np.arange(-60, 61, dtype=np.float32)
    gray = np.repeat((rows**2 / 50)[:, None], 121, axis=1)
    found = filtered(gray)[:, 60, 60].reshape(len(SCALES), EACH)
    for sd, (_, slope, more, less, *_spread) in zip(SCALES[:3], found[:3], strict=True):
        assert more == pytest.approx(sd**2 / 25, rel=1e-3)
        assert less == pytest.approx(0, abs=1e-4)
        assert slope == pytest.approx(0, abs=1e-3)


def test_turning_the_image_turns_the_filters_and_changes_no_value():
    gray = np.random.default_rng(0).random((70, 90), np.float32)
    turned = filtered(np.rot90(gray).copy())
    np.testing.assert_allclose(turned, np.rot90(filtered(gray), axes=(1, 2)), atol=2e-4)


def test_pieces_put_together_are_the_whole():
    image = np.random.default_rng(1).integers(0, 255, (PIECE + 90, 150), np.uint8)
    picture = ImageView(image, "YX")
    filters = FilterBank(picture)
    whole = picture.plane(())[(slice(0, 1), slice(0, PIECE + 90), slice(0, 150))][0]
    expected = filtered(np.pad(whole, REACH, mode="reflect"))[:, REACH:-REACH, REACH:-REACH]
    box = (slice(PIECE - 40, PIECE + 60), slice(20, 140))
    found = filters.of((), box)
    np.testing.assert_allclose(found, expected[(slice(None), *box)], atol=1e-5)
    pixels = np.array([[PIECE - 1, 0], [PIECE, 149], [3, 77]])
    np.testing.assert_allclose(
        filters.at((), pixels), expected[:, pixels[:, 0], pixels[:, 1]].T, atol=1e-5
    )
    beyond = filters.of((), (slice(-5, 10), slice(0, 8)))
    np.testing.assert_array_equal(beyond[:, 0], beyond[:, 10])  # mirrored at row 0


def test_each_channel_has_its_own_filters():
    image = np.random.default_rng(2).integers(0, 255, (60, 50, 3), np.uint8)
    found = FilterBank(ImageView(image, "YXC")).of((), (slice(0, 60), slice(0, 50)))
    assert found.shape == (3 * len(SCALES) * EACH, 60, 50)
