"""Words for people: numbers, shares, lists, times and amounts as they stand in sentences."""

from collections.abc import Iterable, Sequence

EXAMPLES = 3  # a sentence names at most so many


def number(value: int) -> str:
    """Write 31030658 as 31 030 658."""
    return f"{value:,}".replace(",", " ")


def count(value: int, noun: str) -> str:
    """Write '1 pixel' or '12 pixels'."""
    plural = noun if value == 1 else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number(value)} {plural}"


def share(part: int, whole: int) -> str:
    """Write a percentage; one that is not 0 or 100 never looks so."""
    percent = 100.0 * part / whole
    if percent < 0.01:
        return "less than 0.01 %" if part else "0 %"
    if percent > 99.9:
        return "more than 99.9 %" if part < whole else "100 %"
    return f"{percent:.3g} %"


def size(shape: Sequence[int]) -> str:
    """Write a shape as '512 × 600'."""
    return " × ".join(map(str, shape)) or "a single number"


def listed(parts: Sequence[str], last: str = "and", total: int | None = None) -> str:
    """Write 'a, b and c'; of many (``total``, when not all are given) the first few."""
    total = total or len(parts)
    shown = list(parts)
    if total > EXAMPLES + 1:
        shown = [*shown[:EXAMPLES], f"{number(total - EXAMPLES)} more"]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def ranges(numbers: Iterable[int]) -> list[str]:
    """Write ascending numbers as ranges: '2', '4–7'."""
    runs: list[list[int]] = []
    for item in numbers:
        if runs and item == runs[-1][1] + 1:
            runs[-1][1] = item
        else:
            runs.append([item, item])
    return [f"{low}" if low == high else f"{low}–{high}" for low, high in runs]


def duration(seconds: float) -> str:
    """Return '9 s', '4 min' or '2 h 10 min'."""
    if seconds < 0.95:
        return "less than 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def memory(size: int) -> str:
    """Return '850 MB' or '1.1 GB'."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 1):.0f} MB"


def count_thin(number: int, noun: str) -> str:
    """Return '1 tile' or '1 450 tiles'."""
    return f"{number:,} {noun}{'s' * (number != 1)}".replace(",", "\u202f")
