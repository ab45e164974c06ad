import numpy as np
import pytest
import torch

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.teaching.image_view import ImageView
from napari_unet.core.teaching.live_network import settings_of
from napari_unet.core.teaching.stroke_batches import Choice, PseudoLabels, ShownPlane, StrokeBatches
from napari_unet.core.teaching.strokes import Strokes


@pytest.fixture
def painted(picture, tools, full_size):
    """A rehearsal of one stroke of each class, and the stroke of the first."""
    image, truth = picture
    shown = ImageView(image, None)
    strokes = Strokes((shown.shape[-2], shown.shape[-1]))
    plane = (0,) * (len(shown.shape) - 2)
    for kind in (0, 1):
        box, codes = tools.stroke(truth, kind, kind)
        strokes.paint(plane, box, codes - 1)
    return StrokeBatches(shown, strokes, settings_of("nano", 0)), next(iter(strokes))


def test_a_close_look_takes_more_and_smaller_tiles_for_less_work(painted):
    rehearsal, stroke = painted
    device = torch.device("cpu")
    wide = rehearsal.draw(1, 2, device).image
    close = rehearsal.draw(1, 2, device, Choice([stroke], close=True)).image
    assert close.shape[0] == 2 * wide.shape[0]
    assert close.shape[-1] < wide.shape[-1]
    assert close.numel() < wide.numel()


def test_half_of_a_close_look_is_at_the_fresh_stroke(painted):
    rehearsal, stroke = painted
    choice = Choice([stroke], close=True)
    chosen = [rehearsal._chosen(choice, np.random.default_rng(n)) for n in range(50)]
    assert all(batch.count(stroke) >= len(batch) / 2 for batch in chosen)
    assert any(other is not stroke for batch in chosen for other in batch)


def test_a_stroke_left_out_is_never_drawn(painted):
    rehearsal, stroke = painted
    choice = Choice([stroke], frozenset([stroke.number]))
    for number in range(20):
        assert stroke not in rehearsal._chosen(choice, np.random.default_rng(number))


def test_what_is_shown_is_learned_where_nobody_painted(painted):
    rehearsal, stroke = painted
    shown = ShownPlane((160, 200))
    for place in ((0, 1), (0, 2), (1, 1), (2, 2)):
        shown.keep(place, np.full((64, 64), 2, np.uint8))
    unpainted = PseudoLabels({stroke.plane: shown}, 0.25)
    device = torch.device("cpu")
    shares = []
    for step in range(12):
        plain = rehearsal.draw(step, 3, device)
        held = rehearsal.draw(step, 3, device, Choice(unpainted=unpainted))
        painted_ones, more = plain.classes != UNLABELLED, held.classes == 2
        assert torch.equal(held.image, plain.image)
        assert torch.equal(held.classes[painted_ones], plain.classes[painted_ones])
        rest = held.classes[~painted_ones & ~more]
        assert (rest == UNLABELLED).all()
        assert not (more & painted_ones).any()
        if more.any():
            # what a pixel weighs in the loss, which divides by the labelled pixels of its tile
            per_tile = (held.classes != UNLABELLED).sum(dim=(1, 2), keepdim=True)
            worth = held.weights / per_tile / len(per_tile)
            assert worth[painted_ones].sum() == pytest.approx(1, abs=1e-5)
            shares.append(float(worth[more].sum()))
    assert shares == pytest.approx([0.25] * len(shares), abs=1e-5)
    assert len(shares) > 3


@pytest.mark.parametrize("seed", range(30))
def test_boxes_hold_what_the_cells_hold(seed):
    rng = np.random.default_rng(seed)
    shape = (200, 330)
    plane, dense = ShownPlane(shape), np.full((256, 384), UNLABELLED, np.uint8)
    for place in [(0, 0), (1, 2), (3, 5), (2, 2)]:
        classes = rng.integers(0, 5, (68, 70)).astype(np.uint8)  # as exams give them: larger
        plane.keep(place, classes)
        y, x = (64 * n for n in place)
        dense[y : y + 64, x : x + 64] = classes[:64, :64]
    for forget in (False, True):
        start = [int(rng.integers(0, n)) for n in shape]
        stop = [int(rng.integers(a, n)) + 1 for a, n in zip(start, shape, strict=True)]
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        if forget:
            plane.forget(box)
            dense[box] = UNLABELLED
        np.testing.assert_array_equal(plane[box], dense[box])
        whole = (slice(0, 200), slice(0, 330))
        np.testing.assert_array_equal(plane[whole], dense[whole])


def test_a_plane_of_any_size_takes_no_more():
    plane = ShownPlane((10**6, 10**6))
    plane.keep((9000, 12000), np.ones((64, 64), np.uint8))
    at = (slice(9000 * 64 + 60, 9000 * 64 + 70), slice(12000 * 64, 12000 * 64 + 3))
    np.testing.assert_array_equal(plane[at][:, 0], [1] * 4 + [UNLABELLED] * 6)
