"""Division: which labels are held back to validate on when nobody has said which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.annotation import Annotation
from napari_unet.core.training.split import reach, split_by_blocks, split_by_image

SHARE = 0.15  # of the labels
BY_IMAGE = 4  # images from which whole ones are held back


@dataclass(frozen=True, eq=False)
class Division:
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
) -> Division:
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
        said = "Too little is labelled to hold some of it back: nothing is validated on."
        return _nothing(annotations, said)


def _nothing(annotations: Sequence[Annotation], said: str) -> Division:
    return Division(tuple(annotations), (), tuple(range(len(annotations))), (), said)


def _images(annotations: Sequence[Annotation], share: float, seed: int) -> Division:
    kept, held = split_by_image(annotations, share, seed)
    said = f"{len(held)} of {len(annotations)} images are held back to validate on."
    return Division(
        tuple(annotations[place] for place in kept),
        tuple(annotations[place] for place in held),
        tuple(kept),
        tuple(held),
        said,
    )


def _block(annotations: Sequence[Annotation], share: float, depth: int, dims: int) -> Division:
    place = int(np.argmax([np.count_nonzero(~a.unlabelled) for a in annotations]))
    kept, held = split_by_blocks(annotations[place], reach(depth), share, dims)
    train = [kept if p == place else a for p, a in enumerate(annotations)]
    if sum(_classes(train)) < sum(_classes(annotations)):
        raise ValueError(
            f"with {share:.0%} of the labels held back a class would be lost to the training: "
            "give separate images to validate on"
        )
    said = (
        f"{share:.0%} of the labels are held back to validate on: a block at one end of the image, "
        f"{reach(depth)} px away from the rest."
    )
    return Division(tuple(train), (held,), tuple(range(len(train))), (place,), said)


def _classes(annotations: Sequence[Annotation]) -> np.ndarray:
    """Return for each class whether it is labelled anywhere."""
    return np.any([_present(a) for a in annotations], axis=0)


def _present(annotation: Annotation) -> np.ndarray:
    found: np.ndarray = np.bincount(annotation.classes.ravel(), minlength=256)[:255] > 0
    return found
