"""Deformation: one random change of a tile, drawn once and applied to image, labels and weights.

Everything random about a sample except its place is drawn here and kept, so that the preview shows
what the training gets. It includes random rising curves of gray values, which change brightness,
contrast and gamma.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.deformation import crop
from napari_unet.core.deformation.geometry import (
    Folding,
    Geometry,
    displacement,
    folding,
    matrix_of,
)
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


_SHIFT = 0.5  # pixels by which a tile is shifted at most: its place itself is a whole pixel


@dataclass(frozen=True, eq=False)
class Deformation:
    """How a tile of ``shape`` is cut out of an image: displaced, mirrored, turned, shifted.

    A pixel of the tile is first displaced, then mirrored and turned about the middle of the tile,
    then shifted; what lies there in the image, mirrored at its edges, is what the tile shows.
    """

    shape: tuple[int, ...]
    nodes: np.ndarray  # (dims, grid, …) displacement in pixels, from corner to corner of the tile
    angle: float  # degrees from the second last axis towards the last; volumes turn about z
    mirror: tuple[bool, ...]  # which axes of the tile are mirrored
    shift: tuple[float, ...]  # pixels
    curve: GrayCurve
    noise: float  # sd of the noise, in units of the normalised image
    noise_seed: int

    def __post_init__(self) -> None:
        shape = _check_shape(self.shape)
        nodes = np.array(self.nodes, np.float64, order="C")
        nodes.setflags(write=False)
        settled = {
            "shape": shape,
            "nodes": nodes,
            "mirror": tuple(bool(flag) for flag in self.mirror),
            "shift": tuple(float(pixels) for pixels in self.shift),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        _check_fields(self)

    @staticmethod
    def draw(
        rng: np.random.Generator,
        shape: Sequence[int],
        *,
        grid: int = 3,
        sd: float | Sequence[float] = 10.0,
        rotation: float = 180.0,
        mirror: bool = True,
        gray: float = 0.2,
        noise: float = 0.0,
    ) -> "Deformation":
        """Draw a deformation for tiles of ``shape``, the same one everywhere for one ``rng``.

        ``grid`` nodes along each axis are displaced by normal deviates of ``sd`` pixels (one
        number, or one an axis where pixels are not as long as wide); the tile is turned by up to
        ± ``rotation`` degrees, in a volume about z; each axis is mirrored in every other draw.
        ``gray`` is the strength of the gray curve, 0 to 1, ``noise`` the sd of the noise. One
        ``rng`` gives the same pattern at every strength: only its size follows the arguments.
        """
        _check_draw(rng, grid=grid, rotation=rotation, gray=gray, noise=noise)
        shape = _check_shape(shape)
        dims = len(shape)
        sds = _check_sd(sd, dims)
        turn = rng.uniform(-1.0, 1.0)
        flips = rng.random(dims) < 0.5
        shift = rng.uniform(-_SHIFT, _SHIFT, dims) * bool(sds.any() or rotation)
        curve = GrayCurve.draw(rng, gray)
        seed = int(rng.integers(2**63))
        nodes = rng.standard_normal((dims, *(grid,) * dims)) * sds.reshape(-1, *(1,) * dims)
        # rounded, so that a last digit cannot differ between machines
        nodes, shift, angle = np.round(nodes, 4), np.round(shift, 4), round(turn * rotation, 4)
        return Deformation(
            shape, nodes, angle, tuple(flips & mirror), tuple(shift), curve, noise, seed
        )

    @classmethod
    def identity(cls, shape: Sequence[int]) -> "Deformation":
        """Return the deformation that changes nothing: it cuts tiles as they are."""
        shape = _check_shape(shape)
        dims = len(shape)
        nodes = np.zeros((dims, *(2,) * dims))
        return cls(shape, nodes, 0.0, (False,) * dims, (0.0,) * dims, GrayCurve(), 0.0, 0)

    @cached_property
    def geometry(self) -> Geometry:
        """Where the pixels of the tile lie around its centre."""
        matrix = matrix_of(self.angle, self.mirror)
        return Geometry.of(self.nodes, self.shape, matrix, np.array(self.shift))

    @property
    def displacement(self) -> np.ndarray:
        """The displacement of every pixel before the tile is turned, (dims, *shape) pixels."""
        return displacement(self.nodes, self.shape)

    def coordinates(self, centre: ArrayLike) -> np.ndarray:
        """Return where each pixel of a tile lies in the image, (dims, *shape) pixels.

        ``centre`` is where the middle of the tile, (shape - 1) / 2, is put. Coordinates may lie
        beyond the edges of the image.
        """
        return self.geometry.places(crop.check_centre(centre, self.shape))

    def cut(self, source: Pixels, centre: ArrayLike, order: int = 1) -> np.ndarray:
        """Cut the tile around ``centre`` out of an image: (…, *shape) float32.

        ``source`` is anything that can be sliced, of any numeric type, its last axes those of the
        tile. Order 1 is linear, order 3 the cubic B-spline; beyond its edges it is mirrored.
        """
        return crop.cut(self.geometry, source, centre, order)

    def cut_labels(
        self, source: Pixels, centre: ArrayLike, outside: int | None = None
    ) -> np.ndarray:
        """Cut the tile around ``centre`` out of labels, each pixel from the nearest one.

        Of two equally near pixels the one at the higher coordinate is taken. Beyond the edges of
        ``source`` labels are mirrored, or are ``outside`` where that is given.
        """
        return crop.cut_labels(self.geometry, source, centre, outside)

    def warp(self, image: np.ndarray, order: int = 1) -> np.ndarray:
        """Deform an image (…, *shape) of the size of the tile; see :meth:`cut`."""
        return self.cut(self._whole(image), self._middle, order)

    def warp_labels(self, labels: np.ndarray) -> np.ndarray:
        """Deform labels (…, *shape) of the size of the tile; see :meth:`cut_labels`."""
        return self.cut_labels(self._whole(labels), self._middle)

    def change_gray(self, tile: np.ndarray) -> np.ndarray:
        """Return a normalised tile (…, *shape) with the gray curve and the noise, float32."""
        changed = self.curve.apply(self._whole(tile))
        if self.noise:
            changed += self.grain(changed.shape)
        return changed

    def grain(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the noise that :meth:`change_gray` adds to a tile of this shape."""
        rng = np.random.default_rng(self.noise_seed)
        return rng.standard_normal(shape, np.float32) * np.float32(self.noise)

    def folded(self) -> Folding:
        """Count the pixels at which the displacement folds the image over itself."""
        return folding(self.nodes, self.shape)

    @property
    def _middle(self) -> np.ndarray:
        return (np.array(self.shape) - 1) / 2

    def _whole(self, image: np.ndarray) -> np.ndarray:
        if image.shape[-len(self.shape) :] != self.shape:
            raise ValueError(
                f"the image is {image.shape} and the tile {self.shape}: draw the deformation for "
                "the shape of the image, or cut a tile out of it"
            )
        return image


