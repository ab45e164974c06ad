"""Warming: everything that happens only once is done before the first stroke is there.

Code is compiled or loaded, kernels are chosen and the contrast of the image is measured.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from napari_unet.core.teaching.picture import DIMS, Picture
from napari_unet.core.teaching.pupil import Pupil
from napari_unet.core.teaching.rehearsal import Rehearsal
from napari_unet.core.teaching.strokes import Strokes


def warm_up(picture: Picture, fresh: Pupil) -> None:
    """Let ``fresh``, a pupil that is thrown away, learn one step from invented strokes."""
    strokes = Strokes((picture.shape[-2], picture.shape[-1]), picture.factor)
    plane = (0,) * (len(picture.shape) - DIMS)
    box = tuple(slice(0, min(n, 2 * picture.factor)) for n in picture.shape[-DIMS:])
    kinds = np.zeros([part.stop for part in box], np.uint8)
    strokes.paint(plane, box, kinds)
    with one_thread():
        rehearsal = Rehearsal(picture, strokes, fresh.settings)
        Pupil(fresh.name, fresh.settings, rehearsal, fresh.network).learn(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread within: a small network is no faster in more."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
