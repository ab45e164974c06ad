"""The compute thread: who goes first, what a stop leaves behind, and that nobody is left over."""

import threading
import time

import pytest

from napari_unet.workflows.scheduler import BACKLOG, Compute, ScheduledJob, Urgency

LONG = 60.0  # seconds; a busy machine


class Office:
    """A compute thread whose values and ends are written down."""

    def __init__(self, prepare=lambda: None):
        self.seen = []
        self.ended = []
        self.seconds = 0.0  # on its clock; only ``costing`` moves it
        self.compute = Compute(self._yielded, self.ended.append, prepare, lambda: self.seconds)

    def costing(self, name, seconds, count):
        """Return work whose steps take so long each."""

        def make():
            for _ in range(count):
                self.seconds += seconds
                yield name

        return make

    def _yielded(self, work):
        self.seen += work.take()

    def start(self, make, urgency=Urgency.TRAINING, **more):
        work = ScheduledJob(make, urgency, **more)
        self.compute.submit(work)
        return work

    def wait(self, *works):
        assert self.compute.wait(works, LONG), "the work has not ended"

    def pass_by(self):
        """Wait until work that is no more urgent than any other was done: what rests is at rest."""
        self.wait(self.start(lambda: None))


@pytest.fixture
def office():
    made = Office()
    yield made
    assert made.compute.shut_down(LONG)
    assert not made.compute.alive


def counting(name, count, gate=None):
    def make():
        if gate is not None:
            gate.wait(LONG)
        for number in range(count):
            yield f"{name}{number}"
        return name

    return make


def test_a_generator_yields_and_returns(office):
    work = office.start(counting("a", 3))
    office.wait(work)
    assert work.outcome.value == "a"
    assert office.seen == ["a0", "a1", "a2"]
    assert not work.outcome.stopped


def test_a_plain_function_is_work_too(office):
    work = office.start(lambda: 7)
    office.wait(work)
    assert work.outcome.value == 7


@pytest.fixture
def held(office):
    """Hold the thread inside a preview until all have asked."""
    inside, gate = threading.Event(), threading.Event()

    def first():
        inside.set()
        gate.wait(LONG)
        yield "first"

    work = office.start(first, Urgency.PREVIEW)
    assert inside.wait(LONG)

    def let_go(*works):
        gate.set()
        office.wait(work, *works)
        assert office.seen.pop(0) == "first"
        return office.seen

    return let_go


def test_previews_and_tiles_of_the_view_go_first(office, held):
    asking = (Urgency.SEGMENTATION, Urgency.VIEW, Urgency.TEACHING, Urgency.PREVIEW)
    seen = held(*[office.start(counting(urgency.name, 2), urgency) for urgency in asking])
    assert seen[:4] == ["PREVIEW0", "PREVIEW1", "VIEW0", "VIEW1"]


def test_each_kind_of_work_gets_a_third_of_the_time(office, held):
    """Whatever a step takes: 0.2 s of teaching, 0.7 s of a tile, 1.5 s of a training."""
    costs = {Urgency.TEACHING: 0.2, Urgency.SEGMENTATION: 0.7, Urgency.TRAINING: 1.5}
    works = [
        office.start(office.costing(kind.name, cost, round(30 / cost)), kind)
        for kind, cost in costs.items()
    ]
    spent = dict.fromkeys(costs, 0.0)
    for name in held(*works):
        spent[Urgency[name]] += costs[Urgency[name]]
        if sum(spent.values()) > 60:
            break
    assert all(seconds == pytest.approx(20, abs=1.6) for seconds in spent.values()), spent


def test_who_was_away_or_idle_makes_up_for_nothing(office, held):
    """A training that ran alone for long does not stand still when somebody paints."""
    idle = [True]
    teaching = office.start(office.costing("t", 1.0, 40), Urgency.TEACHING, idle=lambda: idle[0])

    def training():
        for number in range(60):
            if number == 30:
                idle[0] = False
            office.seconds += 1.0
            yield "T"

    seen = held(teaching, office.start(training, Urgency.TRAINING))
    assert seen[:30] == ["T"] * 30
    later = seen[30:]
    turns = "".join(later)[:40]
    assert turns.count("t") == pytest.approx(20, abs=1)
    assert "ttt" not in turns


