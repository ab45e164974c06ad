"""PixelClassifier: a quick classifier of single pixels, used until the network has learned.

Its input are the values of image filters at a pixel, at five scales: gray values, slopes, bends and
how these vary around. Only pixels that are painted or looked at are filtered, piece by piece, and
kept up to a limit.

Two layers of weights are fitted to all strokes whenever these change, beginning from the weights
fitted before: a tenth of a second on one core. Its preview follows a new stroke at once, long
before a network has learned it.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from napari_unet.core.arrays.boxes import PlaneIndex, cuts, read_mirrored
from napari_unet.core.teaching.image_view import PIECE, ImageView
from napari_unet.core.teaching.strokes import Stroke, Strokes
from napari_unet.core.training.optimiser import Optimiser
from napari_unet.core.training.settings import TrainSettings

SCALES = (0.7, 1.4, 2.8, 5.0, 10.0)  # sd in pixels
AROUND = 5.0  # sd, at most, of the surroundings in which slopes are compared
TRUNCATED = 3.0  # sd at which the Gaussians end
REACH = 48  # pixels around a piece that its filters look at
EACH = 6  # filters of a channel and scale
KEPT = 2**26  # numbers kept, all pieces together: 256 MB


class FilterBank:
    """The filtered pixels of a picture at its working size."""

    def __init__(self, picture: ImageView) -> None:
        self._picture = picture
        self._pieces: OrderedDict[tuple[Any, ...], np.ndarray] = OrderedDict()
        self._kept = 0

    def at(self, plane: PlaneIndex, pixels: np.ndarray) -> np.ndarray:
        """Return (n, filters) at ``pixels`` (n, 2) of a plane."""
        corners, which = np.unique(pixels // PIECE, axis=0, return_inverse=True)
        values = np.empty((len(pixels), self.number), np.float32)
        for number, corner in enumerate(corners.tolist()):
            here = which.ravel() == number
            inside = pixels[here] - np.array(corner) * PIECE
            values[here] = self._piece(plane, *corner)[:, inside[:, 0], inside[:, 1]].T
        return values

    def of(self, plane: PlaneIndex, box: tuple[slice, ...]) -> np.ndarray:
        """Return (filters, rows, columns) of ``box``, mirrored beyond the edges of the plane."""
        return read_mirrored(_Filtered(self, plane), (slice(0, self.number), *box))

    @property
    def number(self) -> int:
        return self._picture.channels * len(SCALES) * EACH

    def _piece(self, plane: PlaneIndex, row: int, column: int) -> np.ndarray:
        key = (plane, row, column, self._picture.factor)
        if key not in self._pieces:
            self._pieces[key] = self._made(plane, row, column)
            self._kept += self._pieces[key].size
            while self._kept > KEPT and len(self._pieces) > 1:
                self._kept -= self._pieces.popitem(last=False)[1].size
        self._pieces.move_to_end(key)
        return self._pieces[key]

    def _made(self, plane: PlaneIndex, *place: int) -> np.ndarray:
        source = self._picture.plane(plane)
        stops = [min((n + 1) * PIECE, m) for n, m in zip(place, source.shape[1:], strict=True)]
        spans = (
            slice(n * PIECE - REACH, stop + REACH) for n, stop in zip(place, stops, strict=True)
        )
        pixels = read_mirrored(source, (slice(0, source.shape[0]), *spans))
        inside = (slice(None), slice(REACH, -REACH), slice(REACH, -REACH))
        return np.concatenate([filtered(gray)[inside] for gray in pixels])


class _Filtered:
    """A filtered plane that can be sliced like an array (filters, rows, columns)."""

    def __init__(self, filters: FilterBank, plane: PlaneIndex) -> None:
        self._filters, self._plane = filters, plane
        self.shape = (filters.number, *filters._picture.working)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        _, rows, columns = box
        values = np.empty(
            (self.shape[0], rows.stop - rows.start, columns.stop - columns.start), np.float32
        )
        for y, into_y, from_y in cuts(rows, PIECE):
            for x, into_x, from_x in cuts(columns, PIECE):
                piece = self._filters._piece(self._plane, y, x)
                values[:, into_y, into_x] = piece[:, from_y, from_x]
        return values


def filtered(gray: np.ndarray) -> np.ndarray:
    """Return (30, *shape) float32 of gray values (rows, columns)."""
    return np.stack([part for sd in SCALES for part in _at_scale(gray, sd)])


def _at_scale(gray: np.ndarray, sd: float) -> list[np.ndarray]:
    """Gray value, slope, bends along two directions, and how slopes around agree, at one scale."""
    smooth = _smoothed(gray, sd)
    down, right = (part * np.float32(sd) for part in np.gradient(smooth))
    slope = np.hypot(down, right)
    bends = (
        np.gradient(down, axis=0) * np.float32(sd),
        np.gradient(right, axis=1) * np.float32(sd),
        np.gradient(down, axis=1) * np.float32(sd),
    )
    wide = min(sd, AROUND)
    around = [_smoothed(part, wide) for part in (down * down, right * right, down * right)]
    # squares of slopes are brought back to the scale of slopes
    spread = [np.sqrt(np.maximum(part, 0)) for part in _principal(*around)]
    return [smooth, slope, *_principal(*bends), *spread]


def _smoothed(gray: np.ndarray, sd: float) -> np.ndarray:
    return np.asarray(gaussian_filter(gray, sd, truncate=TRUNCATED), np.float32)


def _principal(
    along: np.ndarray, across: np.ndarray, mixed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the larger and the smaller eigenvalue of [[along, mixed], [mixed, across]]."""
    middle, apart = (along + across) / 2, np.hypot((along - across) / 2, mixed)
    return middle + apart, middle - apart