def _check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(np.atleast_1d(shape).tolist())
    if len(sizes) not in (2, 3) or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(
            f"a tile of shape {shape} cannot be deformed: give 2 or 3 whole numbers of pixels, "
            "at least 1 each"
        )
    return sizes


def _check_fields(drawn: Deformation) -> None:
    dims, nodes = len(drawn.shape), drawn.nodes
    if nodes.ndim != dims + 1 or len(nodes) != dims or min(nodes.shape[1:]) < 2:
        raise ValueError(
            f"nodes are {nodes.shape}: a tile of {dims} axes needs ({dims}, n, …) with at least 2 "
            "nodes along each of its axes"
        )
    if (len(drawn.mirror), len(drawn.shift)) != (dims, dims):
        raise ValueError(
            f"mirror has {len(drawn.mirror)} and shift {len(drawn.shift)} entries: a tile of "
            f"{dims} axes needs {dims} of each"
        )
    if not (np.isfinite(nodes).all() and np.isfinite([drawn.angle, *drawn.shift]).all()):
        raise ValueError("nodes, angle and shift hold NaN or infinity: give finite numbers")


def _check_sd(sd: float | Sequence[float], dims: int) -> np.ndarray:
    sds = np.asarray(sd, np.float64)
    if sds.shape not in ((), (dims,)) or not (np.isfinite(sds) & (sds >= 0)).all():
        raise ValueError(
            f"sd is {sd}: give one number of pixels, 0 or above, or one for each of {dims} axes"
        )
    return np.broadcast_to(sds, dims)


def _check_draw(rng: np.random.Generator, *, grid: int, **strengths: float) -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is {rng!r}: give a numpy generator, np.random.default_rng(seed)")
    if not isinstance(grid, int | np.integer) or grid < 2:
        raise ValueError(f"grid is {grid}: at least 2 nodes along an axis, a whole number")
    highest = {"rotation": 180.0, "gray": 1.0, "noise": np.inf}
    for name, value in strengths.items():
        if not 0 <= value <= highest[name] or value == np.inf:
            raise ValueError(f"{name} is {value}: it must lie between 0 and {highest[name]:g}")
