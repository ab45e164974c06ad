"""The teaching loop without a window: requests first, then tiles; nothing to do when settled."""

from functools import partial

import dask.array as da
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.workflows import teaching_loop, teaching_requests
from napari_unet.workflows.teaching_events import Refused, Status, TileDrawn
from napari_unet.workflows.teaching_loop import (
    LATELY,
    READY,
    SETTLED,
    DrawnCells,
    TeachingLoop,
    VisibleRegion,
)


def around(place, edge=6):
    return tuple(slice(at - edge // 2, at + edge // 2) for at in place)


def painted(loop, box, code):
    codes = np.full([part.stop - part.start for part in box], code, np.uint8)
    loop.post(partial(teaching_requests.paint, box=box, codes=codes, confirmed=False))


@given(
    st.tuples(st.integers(1, 700), st.integers(1, 900)),
    st.sampled_from([1, 2, 4]),
    st.data(),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_cells_cover_the_view_once_and_the_stroke_first(shape, factor, data):
    cells = DrawnCells((2, *shape), "ZYX")
    corner = [data.draw(st.integers(0, n - 1)) for n in shape]
    ends = [data.draw(st.integers(a + 1, n)) for a, n in zip(corner, shape, strict=True)]
    box = (slice(1, 2), *(slice(a, b) for a, b in zip(corner, ends, strict=True)))
    stroke = (slice(1, 2), *(slice(b - 1, b) for b in ends))
    look = VisibleRegion(box, (1.0, *map(float, corner)))
    covered = np.zeros((2, *shape), int)
    first = True
    while (cell := cells.next(look, stroke, 7, factor)) is not None:
        region = cells.box(cell, factor)
        if first:
            assert all(
                a.start < b.stop and b.start < a.stop for a, b in zip(region, stroke, strict=True)
            )
        first = False
        covered[region] += 1
        cells.note(cell, 7)
    assert (covered[box] == 1).all()
    assert covered.max() == 1
    assert not covered[0].any()
    assert cells.next(look, stroke, 8, factor) is not None


def test_strokes_become_tiles_and_then_it_rests(discs, small_tiles, spots):
    image, truth = discs
    loop = TeachingLoop(ImagePixels(image, "YX", {}), 2)
    loop.set_view(VisibleRegion((slice(0, 180), slice(0, 220)), (90.0, 110.0)))
    news = list(loop.work())
    assert (news[-1].message, news[-1].learning) == (READY, False)
    for box in spots(truth, 2, True):
        painted(loop, box, 2)
    for box in spots(truth, 2, False):
        painted(loop, box, 1)
    live = loop.work()
    news = []
    for one in live:
        news.append(one)
        if isinstance(one, TileDrawn):
            break
    drawn = news[-1]
    assert drawn.box == (slice(0, 180), slice(0, 220))
    assert set(np.unique(drawn.codes)) <= {1, 2}
    # a stroke that comes now is taken in before anything else
    loop.post(teaching_requests.undo_learning)
    after = next(live)
    assert isinstance(after, Refused)
    assert "no earlier state" in after.message
    rest = list(live)
    assert rest[-1].message == SETTLED
    assert not rest[-1].learning
    epochs = [one.epoch for one in rest if isinstance(one, Status)]
    assert epochs == sorted(epochs)
    last = [one for one in rest if isinstance(one, TileDrawn)][-1]
    assert last.epoch == loop.teacher.epoch
    labels, scores = loop.teacher.predict(last.box)
    np.testing.assert_array_equal(last.codes, labels + 1)
    np.testing.assert_array_equal(last.scores, scores)
    found = last.codes == 2
    assert (found & truth).sum() / (found | truth).sum() > 0.5
    assert [type(one) for one in loop.work()] == [Status, Status]  # nothing is left to do


def test_off_learns_only_when_asked(discs, small_tiles, spots):
    image, truth = discs
    loop = TeachingLoop(ImagePixels(image, "YX", {}), 2)
    loop.live = False
    painted(loop, spots(truth, 1, True)[0], 2)
    painted(loop, spots(truth, 1, False)[0], 1)
    list(loop.work())
    assert loop.teacher.shown is None
    loop.update_once()
    list(loop.work())
    assert loop.teacher.shown is not None
    epoch = loop.teacher.epoch
    list(loop.work())
    assert loop.teacher.epoch == epoch


def test_colours_and_lazy_images_are_taught_from_where_they_are_seen(discs, small_tiles, spots):
    image, truth = discs
    read = []

    def plane(block_info):
        read.append(block_info[None]["chunk-location"][0])
        return np.repeat(image[None, :, :, None], 3, axis=3)

    lazy = da.map_blocks(
        plane, chunks=((1,) * 40, (180,), (220,), (3,)), dtype=np.uint8, meta=np.empty(0, np.uint8)
    )
    loop = TeachingLoop(ImagePixels(lazy, "ZYXC", {}), 2)
    seen = VisibleRegion((slice(7, 8), slice(0, 180), slice(0, 220)), (7.0, 90.0, 110.0))
    list(loop.work())  # measures the contrast
    read.clear()
    for kind in (True, False):
        for box in spots(truth, 2, kind):
            painted(loop, (slice(7, 8), *box), 1 + kind)
    loop.set_view(seen)
    drawn = [one for one in loop.work() if isinstance(one, TileDrawn)][-1]
    assert drawn.codes.shape == (1, 180, 220)
    assert set(read) == {7}


def test_the_tile_of_the_last_stroke_is_drawn_first(discs, small_tiles, spots):
    image, truth = (np.tile(part, (3, 3)) for part in discs)  # 540 x 660: several tiles
    loop = TeachingLoop(ImagePixels(image, "YX", {}), 2)
    loop.set_view(VisibleRegion((slice(10, 600), slice(20, 690)), (590.0, 30.0)))
    for box in (spots(truth, 1, False)[0], spots(truth, 1, True)[0]):
        painted(loop, box, 1 + int(truth[box].all()))
    live = loop.work()
    tiles = []
    while len(tiles) < 2:
        tiles += [one for one in [next(live)] if isinstance(one, TileDrawn)]
    first, second = (one.box for one in tiles)
    assert all(a.start < b.stop and b.start < a.stop for a, b in zip(first, box, strict=True))
    if first == second:  # a newer preview came before the rest was drawn
        assert tiles[0].epoch < tiles[1].epoch


def test_the_seed_decides_what_is_learned(discs, small_tiles, spots):
    image, truth = discs
    scores = []
    for seed in (0, 0, 1):
        loop = TeachingLoop(ImagePixels(image, "YX", {}), 2, seed)
        loop.set_view(VisibleRegion((slice(0, 180), slice(0, 220)), (90.0, 110.0)))
        for kind in (True, False):
            painted(loop, spots(truth, 1, kind)[0], 1 + kind)
        scores.append(next(one for one in loop.work() if isinstance(one, TileDrawn)).scores)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_it_is_idle_some_seconds_after_the_last_stroke_or_look(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(teaching_loop.time, "monotonic", lambda: now[0])
    loop = TeachingLoop(ImagePixels(np.zeros((40, 50)), "YX", {}), 2)
    for ask in (
        lambda: loop.stroke_came(around((9, 9))) or loop.post(teaching_requests.undo_learning),
        lambda: loop.set_view(VisibleRegion(around((9, 9)), (9.0, 9.0))),
        loop.update_once,
    ):
        now[0] += LATELY + 1
        ask()
        assert not loop.idle()
        loop._requests.clear()
        loop._hasty = False
        now[0] += LATELY - 0.1
        assert not loop.idle()
        now[0] += 0.2
        assert loop.idle()
    loop.set_view(VisibleRegion(around((9, 9)), (9.0, 9.0)))  # the same as before
    assert loop.idle()
