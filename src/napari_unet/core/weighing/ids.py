"""Object ids: what a label image may hold, and the compact form the loops work on."""

import numpy as np


def ids_of(labels: object) -> np.ndarray:
    """Return ``labels`` as int32, or int64 where an id needs it, in C order; 0 is no object."""
    found = np.asarray(labels)
    if found.dtype == bool:
        raise TypeError(
            "labels are true or false, which cannot tell touching objects apart: "
            "number the objects, for example with skimage.measure.label"
        )
    if not np.issubdtype(found.dtype, np.integer):
        raise TypeError(
            f"labels are of type {found.dtype}, but object ids are whole numbers: "
            "convert them, for example with labels.astype('int32')"
        )
    low, high = (int(found.min()), int(found.max())) if found.size else (0, 0)
    if low < 0:
        raise ValueError(
            f"{np.count_nonzero(found < 0)} pixels have a negative id, the lowest is {low}: "
            "number the objects from 1 and give 0 to the background"
        )
    if high > np.iinfo(np.int64).max:
        raise ValueError(f"the highest id is {high}, above 2^63 - 1: number the objects from 1")
    kind = np.int32 if high <= np.iinfo(np.int32).max else np.int64
    return np.ascontiguousarray(found, dtype=kind)


def dims_of(labels: np.ndarray, dims: int | None) -> int:
    """Return how many of the last axes belong together: 2 for planes, 3 for volumes."""
    if dims is None:
        if labels.ndim not in (2, 3):
            raise ValueError(
                f"labels have {labels.ndim} axes: give a plane, a volume, "
                "or a stack with dims=2 (planes) or dims=3 (volumes)"
            )
        return labels.ndim
    if dims not in (2, 3):
        raise ValueError(f"dims is {dims}: it must be 2 for planes or 3 for volumes")
    if labels.ndim < dims:
        raise ValueError(f"dims is {dims} and the labels have {labels.ndim} axes only")
    return dims


def same_shape(name: str, shape: tuple[int, ...], labels: np.ndarray) -> None:
    """Refuse what does not lie pixel on pixel with the labels."""
    if shape != labels.shape:
        raise ValueError(
            f"{name} has shape {shape} and the labels have {labels.shape}: they must be the same"
        )
