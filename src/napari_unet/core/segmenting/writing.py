"""Writing: labels, scores and uncertainty of every tile to where they belong, beside computing."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.core.segmenting.scoring import Scored, Scoring
from napari_unet.core.tiling import Tile


@dataclass(frozen=True, eq=False)
class Stores:
    """Where results go: anything of the shape of the labels that is written in slices."""

    labels: Any = None  # the class of the highest score, the lowest of equal ones
    scores: Any = None  # (K, *labels.shape)
    entropy: Any = None  # of the scores, from 0 to 1
    spread: Any = None  # of the scores over the versions of an average

    def check(self, shape: tuple[int, ...], classes: int) -> None:
        """Refuse stores into which the results do not fit, before anything is computed."""
        for name, store in vars(self).items():
            expected = (classes, *shape) if name == "scores" else shape
            if store is not None and tuple(store.shape) != expected:
                raise ValueError(
                    f"the {name} of this image have the shape {expected} and the array "
                    f"to write them to has {tuple(store.shape)}: make one of that shape"
                )
        kind = "u" if self.labels is None else np.dtype(self.labels.dtype).kind
        if kind not in "ui":
            raise TypeError(f"labels are whole numbers, not {self.labels.dtype}: write to uint8")

    def write(self, scored: Scored) -> Tile:
        """Write one tile and return it."""
        place = scored.tile.write
        if self.labels is not None:
            self.labels[place] = np.argmax(scored.scores, axis=0).astype(self.labels.dtype)
        if self.scores is not None:
            self.scores[(slice(None), *place)] = scored.scores
        if self.entropy is not None:
            self.entropy[place] = entropy(scored.scores)
        if self.spread is not None:
            self.spread[place] = scored.spread
        return scored.tile


def fill(scoring: Scoring, stores: Stores, tiles: Iterable[Tile] | None = None) -> Iterator[Tile]:
    """Score ``tiles`` (all where none are given) into ``stores``; yield each once it is written.

    Tiles are written in a thread while the next one is computed.
    """
    stores.check(scoring.shape, scoring.scorer.network.classes)
    return _fill(scoring, stores, tiles)


def _fill(scoring: Scoring, stores: Stores, tiles: Iterable[Tile] | None) -> Iterator[Tile]:
    with ThreadPoolExecutor(1, "napari-unet writer") as writer:
        waiting = None
        for scored in scoring.score(tiles):
            if waiting is not None:
                yield waiting.result()
            waiting = writer.submit(stores.write, scored)
        if waiting is not None:
            yield waiting.result()


def entropy(scores: np.ndarray) -> np.ndarray:
    """Return the entropy of ``scores`` (K, *shape) as a share of that of K equal ones, float32."""
    safe = np.maximum(scores, np.finfo(scores.dtype).tiny)
    found = -(safe * np.log(safe)).sum(axis=0) / np.log(len(scores))
    return np.clip(found, 0.0, 1.0).astype(np.float32)
