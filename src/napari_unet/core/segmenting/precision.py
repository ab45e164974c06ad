"""Precision: half where the device is faster in it and the labels stay the same, else single.

Where single precision is faster still, by Winograd's convolutions, it is taken.

Whether labels stay the same is looked at, not assumed: one tile from the middle of the image is
scored in both precisions before a large image is segmented.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from napari_unet.core.convolving.gain import winograd_pays
from napari_unet.core.device import fast_dtype
from napari_unet.core.network import UNet
from napari_unet.core.segmenting.scorer import Scorer
from napari_unet.core.segmenting.winograd import suits

PRECISIONS = ("auto", "float32", "bfloat16", "float64")
AGREEMENT = 0.999  # share of pixels whose label must not depend on the precision
WORTH = 8  # a tile is compared where the image is at least so many times as large

_AGREED: "WeakKeyDictionary[UNet, tuple[Any, bool]]" = WeakKeyDictionary()


def choose_dtype(
    network: UNet, precision: str, sample: Callable[[], np.ndarray] | None
) -> torch.dtype:
    """Return the dtype to score in; ``sample`` reads the tile to compare, None if not worth it.

    A network in other than single precision stays in its own.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is '{precision}': choose one of {', '.join(PRECISIONS)}")
    own = network.head.weight.dtype
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}.get(precision, torch.float64)
    if own != torch.float32:
        return own
    fast = fast_dtype(network.head.weight.device)
    if fast == torch.float32 or (suits(network, own) and winograd_pays(fast)):
        return own
    return fast if _labels_agree(network, fast, sample) else own


def _labels_agree(
    network: UNet, dtype: torch.dtype, sample: Callable[[], np.ndarray] | None
) -> bool:
    """Compare labels in both precisions, once for each state of the weights."""
    state = (dtype, *((w.data_ptr(), w._version) for w in network.parameters()))
    kept = _AGREED.get(network)
    if kept is not None and kept[0] == state:
        return kept[1]
    if sample is None:
        return False
    tile = sample()
    whole, half = (Scorer(network, kind)(tile)[0].argmax(0) for kind in (torch.float32, dtype))
    agree = float(np.mean(whole == half)) >= AGREEMENT
    _AGREED[network] = (state, agree)
    return agree
