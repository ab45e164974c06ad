"""Every threshold at which a word changes: a changed one turns a row of these tables red."""

from datetime import datetime, timedelta

import pytest

from napari_unet.core import text

NO_BREAK = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (999, "999"), (1000, "1 000"), (31030658, "31 030 658"), (-1000, "-1 000")],
)
def test_number(value: int, written: str) -> None:
    assert text.number(value) == written.replace(" ", NO_BREAK)


def test_the_space_between_thousands_can_be_shown_by_every_console_of_windows() -> None:
    for code_page in ("cp437", "cp850", "cp1252", "latin-1"):
        text.number(10**6).encode(code_page)


@pytest.mark.parametrize(
    ("value", "noun", "written"),
    [
        (0, "tile", "0 tiles"),
        (1, "tile", "1 tile"),
        (2, "class", "2 classes"),
        (1, "class", "1 class"),
    ],
)
def test_count(value: int, noun: str, written: str) -> None:
    assert text.count(value, noun) == written


def test_count_groups_its_thousands() -> None:
    assert text.count(12345, "pixel") == f"12{NO_BREAK}345 pixels"


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (0, 10, "0 %"),
        (99, 10**6, "less than 0.01 %"),
        (100, 10**6, "0.01 %"),
        (12345, 10**5, "12.3 %"),
        (999, 1000, "99.9 %"),
        (9991, 10000, "more than 99.9 %"),
        (10**6 - 1, 10**6, "more than 99.9 %"),
        (7, 7, "100 %"),
    ],
)
def test_share(part: int, whole: int, written: str) -> None:
    assert text.share(part, whole) == written


@pytest.mark.parametrize(
    ("shape", "written"), [((), "a single number"), ((5,), "5"), ((2, 512, 600), "2 × 512 × 600")]
)
def test_size(shape: tuple[int, ...], written: str) -> None:
    assert text.size(shape) == written


@pytest.mark.parametrize(
    ("parts", "total", "written"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "b"], None, "a and b"),
        (["a", "b", "c", "d"], None, "a, b, c and d"),
        (["a", "b", "c", "d", "e"], None, "a, b, c and 2 more"),
        (["a", "b", "c"], 1003, f"a, b, c and 1{NO_BREAK}000 more"),
    ],
)
def test_listed(parts: list[str], total: int | None, written: str) -> None:
    assert text.listed(parts, total=total) == written


def test_the_last_of_a_list_may_be_joined_by_another_word() -> None:
    assert text.listed(["a", "b"], "or") == "a or b"
    assert text.listed(list("abcde"), "or") == "a, b, c or 2 more"


@pytest.mark.parametrize(
    ("numbers", "written"),
    [([], []), ([2], ["2"]), ([2, 4, 5, 7, 8, 9], ["2", "4–5", "7–9"])],
)
def test_ranges(numbers: list[int], written: list[str]) -> None:
    assert text.ranges(numbers) == written


@pytest.mark.parametrize(
    ("amount", "written", "at_least"),
    [
        (0, "0 bytes", "0 bytes"),
        (1, "1 byte", "1 byte"),
        (999, "999 bytes", "999 bytes"),
        (1000, "1.0 kB", "1.0 kB"),
        (9_949, "9.9 kB", "10.0 kB"),
        (10_000, "10 kB", "10 kB"),
        (999_400, "999 kB", "1000 kB"),
        (1_000_000, "1.0 MB", "1.0 MB"),
        (1_240_000, "1.2 MB", "1.3 MB"),
        (9_940_000, "9.9 MB", "10.0 MB"),
        (10_000_000, "10 MB", "10 MB"),
        (850_300_000, "850 MB", "851 MB"),
        (999_999_999, "1000 MB", "1000 MB"),
        (1_000_000_000, "1.0 GB", "1.0 GB"),
        (1_140_000_000, "1.1 GB", "1.2 GB"),
        (12_300_000_000, "12.3 GB", "12.3 GB"),
        (127_640_000_000, "127.6 GB", "127.7 GB"),
        (999_900_000_000, "999.9 GB", "999.9 GB"),
        (1_000_000_000_000, "1.0 TB", "1.0 TB"),
        (8e12, "8.0 TB", "8.0 TB"),
    ],
)
def test_memory(amount: float, written: str, at_least: str) -> None:
    assert text.memory(amount) == written
    assert text.memory(amount, least=True) == at_least


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "less than 1 s"),
        (0.949, "less than 1 s"),
        (0.95, "1 s"),
        (1.4, "1 s"),
        (9.4, "9 s"),
        (59.9, "60 s"),
        (99.9, "100 s"),
        (100, "2 min"),
        (89 * 60, "89 min"),
        (99.4 * 60, "99 min"),
        (99.6 * 60, "1 h 40 min"),
        (119.6 * 60, "2 h"),
        (130 * 60, "2 h 10 min"),
        (30 * 3600, "30 h"),
    ],
)
def test_duration(seconds: float, written: str) -> None:
    assert text.duration(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0004, "0.4 ms"),
        (0.00994, "9.9 ms"),
        (0.00995, "10 ms"),
        (0.035, "35 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1.0 s"),
        (1.44, "1.4 s"),
        (9.94, "9.9 s"),
        (9.95, "10 s"),
        (42.4, "42 s"),
        (600, "10 min"),
    ],
)
def test_short_duration(seconds: float, written: str) -> None:
    assert text.short_duration(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "just now"),
        (59.9, "just now"),
        (60, "1 min ago"),
        (119, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "11:00"),
        (86_399, "12:00"),
        (86_400, "01 Mar"),
    ],
)
def test_ago(seconds: float, written: str) -> None:
    now = datetime(2026, 3, 2, 12, 0, 0)
    assert text.ago(now - timedelta(seconds=seconds), now) == written


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of a clock that stands until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(text.time, "monotonic", lambda: now[0])
    return now


def test_time_left_is_known_after_the_first_part(clock: list[float]) -> None:
    work = text.ProgressClock()
    assert work.time_left(0.2) == ""
    clock[0] += 10
    assert work.time_left(0.2) == "", "nothing was done meanwhile"
    assert work.time_left(0.4) == "30 s left", "60 % are left and 20 % took 10 s"
    assert work.time_left(1.0) == ""


def test_a_rest_is_not_counted_as_work(clock: list[float]) -> None:
    work = text.ProgressClock()
    work.time_left(0.0)
    clock[0] += 10
    assert work.time_left(0.5) == "10 s left"
    work.restart()
    clock[0] += 1000
    assert work.time_left(0.5) == ""
    clock[0] += 1
    assert work.time_left(0.75) == "1 s left"
