"""The stopwatch of the benchmarks."""

import importlib.util
import itertools
import time
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "race.py"


@pytest.fixture
def race(monkeypatch):
    spec = importlib.util.spec_from_file_location("race", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_wait_for_quiet", lambda: None)
    monkeypatch.setattr(module, "SHORTEST_S", 0.0)
    monkeypatch.setattr(module, "TRIES", 1)
    return module


def test_rounds_take_turns_after_one_warm_up(race):
    calls = []
    rows = race.race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)
    assert calls == ["a", "b"] * 3
    assert [(row.name, row.rounds) for row in rows] == [("a", 2), ("b", 2)]


class Clock:
    """Stands still but when somebody sleeps."""

    def __init__(self):
        self.now, self.process_time = 0.0, time.process_time

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(race, monkeypatch):
    made = Clock()
    monkeypatch.setattr(race, "time", made)
    return made


def test_times_and_ratios(race, clock):
    ours = itertools.cycle([0.02, 0.01, 0.04])  # the first one is the warm-up's
    calls = {"ours": lambda: clock.sleep(next(ours)), "peer": lambda: clock.sleep(0.05)}
    rows = race.race(calls, 3)
    assert (rows[0].low_s, rows[0].median_s, rows[0].high_s) == pytest.approx((0.01, 0.02, 0.04))
    assert rows[1].median_s == pytest.approx(0.05)
    lines = race.table(rows, "ours").splitlines()
    assert lines[2].endswith("| 3 | 1.00 |")
    assert float(lines[3].split("|")[-2]) == round(rows[1].median_s / rows[0].median_s, 2)


def test_an_absent_peer_is_a_row_not_an_error(race):
    rows = race.race({"ours": int, "peer": lambda: race.peer("no_such_peer")}, 1)
    assert rows[1].absent == "No module named 'no_such_peer'"
    assert "| peer | absent: No module named 'no_such_peer' |" in race.table(rows, "ours")


def test_a_slow_contender_gets_fewer_rounds(race, clock):
    assert race.race({"slow": lambda: clock.sleep(0.25)}, 9, longest_s=0.5)[0].rounds == 2


def test_record_replaces_one_section(race, monkeypatch, tmp_path):
    file = tmp_path / "benchmarks.md"
    file.write_text("top\n<!-- a -->\nold\n<!-- /a -->\n<!-- b -->\n<!-- /b -->\n")
    monkeypatch.setattr(race, "RESULTS", file)
    race.record("a", "one")
    race.record("a", r"two \1")
    text = file.read_text()
    assert text.startswith("top\n<!-- a -->\ntwo \\1\n\nMeasured ")
    assert text.endswith("<!-- /a -->\n<!-- b -->\n<!-- /b -->\n")
    assert "one" not in text
    with pytest.raises(ValueError, match="<!-- c -->"):
        race.record("c", "three")