def test_a_kind_that_had_the_thread_to_itself_does_not_pay_for_it_later(office, held):
    """A training ran for long when nothing else was there; the next one gets its half at once."""
    office.compute._used[Urgency.TRAINING] = 1000.0
    works = [
        office.start(office.costing(name, 1.0, 10), kind)
        for name, kind in (("t", Urgency.TEACHING), ("T", Urgency.TRAINING))
    ]
    assert "".join(held(*works))[:10].count("T") == 5


def test_work_that_nobody_waits_for_comes_last(office, held):
    teaching = office.start(counting("teach", 3), Urgency.TEACHING, idle=lambda: True)
    training = office.start(counting("train", 3), Urgency.TRAINING)
    seen = held(teaching, training)
    assert seen == ["train0", "train1", "train2", "teach0", "teach1", "teach2"]


def test_of_equals_the_first_is_finished_first(office):
    gate = threading.Event()
    works = [office.start(counting("a", 2, gate)), office.start(counting("b", 2))]
    gate.set()
    office.wait(*works)
    assert office.seen == ["a0", "a1", "b0", "b1"]


def test_a_stop_closes_the_generator_in_the_compute_thread(office):
    closed_in = []

    def make():
        try:
            while True:
                time.sleep(0.005)
                yield 1
        finally:
            closed_in.append(threading.current_thread().name)

    work = office.start(make)
    while not office.seen:
        time.sleep(0.005)
    work.stopping = True
    office.compute.wake()
    office.wait(work)
    assert work.outcome.stopped
    assert closed_in == ["napari-unet"]


def test_a_pause_rests_and_a_stop_ends_it(office):
    work = office.start(counting("a", 10**9))
    while not office.seen:
        time.sleep(0.002)
    work.paused = True
    office.pass_by()  # a resting job holds nobody up
    before = len(office.seen)
    time.sleep(0.05)
    office.pass_by()
    assert len(office.seen) == before
    work.paused = False
    office.compute.wake()
    while len(office.seen) < before + 5:
        time.sleep(0.002)
    work.paused = work.stopping = True
    office.compute.wake()
    office.wait(work)
    assert work.outcome.stopped


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory"), ValueError("x"), KeyError(3)]
)
def test_every_error_is_an_outcome_and_keeps_no_frame(office, error):
    def make():
        yield 1
        raise error

    work = office.start(make)
    office.wait(work)
    assert work.outcome.error is error
    assert error.__traceback__ is None
    assert "in make" in work.outcome.details
    office.wait(office.start(lambda: 1))  # the thread lives on


def test_an_error_in_finally_is_not_lost(office):
    def make():
        try:
            while True:
                yield 1
        finally:
            raise OSError("the disk is full")

    work = office.start(make)
    while not office.seen:
        time.sleep(0.002)
    work.stopping = True
    office.compute.wake()
    office.wait(work)
    assert "disk is full" in str(work.outcome.error)


def test_preparing_happens_once_in_the_thread_and_may_fail():
    calls = []

    def prepare():
        calls.append(threading.current_thread().name)
        if len(calls) == 1:
            raise ImportError("libtorch is missing")

    office = Office(prepare)
    first, second, third = (office.start(lambda: 1) for _ in range(3))
    office.wait(first, second, third)
    assert "libtorch" in str(first.outcome.error)
    assert second.outcome.value == third.outcome.value == 1
    assert calls == ["napari-unet"] * 2
    assert office.compute.shut_down(LONG)


def test_shutting_down_stops_all_and_a_new_thread_waits_for_the_old():
    office = Office()
    inside, gate, running = threading.Event(), threading.Event(), []

    def stuck():
        running.append(threading.current_thread().ident)
        inside.set()
        gate.wait(LONG)
        yield 1

    work = office.start(stuck)
    assert inside.wait(LONG)
    assert not office.compute.shut_down(0.1)  # it is inside a step
    later = office.start(lambda: running.append(threading.active_count()))
    time.sleep(0.05)
    assert later.outcome is None, "two threads compute at a time"
    gate.set()
    office.wait(work, later)
    assert work.outcome.stopped
    assert office.compute.shut_down(LONG)
    assert not office.compute.alive


def test_a_backlog_rests_until_it_is_taken():
    compute = Compute(lambda work: None, lambda work: None, lambda: None)
    work = ScheduledJob(counting("a", 10**6), Urgency.TRAINING)
    compute.submit(work)
    for _ in range(2):
        later = ScheduledJob(lambda: None, Urgency.TRAINING)  # its turn comes when the other rests
        compute.submit(later)
        assert compute.wait([later], LONG)
        assert len(work.yielded) == BACKLOG
        work.take()
        compute.wake()
    assert compute.shut_down(LONG)
