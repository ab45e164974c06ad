"""Plan: what a segmentation will take, told before it starts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What a segmentation will take; ``str`` says it in one line."""

    tiles: int
    edges: tuple[int, ...]  # of the input of a full tile, in pixels of the network
    seconds: float
    memory: int  # bytes of one tile while it is computed
    precision: str
    versions: int  # averaged over

    def __str__(self) -> str:
        tiles = f"{self.tiles} tile{'s' * (self.tiles != 1)} of {times(self.edges)} px"
        average = f", each scored {self.versions} times" if self.versions > 1 else ""
        return (
            f"{tiles}{average}, about {duration(self.seconds)} "
            f"in {self.memory / 2**30:.2g} GiB, {self.precision}"
        )


def times(edges: tuple[int, ...]) -> str:
    """Write edges as people do: 572 × 572."""
    return " × ".join(map(str, edges))


def duration(seconds: float) -> str:
    """Write a time with as much detail as an estimate deserves."""
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
