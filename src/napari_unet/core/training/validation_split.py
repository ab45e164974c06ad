"""Choose which labels are held back for validation, without leaks into the training.

With several images it is some of the images; of a single one it is a slab at one end, with a guard
between that belongs to neither side. Where the guard is as wide as the network reaches, no pixel
whose label is validated is seen in training; between the planes of a stack it is one plane.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.network.legal_sizes import border

PLANE_GUARD = 1  # planes of a stack that a 2-D network sees one by one


def reach(depth: int) -> int:
    """Return how far from a pixel its score still depends on the image: 107 px at depth 4.

    That is the border and, as pooling looks at squares of pixels, up to the rest of such a square.
    """
    return border(depth) + 2**depth - 1


class BlockSplit(NamedTuple):
    """A slab at one end of an axis of the labels: what is validated, and what is trained on."""

    validated: tuple[slice, ...]
    trained: tuple[slice, ...]


def split_by_blocks(
    annotation: Annotation, guard: int, share: float, dims: int = 2
) -> tuple[Annotation, Annotation]:
    """Return ``annotation`` to train on and to validate on; about ``share`` of the labels is set
    aside, where every class is on both sides if that can be had; the guard is ``guard`` px wide.
    """
    _check_share(share)
    cuts = [cut for cut in _cuts(annotation, guard, share, dims) if _useful(annotation, cut)]
    if not cuts:
        raise ValueError(
            f"labels of shape {annotation.classes.shape} are too small to be split by blocks with "
            f"a guard of {guard} px between them: give separate images to validate on"
        )
    best = max(cuts, key=lambda cut: _worth(annotation, cut))
    return _within(annotation, best.trained), _within(annotation, best.validated)


def split_by_image(
    annotations: Sequence[Annotation], share: float, seed: int = 0
) -> tuple[list[int], list[int]]:
    """Return the places of the annotations to train on and to validate on: at least one of each.

    They are drawn, but no class is taken away from training that others than these do not have.
    """
    _check_share(share)
    if len(annotations) < 2:
        raise ValueError("one annotation cannot be split by image: split it by blocks")
    counts = np.array([_counts(a.classes) for a in annotations])
    target = share * counts.sum()
    validated: list[int] = []
    for place in np.random.default_rng(seed).permutation(len(annotations)).tolist():
        left = np.delete(counts, [*validated, place], axis=0).sum(axis=0)
        kept = bool((left > 0).sum() == (counts.sum(axis=0) > 0).sum())
        if kept and counts[place].any() and len(validated) < len(annotations) - 1:
            validated.append(place)
        if counts[validated].sum() >= target and validated:
            break
    if not validated:
        raise ValueError(
            "each image has a class that no other has: give separate images to validate on"
        )
    return [p for p in range(len(annotations)) if p not in validated], sorted(validated)


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"the share to validate on is {share}: it must lie between 0 and 1")


def _cuts(annotation: Annotation, guard: int, share: float, dims: int) -> Iterator[BlockSplit]:
    """Yield slabs that hold about ``share`` of the labels, at both ends of every axis."""
    labelled = annotation.classes != UNLABELLED
    axes = spatial_axes(annotation.axes)
    network_axes = [axes.index(letter) for letter in "ZYX"[3 - dims :]]
    for axis in range(labelled.ndim):
        gap = guard if axis in network_axes else PLANE_GUARD
        others = tuple(a for a in range(labelled.ndim) if a != axis)
        sums = np.cumsum(labelled.sum(axis=others))
        length, total = labelled.shape[axis], int(sums[-1])
        first = int(np.searchsorted(sums, share * total)) + 1
        last = int(np.searchsorted(sums, (1 - share) * total, side="right"))
        whole = [slice(0, n) for n in labelled.shape]
        for validated, trained in (
            (slice(0, first), slice(first + gap, length)),
            (slice(last, length), slice(0, max(last - gap, 0))),
        ):
            yield BlockSplit(
                (*whole[:axis], validated, *whole[axis + 1 :]),
                (*whole[:axis], trained, *whole[axis + 1 :]),
            )


def _useful(annotation: Annotation, cut: BlockSplit) -> bool:
    return all(_counts(annotation.classes[part]).any() for part in cut)


def _worth(annotation: Annotation, cut: BlockSplit) -> tuple[int, int]:
    """Prefer every class on both sides, then as few labels as possible lost to the guard."""
    counts = [_counts(annotation.classes[part]) for part in (cut.trained, cut.validated)]
    return sum(int((c > 0).sum()) for c in counts), int(sum(c.sum() for c in counts))


def _counts(classes: np.ndarray) -> np.ndarray:
    return np.bincount(classes.ravel(), minlength=256)[:UNLABELLED]


def _within(annotation: Annotation, part: tuple[slice, ...]) -> Annotation:
    """Return ``annotation`` with all labels outside ``part`` taken away."""
    objects = annotation.ids == "objects"
    values = annotation.objects if objects else annotation.classes
    labels = np.zeros(values.shape, np.int64)
    labels[part] = np.where(annotation.classes[part] == UNLABELLED, 0, values[part] + np.int64(1))
    labels.setflags(write=False)
    return Annotation(
        annotation.image, labels, axes=annotation.axes, zero="unlabelled", ids=annotation.ids
    )


SHARE = 0.15  # of the labels
BY_IMAGE = 4  # images from which whole ones are held back


@dataclass(frozen=True, eq=False)
class TrainingSplit:
    """Annotations to train and to validate on; of each, the place of the one it was made of."""

    train: tuple[Annotation, ...]
    validation: tuple[Annotation, ...]
    train_places: tuple[int, ...]
    validation_places: tuple[int, ...]
    said: str  # how they were divided, a sentence


def hold_back(
    annotations: Sequence[Annotation],
    depth: int,
    dims: int,
    seed: int = 0,
    share: float | None = None,
) -> TrainingSplit:
    """Hold back whole images where there are enough of them, else a block of the one with most
    labels.

    Without a ``share`` it is 15 % of the labels, and nothing where too little would be left to
    learn from; a share that is asked for and cannot be had is an error, and 0 holds nothing back.
    """
    if share == 0:
        return _nothing(annotations, "Nothing is held back: nothing is validated on.")
    try:
        if len(annotations) >= BY_IMAGE:
            return _images(annotations, share or SHARE, seed)
        return _block(annotations, share or SHARE, depth, dims)
    except ValueError:
        if share is not None:
            raise
        reason = "Too little is labelled to hold some of it back: nothing is validated on."
        return _nothing(annotations, reason)


def _nothing(annotations: Sequence[Annotation], said: str) -> TrainingSplit:
    return TrainingSplit(tuple(annotations), (), tuple(range(len(annotations))), (), said)


def _images(annotations: Sequence[Annotation], share: float, seed: int) -> TrainingSplit:
    kept, held = split_by_image(annotations, share, seed)
    sentence = f"{len(held)} of {len(annotations)} images are held back to validate on."
    return TrainingSplit(
        tuple(annotations[place] for place in kept),
        tuple(annotations[place] for place in held),
        tuple(kept),
        tuple(held),
        sentence,
    )


def _block(annotations: Sequence[Annotation], share: float, depth: int, dims: int) -> TrainingSplit:
    place = int(np.argmax([np.count_nonzero(~a.unlabelled) for a in annotations]))
    kept, held = split_by_blocks(annotations[place], reach(depth), share, dims)
    train = [kept if p == place else a for p, a in enumerate(annotations)]
    if sum(_classes(train)) < sum(_classes(annotations)):
        raise ValueError(
            f"with {share:.0%} of the labels held back a class would be lost to the training: "
            "give separate images to validate on"
        )
    sentence = (
        f"{share:.0%} of the labels are held back to validate on: a block at one end of the image, "
        f"{reach(depth)} px away from the rest."
    )
    return TrainingSplit(tuple(train), (held,), tuple(range(len(train))), (place,), sentence)


def _classes(annotations: Sequence[Annotation]) -> np.ndarray:
    """Return for each class whether it is labelled anywhere."""
    return np.any([_present(a) for a in annotations], axis=0)


def _present(annotation: Annotation) -> np.ndarray:
    present: np.ndarray = np.bincount(annotation.classes.ravel(), minlength=256)[:255] > 0
    return present
