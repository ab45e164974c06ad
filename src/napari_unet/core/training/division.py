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


def hold_back(annotations: Sequence[Annotation], depth: int, dims: int, seed: int = 0) -> Division:
    """Hold back whole images where there are enough of them, else a block of the one with most
    labels; nothing where too little would be left to learn from.
    """
    try:
        if len(annotations) >= BY_IMAGE:
            return _images(annotations, seed)
        return _block(annotations, depth, dims)
    except ValueError:
        said = "Too little is labelled to hold some of it back: nothing is validated on."
        return Division(tuple(annotations), (), tuple(range(len(annotations))), (), said)


def _images(annotations: Sequence[Annotation], seed: int) -> Division:
    kept, held = split_by_image(annotations, SHARE, seed)
    said = f"{len(held)} of {len(annotations)} images are held back to validate on."
    return Division(
        tuple(annotations[place] for place in kept),
        tuple(annotations[place] for place in held),
        tuple(kept),
        tuple(held),
        said,
    )


def _block(annotations: Sequence[Annotation], depth: int, dims: int) -> Division:
    place = int(np.argmax([np.count_nonzero(~a.unlabelled) for a in annotations]))
    kept, held = split_by_blocks(annotations[place], reach(depth), SHARE, dims)
    train = [kept if p == place else a for p, a in enumerate(annotations)]
    if sum(_classes(train)) < sum(_classes(annotations)):
        raise ValueError("a class would be lost to the training")
    said = (
        f"{SHARE:.0%} of the labels are held back to validate on: a block at one end of the image, "
        f"{reach(depth)} px away from the rest."
    )
    return Division(tuple(train), (held,), tuple(range(len(train))), (place,), said)


def _classes(annotations: Sequence[Annotation]) -> np.ndarray:
    """Return for each class whether it is labelled anywhere."""
    return np.any([_present(a) for a in annotations], axis=0)


def _present(annotation: Annotation) -> np.ndarray:
    found: np.ndarray = np.bincount(annotation.classes.ravel(), minlength=256)[:255] > 0
    return found
