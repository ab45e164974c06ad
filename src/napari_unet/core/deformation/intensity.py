"""Gray curves: random rising curves that change brightness, contrast and gamma of a tile."""

from dataclasses import dataclass

import numpy as np

from napari_unet.core.runtime.jit import jit

_OFFSET = 0.25  # largest change of black and of white at strength 1
_SLOPES = 5  # a curve is drawn as its slopes at 0, 1/4, … 1


@dataclass(frozen=True)
class GrayCurve:
    """A curve that always rises: from ``black`` at 0 to ``white`` at 1, and straight on beyond.

    ``slopes`` are relative steepnesses at equally spaced gray values from 0 to 1, with straight
    lines between them: the curve itself has no corner.
    """

    black: float = 0.0
    white: float = 1.0
    slopes: tuple[float, ...] = (1.0,) * _SLOPES

    def __post_init__(self) -> None:
        if not self.white > self.black:
            raise ValueError(
                f"white is {self.white:g} and black is {self.black:g}: white must be above black"
            )
        if len(self.slopes) < 2 or not min(self.slopes) > 0:
            raise ValueError(f"slopes are {self.slopes}: at least two, all above 0, are needed")

    @classmethod
    def draw(cls, rng: np.random.Generator, gray: float) -> "GrayCurve":
        """Draw a curve; at strength 0.2 black and white move by ± 0.05, slopes by a factor 1.2."""
        turn = rng.uniform(-1.0, 1.0, 2 + _SLOPES)
        black, white = np.round([0.0, 1.0] + _OFFSET * gray * turn[:2], 6)  # alike everywhere
        slopes = np.round((1.0 + gray) ** turn[2:], 6)
        return cls(float(black), float(white), tuple(slopes.tolist()))

    @property
    def straight(self) -> bool:
        """Whether the curve changes nothing."""
        return (self.black, self.white) == (0.0, 1.0) and len(set(self.slopes)) == 1

    def apply(self, tile: np.ndarray) -> np.ndarray:
        """Return the changed gray values of a normalised tile, float32."""
        gray = np.array(tile, np.float32, order="C")
        if not self.straight:
            _bend(gray.reshape(-1), self.pieces().astype(np.float32))
        return gray

    def pieces(self) -> np.ndarray:
        """Return (pieces, 3): value, slope and half the bend at the start of each equal piece.

        A first and a last piece are the straight lines below 0 and above 1.
        """
        steep = np.asarray(self.slopes)
        steep = steep * (self.white - self.black) / ((steep[:-1] + steep[1:]) / 2).mean()
        count = len(steep) - 1
        rise = np.cumsum((steep[:-1] + steep[1:]) / (2 * count))
        starts = self.black + np.concatenate([[0.0], rise])
        bend = np.append(np.diff(steep) * count / 2, 0.0)
        inner = np.stack([starts, steep, bend], axis=1)
        return np.concatenate([[[self.black, steep[0], 0.0]], inner])


@jit
def _bend(gray: np.ndarray, pieces: np.ndarray) -> None:
    """Replace (pixels,) gray values by those of the curve; NaN stays NaN."""
    count = len(pieces) - 2
    width = np.float32(1) / np.float32(count)
    for i in range(gray.size):
        past, piece = gray[i], 0
        if 0 <= past < 1:
            inner = min(int(past * count), count - 1)
            past, piece = past - width * np.float32(inner), inner + 1
        elif not past < 0:
            past, piece = past - np.float32(1), count + 1
        gray[i] = pieces[piece, 0] + past * (pieces[piece, 1] + past * pieces[piece, 2])
