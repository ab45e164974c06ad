"""The simulated person of benchmarks/annotator.py: hand, strokes, errors mended, seconds kept."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.append(str(FOLDER))

from annotating import curves, learners, mouse, person, pictures, session, strokes  # noqa: E402
from annotating.teacher import TaughtNetwork  # noqa: E402


@pytest.fixture
def picture():
    rows, columns = np.mgrid[:128, :128]
    objects = (rows - 40) ** 2 + (columns - 40) ** 2 < 20**2
    objects |= (abs(rows - 100) < 4) & (columns > 20)
    image = np.where(objects, 200, 50) + np.random.default_rng(0).normal(0, 5, objects.shape)
    return pictures.Picture("two objects", image.astype(np.float32), objects, "YX")


class Stubborn:
    """Shows the same preview again and again, and takes as long as it is told to."""

    def __init__(self, objects: np.ndarray, score: float = 1.0, takes: float = 0.1) -> None:
        scores = np.where(objects, score, 1 - score).astype(np.float32)
        self.shown, self.takes, self.spent, self.given = (
            learners.Preview(objects, scores), takes, 0.0, [],
        )  # fmt: skip

    def paint(self, stroke):
        pass

    def work(self, seconds):
        self.given.append(seconds)
        self.spent += self.takes
        yield self.shown


def test_the_hand_takes_the_seconds_its_speed_says():
    hand = mouse.Mouse((512, 256))  # shown at twice its size, the hand in the middle
    assert hand.travel(np.array([256.0, 228.0])) == pytest.approx(0.2 + 100 * 2 / 800)
    reported, seconds = hand.paint(np.array([[10.0, 10.0], [10.0, 60.0], [60.0, 60.0]]))
    assert seconds == pytest.approx(100 * 2 / 400, abs=1 / 120)
    assert len(reported) == seconds * 120 + 1
    assert np.linalg.norm(np.diff(reported, axis=0), axis=1).max() <= 400 / 120 / 2 + 1e-9
    np.testing.assert_array_equal(hand.place, [60, 60])
    assert hand.paint(np.array([[5.0, 5.0]]))[1] == mouse.CLICK


def test_nobody_paints_within_two_pixels_of_an_outline_unless_it_is_thinner(picture):
    clear = strokes.clear_zone(picture.objects)
    depth = distance_transform_edt(picture.objects)
    assert not (clear & ~picture.objects).any()
    assert clear[depth > 2].all()
    net = np.zeros((40, 60), bool)
    net[19:22, 5:55] = True
    thin = strokes.clear_zone(net)
    assert thin[20, 10:50].all()
    assert not thin[[19, 21]].any()


def test_a_path_follows_a_bent_region_and_ends_in_time():
    region = np.zeros((60, 60), bool)
    region[10:15, 5:50] = True
    region[10:55, 45:50] = True
    path = strokes.path_through(region, (12, 30), 1000.0)
    assert region[tuple(path.astype(int).T)].all()
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() > 70  # of 45 + 45 along the middle
    short = strokes.path_through(region, (12, 30), 20.0)
    assert 15 < np.linalg.norm(np.diff(short, axis=0), axis=1).sum() <= 20


def test_strokes_are_true_and_begin_with_both_classes(picture):
    someone = person.Person(picture, 0)
    made = [someone.stroke(None) for _ in range(6)]
    assert [s.label for s in made] == [2, 1] * 3
    for stroke in made:
        assert stroke.painted.any()
        assert (picture.objects[stroke.box][stroke.painted] == (stroke.label == 2)).all()
        assert (stroke.labels[stroke.painted] == stroke.label).all()
        assert stroke.share(picture.objects) == 1
        assert stroke.share(~picture.objects) == 0
        assert 0.2 < stroke.seconds < 0.2 + 1.5 + 1.1
        assert not stroke.corrects


def test_the_largest_clear_error_is_mended_once_the_preview_is_clear(picture):
    shown = picture.objects.copy()
    shown[98:, :] = False  # most of the bar is missed
    shown[60:70, 60:70] = True  # and this is none
    doubtful, clear = (Stubborn(shown, score).shown for score in (0.7, 0.9))
    someone = person.Person(picture, 0)
    assert not someone.stroke(doubtful).corrects
    stroke = someone.stroke(clear)
    assert stroke.corrects
    assert (stroke.label, stroke.share(shown)) == (2, 0)
    assert stroke.box[0].start >= 94
    following = [someone.stroke(clear) for _ in range(8)]
    assert 1 in {s.label for s in following if s}


def test_a_perfect_preview_leaves_nothing_to_mend(picture):
    assert person.Person(picture, 0).stroke(Stubborn(picture.objects).shown) is None
    blurred = distance_transform_edt(~picture.objects) <= 2  # an outline is a matter of taste
    assert person.Person(picture, 0).stroke(Stubborn(blurred).shown) is None


def test_the_same_seed_makes_the_same_session(picture):
    runs = [
        session.Simulation(picture, learners.Threshold(picture, 0), seed).run(10) for seed in (1, 1)
    ]
    assert runs[0].curve == runs[1].curve
    assert [t for t, _ in runs[0].strokes] == [t for t, _ in runs[1].strokes]
    assert runs[0].curve[-1][1] > 0.95
    again = session.replay(picture, learners.Threshold(picture, 0), runs[0].strokes, [5.0, 12.0])
    assert again.curve[-1][1] == runs[0].curve[-1][1]


def test_what_takes_too_long_is_shown_later_and_taken_from_what_follows(picture):
    slow = Stubborn(np.zeros_like(picture.objects), takes=3.0)
    found = session.Simulation(picture, slow, 0).run(12)
    assert [when for when, _ in found.curve][:3] == pytest.approx([3.0, 6.0, 9.0])
    assert slow.spent <= found.seconds + 3
    assert found.latest > 1
    assert all(0 < given < 3 for given in slow.given)


def test_shares_dips_and_first_preview_are_counted(picture):
    found = session.Session(curve=[(1.0, 0.5), (2.0, 0.8), (3.0, 0.7), (4.0, 0.9)])
    assert found.dip == pytest.approx(0.1)
    nothing = session.Simulation(picture, Stubborn(np.zeros_like(picture.objects)), 0).run(8)
    assert set(nothing.obeyed) == {0.0}
    assert nothing.mends_from == nothing.strokes[1][0]  # a clear preview, if of nothing
    assert nothing.foreseen[:3] == [0.0] * 3
    half = picture.objects & (np.arange(128) < 60)
    assert session.iou(half, picture.objects) == pytest.approx(half.sum() / picture.objects.sum())


def test_a_stroke_is_judged_soon_and_once_more_when_it_should_be_drawn(picture):
    simulation = session.Simulation(picture, Stubborn(picture.objects), 0)
    simulation.preview = Stubborn(np.zeros_like(picture.objects)).shown
    stroke = simulation.person.stroke(simulation.preview)
    assert stroke.corrects
    simulation._paint(stroke)
    simulation._show(0.8, Stubborn(picture.objects).shown)
    simulation._judge(1.6)
    assert (simulation.session.obeyed, simulation.session.drawn) == ([0.0], [1.0])


def test_the_table_says_who_is_ahead():
    def row(learner, user, early, late):
        keys = (
            "strokes", "mends_from_s", "first_preview_cpu_s", "foreseen", "obeyed",
            "drawn", "dip", "cpu_s", "latest_cpu_s",
        )  # fmt: skip
        about = {"image": "set 1", "learner": learner, "user": user, "instances": True}
        about["seconds"] = 30.0 if user == "forest" else 121.0
        return {**about, **dict.fromkeys(keys, 0.25), "curve": [[5.0, early], [40.0, late]]}

    same, own = row("forest", "teacher", 0.8, 0.85), row("forest", "forest", 0.72, 0.99)
    text = curves.table([row("teacher", "teacher", 0.7, 0.9), same, own])
    early = "0.700 / 0.800 / 0.720 / "
    assert f"| set 1 | {early} | {early} | 0.900 / 0.850 /  /  |" in text
    assert "own errors: at 10 s -0.020 in the mean, more than 0.03 behind on 0 of 1 pict" in text
    assert "at 10 s -0.100 in the mean, more than 0.03 behind on 1 of 1 pictures (aim: n" in text
    assert "ahead on 1 of 1" in text
    assert "instance sets: 0.900 (aim: 0.85); set 0.900" in text


def test_the_loop_of_the_dock_is_what_is_measured(picture):
    learner, someone = TaughtNetwork(picture, 0), person.Person(picture, 0)
    assert list(learner.work(1.0)) == []
    assert learner.spent == 0  # nobody painted: it rests
    for _ in range(4):
        learner.paint(someone.stroke(None))
    previews = list(learner.work(12.0))
    assert learner.spent > 0
    assert learner.loop.teacher.shown is not None
    assert len(learner.loop.teacher.strokes) == 4
    assert previews[-1].objects.shape == previews[-1].scores.shape == picture.shape
    assert not any(np.isnan(one.scores).any() for one in previews)
    assert session.iou(previews[-1].objects, picture.objects) > 0.4
    labels, scores = learner.loop.teacher.predict(tuple(slice(0, n) for n in picture.shape))
    assert labels.shape == scores[1].shape
