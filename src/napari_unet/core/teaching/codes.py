"""Codes of an annotation layer (0 unlabelled, 1 background, 2…) and classes (0 background, 1…)."""

import numpy as np

from napari_unet.core.annotation import UNLABELLED


def kinds_of(codes: np.ndarray, classes: int) -> np.ndarray:
    """Return the class of each code, uint8, 255 where nothing is painted."""
    if codes.dtype.kind not in "ui":
        raise TypeError(f"labels of {codes.dtype} are no codes: give whole numbers")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) <= classes:
        raise ValueError(
            f"the labels hold {int(codes.min())} to {int(codes.max())}: with {classes} classes "
            f"codes go from 0 (unlabelled) to {classes}"
        )
    return np.where(codes == 0, UNLABELLED, codes.astype(np.int64) - 1).astype(np.uint8)


def codes_of(kinds: np.ndarray) -> np.ndarray:
    """Return the codes of classes that a network gave, uint8."""
    return kinds + np.uint8(1)
