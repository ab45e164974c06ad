"""Comparison: a truth and a result, checked once, with what several measures need kept.

An unlabelled pixel belongs to nothing: no measure sees it, whatever truth or result say there.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from napari_unet.core.evaluation.overlap import Overlap, count_overlap

Images = np.ndarray | Sequence[np.ndarray]  # one label image, or several
Unlabelled = int | np.ndarray | Sequence[np.ndarray] | None  # a value of the truth, or where
Kept = TypeVar("Kept")


class Comparison:
    """One image's true labels and the labels found, both whole numbers ≥ 0 of one shape."""

    def __init__(
        self, truth: np.ndarray, result: np.ndarray, unlabelled: int | np.ndarray | None = None
    ) -> None:
        self.truth = _labels(truth, "truth")
        self.result = _labels(result, "result")
        if self.truth.shape != self.result.shape:
            raise ValueError(
                f"the truth has shape {self.truth.shape} and the result {self.result.shape}: "
                "compare labels of the same image, pixel by pixel"
            )
        self.labelled = _labelled(self.truth, unlabelled)
        self._kept: dict[Hashable, Any] = {}

    def kept(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """Return what ``make`` makes, computed the first time that ``key`` is asked for."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def known(self, pixels: np.ndarray) -> np.ndarray:
        """Return the labelled ones of ``pixels``, flat and in order."""
        return pixels.ravel() if self.labelled is None else pixels[self.labelled]

    def erased(self, pixels: np.ndarray) -> np.ndarray:
        """Return ``pixels`` with 0 where unlabelled."""
        return pixels if self.labelled is None else np.where(self.labelled, pixels, 0)

    @property
    def overlap(self) -> Overlap:
        """The objects (label > 0) of the truth and the result, and what they share."""
        return self.kept(
            "overlap", lambda: count_overlap(self.known(self.truth), self.known(self.result))
        )


def comparisons(truth: Images, result: Images, unlabelled: Unlabelled = None) -> list[Comparison]:
    """Return a comparison for each image of ``truth`` and ``result``: one array or a list each."""
    if not _several(truth) and not _several(result):
        return [Comparison(np.asarray(truth), np.asarray(result), _one(unlabelled))]
    if not (_several(truth) and _several(result)) or len(truth) != len(result):
        raise ValueError(
            f"{_counted(truth)} of truth cannot be compared with {_counted(result)} of result: "
            "give as many of one as of the other, in the same order"
        )
    if len(truth) == 0:
        raise ValueError("there is no image to compare")
    each = unlabelled if _several(unlabelled) else [unlabelled] * len(truth)
    if len(each) != len(truth):  # type: ignore[arg-type]
        raise ValueError(f"unlabelled has {_counted(each)} for {_counted(truth)} of truth")
    return [Comparison(*images) for images in zip(truth, result, each, strict=True)]  # type: ignore[arg-type]


def _several(images: object) -> bool:
    return isinstance(images, list | tuple) and all(isinstance(i, np.ndarray) for i in images)


def _one(unlabelled: Unlabelled) -> int | np.ndarray | None:
    return unlabelled if unlabelled is None or np.isscalar(unlabelled) else np.asarray(unlabelled)  # type: ignore[return-value]


def _counted(images: Any) -> str:
    number = len(images) if _several(images) else 1
    return f"{number} image{'' if number == 1 else 's'}"


def _labels(labels: np.ndarray, whose: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels.view(np.uint8)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"labels are whole numbers and the {whose} holds {labels.dtype}: "
            "threshold scores, or convert the labels to integers, first"
        )
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise ValueError(f"labels start at 0 and the {whose} holds {labels.min()}")
    return labels


def _labelled(truth: np.ndarray, unlabelled: int | np.ndarray | None) -> np.ndarray | None:
    """Return where the truth says something, None for everywhere."""
    if unlabelled is None:
        return None
    where = truth == unlabelled if np.isscalar(unlabelled) else np.asarray(unlabelled)
    if where.shape != truth.shape or where.dtype != bool:
        raise ValueError(
            f"unlabelled is a value of the truth or a boolean array of its shape {truth.shape}, "
            f"not {where.dtype} of shape {where.shape}"
        )
    return ~where
