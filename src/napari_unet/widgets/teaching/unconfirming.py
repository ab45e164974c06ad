"""Unconfirming: what was confirmed and not painted becomes unlabelled, as one edit."""

import numpy as np
from napari.layers import Image, Labels

from napari_unet.widgets.pixels import region_to_layer


def unlabel(image: Image, labels: Labels, places: tuple[np.ndarray, ...]) -> None:
    """Unlabel pixels given by an index array an axis of the labels of core."""
    named = region_to_layer(image, tuple(slice(n, n + 1) for n in range(1, len(places) + 1)))
    zero = np.zeros_like(places[0])  # along an axis that spans all channels
    found = [places[part.start - 1] if part.start else zero for part in named]
    with labels.block_history():
        labels.data_setitem(tuple(found), 0)