HIDDEN = 96
STEPS = 80  # of the first fit
MORE = 30  # of those that go on from it
RATE = 1e-2
NOISE = 0.3  # sd of what is added to the filters, of their own spread
MOST = 1000  # pixels a class, shared by its strokes
LEAST = 12  # pixels of a stroke, however many there are
NEW = 200  # pixels of a stroke not learned yet
URGENT = 3.0  # times the weight of a pixel of such a stroke
OUTVOTED = 1.0  # how far above the others the right value of such a stroke has to be
UNLIKELY = 0.5  # how far below the mean of the others a new class starts
LIMIT = 10.0  # between the values of two classes: far from all strokes nothing is certain


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """What was fitted; it gives values before the softmax."""

    middle: torch.Tensor  # (filters, 1)
    spread: torch.Tensor  # (filters, 1)
    first: torch.Tensor  # (hidden, filters)
    first_bias: torch.Tensor  # (hidden, 1)
    second: torch.Tensor  # (classes, hidden)
    second_bias: torch.Tensor  # (classes, 1)

    def values(self, filtered: np.ndarray) -> np.ndarray:
        """Return (classes, *shape) of (filters, *shape), before the softmax."""
        flat = torch.from_numpy(filtered.reshape(len(filtered), -1))
        with torch.inference_mode():
            # the spread is divided out of the few weights, not out of the many pixels
            first = self.first / self.spread.T
            bias = self.first_bias - first @ self.middle
            hidden = torch.addmm(bias, first, flat).relu_()
            output = torch.addmm(self.second_bias, self.second, hidden)
            output *= LIMIT / (output.amax(0) - output.amin(0)).clamp_min_(LIMIT)
        return np.asarray(output.numpy()).reshape(-1, *filtered.shape[1:])

    def seen_as(self, middle: torch.Tensor, spread: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the weights that say the same of filters with this middle and spread."""
        bias = self.first_bias + (self.first / self.spread.T) @ (middle - self.middle)
        return {
            "first": self.first * (spread / self.spread).T, "first_bias": bias[:, 0],
            "second": self.second.clone(), "second_bias": self.second_bias[:, 0].clone(),
        }  # fmt: skip

    def toward(self, other: "PixelClassifier", share: float) -> "PixelClassifier":
        """Return the classifier whose weights are ``share`` of the way to those of a later one."""
        before = self.seen_as(other.middle, other.spread)
        mixed = {
            name: torch.lerp(weight, getattr(other, name).view_as(weight), share)
            for name, weight in before.items()
        }
        return replace(
            other, first=mixed["first"], first_bias=mixed["first_bias"][:, None],
            second=mixed["second"], second_bias=mixed["second_bias"][:, None],
        )  # fmt: skip

    def regrouped(self, kept: Sequence[int | None]) -> "PixelClassifier":
        """Return the classifier of which class i is class ``kept[i]`` of before, None being new."""

        def rows(before: torch.Tensor, less: float) -> torch.Tensor:
            mean = before.mean(dim=0) - less
            return torch.stack([mean if row is None else before[row] for row in kept])

        return replace(
            self, second=rows(self.second, 0.0), second_bias=rows(self.second_bias, UNLIKELY)
        )


class ReferenceFeatures(NamedTuple):
    """Unpainted pixels, at which a new classifier should give what is shown."""

    features: np.ndarray  # (n, filters) float32
    kinds: np.ndarray  # (n) uint8
    weight: float  # of all of them; that of the strokes of all classes is 1


class PixelClassifierTrainer:
    """Fits pixel classifiers to the strokes on one image."""

    def __init__(self, filters: FilterBank, strokes: Strokes, settings: TrainSettings) -> None:
        self.filters = filters
        self._strokes = strokes
        self._settings = settings

    def fit(
        self,
        classes: int,
        fresh: Collection[Stroke] = (),
        before: PixelClassifier | None = None,
        held: ReferenceFeatures | None = None,
    ) -> PixelClassifier:
        """Fit a classifier to all strokes, and to ``held``, beginning from the one ``before``.

        Of ``fresh`` strokes, not learned yet, more pixels are taken, so that they count more.
        """
        every, new = list(self._strokes), {stroke.number for stroke in fresh}
        share = {kind: MOST // sum(s.kind == kind for s in every) for kind in self._strokes.kinds}
        features, kinds, worth, ahead = [], [], [], []
        for stroke in every:
            most = NEW if stroke.number in new else max(share[stroke.kind], LEAST)
            pixels = self._some(stroke, most)
            features.append(self.filters.at(stroke.plane, pixels))
            kinds.append(np.full(len(pixels), stroke.kind))
            urgent = URGENT if stroke.number in new else 1.0
            worth.append(np.full(len(pixels), stroke.weight * urgent))
            ahead.append(np.full(len(pixels), OUTVOTED if stroke.number in new else 0.0))
        painted, weights = np.concatenate(kinds), np.concatenate(worth)
        # each class counts as much
        weights /= np.bincount(painted, weights)[painted] * len(share)
        if held is not None and len(held.kinds):
            features.append(held.features)
            painted = np.concatenate([painted, held.kinds])
            each = held.weight / len(held.kinds)
            weights = np.concatenate([weights, np.full(len(held.kinds), each)])
            ahead.append(np.zeros(len(held.kinds)))
        margins = np.concatenate(ahead)[:, None] * (painted[:, None] == np.arange(classes))
        task = _Task(np.concatenate(features), painted, weights, margins)
        return _fitted(task, self._settings, before)

    def _some(self, stroke: Stroke, most: int) -> np.ndarray:
        """Return up to ``most`` pixels of a stroke, the same ones each time."""
        pixels = self._strokes.working_pixels(stroke)
        if len(pixels) <= most:
            return pixels
        rng = np.random.default_rng([self._settings.seed, stroke.number])
        return pixels[rng.permutation(len(pixels))[:most]]


class _Task(NamedTuple):
    """The data a classifier is fitted to."""

    features: np.ndarray  # (n, filters) float32
    kinds: np.ndarray  # (n)
    weights: np.ndarray  # (n)
    margins: np.ndarray  # (n, classes): how far above the others a value has to be


def _fitted(
    task: _Task, settings: TrainSettings, before: PixelClassifier | None
) -> PixelClassifier:
    middle, spread = task.features.mean(axis=0), task.features.std(axis=0) + np.float32(1e-6)
    inputs = torch.from_numpy((task.features - middle) / spread)
    kinds = torch.from_numpy(task.kinds)
    weights, margins = (
        torch.from_numpy(part.astype(np.float32)) for part in (task.weights, task.margins)
    )
    chance = torch.Generator().manual_seed(settings.seed)
    scaling = torch.from_numpy(middle)[:, None], torch.from_numpy(spread)[:, None]
    shape = inputs.shape[1], margins.shape[1]
    drawn = before.seen_as(*scaling) if before else _drawn(*shape, chance)
    layers = {name: torch.nn.Parameter(weight) for name, weight in drawn.items()}
    optimiser, steps = Optimiser(layers, settings), MORE if before else STEPS
    noise = torch.randn(2 * len(inputs), inputs.shape[1], generator=chance).mul_(NOISE)
    starts = torch.randint(len(inputs) + 1, (steps,), generator=chance).tolist()
    for step, start in enumerate(starts):
        values = _logits(layers, inputs + noise[start : start + len(inputs)])
        loss = (F.cross_entropy(values - margins, kinds, reduction="none") * weights).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(RATE * (0.5 + 0.5 * float(np.cos(np.pi * step / steps))))
    fitted = {name: weight.detach() for name, weight in layers.items()}
    return PixelClassifier(
        *scaling, fitted["first"], fitted["first_bias"][:, None],
        fitted["second"], fitted["second_bias"][:, None],
    )  # fmt: skip


def _logits(layers: Mapping[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    hidden = F.linear(inputs, layers["first"], layers["first_bias"]).relu()
    return F.linear(hidden, layers["second"], layers["second_bias"])


def _drawn(inputs: int, classes: int, chance: torch.Generator) -> dict[str, torch.Tensor]:
    """Draw the weights to begin with."""
    first = torch.randn(HIDDEN, inputs, generator=chance) / inputs**0.5
    second = torch.randn(classes, HIDDEN, generator=chance) / HIDDEN**0.5
    return {
        "first": first, "second": second,
        "first_bias": torch.zeros(HIDDEN), "second_bias": torch.zeros(classes),
    }  # fmt: skip
