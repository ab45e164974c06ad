"""Warming: everything that happens only once is done before the first stroke is there.

Code is compiled or loaded, kernels are chosen and the contrast of the image is measured.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from napari_unet.core.teaching.filters import Filters
from napari_unet.core.teaching.glance import Glancer
from napari_unet.core.teaching.picture import DIMS, Picture
from napari_unet.core.teaching.pupil import Pupil
from napari_unet.core.teaching.rehearsal import Rehearsal
from napari_unet.core.teaching.strokes import Strokes

READY = 2**19  # pixels of a picture that are filtered before there is anything to show


def warm_up(picture: Picture, fresh: Pupil, filters: Filters) -> None:
    """Let ``fresh``, a pupil that is thrown away, learn one step from invented strokes.

    ``filters`` of a small picture are computed here already.
    """
    strokes = Strokes((picture.shape[-2], picture.shape[-1]), picture.factor)
    plane = (0,) * (len(picture.shape) - DIMS)
    box = tuple(slice(0, min(n, 2 * picture.factor)) for n in picture.shape[-DIMS:])
    kinds = np.zeros([part.stop for part in box], np.uint8)
    strokes.paint(plane, box, kinds)
    with one_thread():
        rehearsal = Rehearsal(picture, strokes, fresh.settings)
        Pupil(fresh.name, fresh.settings, rehearsal, fresh.network).learn(1)
        Glancer(filters, strokes, fresh.settings).fit(fresh.network.classes)
        if np.prod(picture.shape) <= READY * picture.factor**2:
            filters.of(plane, tuple(slice(0, n) for n in picture.working))


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
