"""Averaging: a tile scored as it is, mirrored and turned, and the scores turned back.

The paper averages over "7 rotated versions" without saying which; here ``mirror`` takes all
combinations of mirrored axes and ``rotate`` those with and without Y and X exchanged: all eight
dihedral versions in two dimensions, 16 (with those mirrored in Z) in three. Tiles have legal sizes,
which stay even down to the last pooling: a turned tile pools on the grid of the turned image, and
the average over tiles is the average over the whole padded image.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, combinations

import torch

AVERAGES = ("none", "mirror", "rotate")


@dataclass(frozen=True)
class Version:
    """One way to look at a tile (..., Y, X): mirrored along ``flips``, then turned if ``swap``."""

    flips: tuple[int, ...] = ()
    swap: bool = False

    def turn(self, tile: torch.Tensor) -> torch.Tensor:
        """Return the tile seen this way."""
        tile = tile.flip(self.flips) if self.flips else tile
        return tile.transpose(-1, -2) if self.swap else tile

    def turn_back(self, scores: torch.Tensor) -> torch.Tensor:
        """Undo ``turn`` exactly."""
        scores = scores.transpose(-1, -2) if self.swap else scores
        return scores.flip(self.flips) if self.flips else scores


def versions(average: str, dims: int) -> tuple[Version, ...]:
    """Return the versions that ``average`` asks for, the tile as it is first."""
    if average not in AVERAGES:
        raise ValueError(f"average is '{average}': choose one of {', '.join(AVERAGES)}")
    if average == "none":
        return (Version(),)
    axes = range(-dims, 0)
    flips = list(chain.from_iterable(combinations(axes, n) for n in range(dims + 1)))
    swaps = (False, True) if average == "rotate" else (False,)
    return tuple(Version(flip, swap) for swap in swaps for flip in flips)


def average_of(
    tile: torch.Tensor, ways: tuple[Version, ...], score: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of ``score`` over ``ways``, and its variance; (B, K, *output) both.

    One version after the other (Welford), so that memory does not grow with their number.
    """
    mean = ways[0].turn_back(score(ways[0].turn(tile)))
    squares = torch.zeros_like(mean)
    for number, way in enumerate(ways[1:], start=2):
        scores = way.turn_back(score(way.turn(tile)))
        difference = scores - mean
        mean = mean + difference / number
        squares += difference * (scores - mean)
    return mean, squares / len(ways)
