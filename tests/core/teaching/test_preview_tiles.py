import numpy as np


def test_tiles_cover_the_view_once_the_last_stroke_first(tools):
    from napari_unet import Teacher

    image, truth = tools.discs(0, (600, 700), count=60)
    teacher = Teacher(image)
    teacher.paint(*tools.stroke(truth, 0, 0))
    box, codes = tools.stroke(truth, 1, 1)
    teacher.paint(box, codes)
    list(teacher.learn(steps=20))
    view = (slice(10, 600), slice(20, 690))
    cursor = (590.0, 30.0)
    tiles = list(teacher.tiles(view, cursor))
    count = np.zeros(image.shape, int)
    for tile in tiles:
        count[tile.box] += 1
    assert (count[view] == 1).all()
    assert count.sum() == count[view].sum()
    first, second = tiles[0].box, tiles[1].box
    assert all(a.start < b.stop and b.start < a.stop for a, b in zip(first, box, strict=True))
    meets = [
        all(a.start < b.stop and b.start < a.stop for a, b in zip(t.box, box, strict=True))
        for t in tiles
    ]
    assert meets == sorted(meets, reverse=True)
    nearest = tiles[meets.count(True)].box
    assert all(p.start <= at < p.stop for p, at in zip(nearest, cursor, strict=True)), second
    labels, _scores = teacher.predict(view)
    shown = np.zeros(image.shape, np.uint8)
    for tile in tiles:
        shown[tile.box] = tile.labels
        assert tile.epoch == teacher.epoch
        assert tile.scores.shape == (2, *tile.labels.shape)
    np.testing.assert_array_equal(shown[box], codes - 1)  # strokes show as they were painted
    painted = np.zeros(image.shape, bool)
    for stroke in teacher.strokes:
        painted[tuple(stroke.pixels.T)] = True
    same = (shown[view] == labels) | painted[view]
    assert same.mean() > 0.999


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
