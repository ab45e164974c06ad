"""Words: times and amounts as people say them."""


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


def count(number: int, noun: str) -> str:
    """Return '1 tile' or '1 450 tiles'."""
    return f"{number:,} {noun}{'s' * (number != 1)}".replace(",", "\u202f")
