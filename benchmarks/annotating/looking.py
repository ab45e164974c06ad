"""A picture of where a session ended: the image with its truth, what was painted, what is shown."""

from pathlib import Path

import numpy as np
from skimage.io import imsave
from skimage.segmentation import find_boundaries

from annotating.person import Person
from annotating.pictures import Picture
from annotating.strokes import BACKGROUND, OBJECT

TRUTH, MISSED, FALSE = (255, 220, 0), (60, 120, 255), (255, 50, 50)


def save(picture: Picture, person: Person, objects: np.ndarray, path: Path) -> None:
    """Write three panels; what is missed is blue, what is shown and is none red."""
    gray = _gray(picture.image)
    truth, painted, shown = gray.copy(), gray.copy(), gray.copy()
    truth[find_boundaries(picture.objects, mode="inner")] = TRUTH
    painted[person.annotation == OBJECT] = (255, 140, 0)
    painted[person.annotation == BACKGROUND] = (0, 200, 120)
    shown[objects & picture.objects] = shown[objects & picture.objects] // 2 + 120
    shown[~objects & picture.objects] = MISSED
    shown[objects & ~picture.objects] = FALSE
    imsave(path, np.concatenate([truth, painted, shown], axis=1), check_contrast=False)


def _gray(image: np.ndarray) -> np.ndarray:
    low, high = np.percentile(image, [1, 99.5])
    scaled = np.clip((np.atleast_3d(image) - low) / max(high - low, 1) * 200, 0, 200)
    return np.broadcast_to(scaled, (*image.shape[:2], 3)).astype(np.uint8)
