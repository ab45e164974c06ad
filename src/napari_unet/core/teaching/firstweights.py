"""First weights: the smallest network starts with filters instead of noise.

It was taught once, on invented textures alone, to compute smoothed gray values, slopes, ridges and
roughness (``benchmarks/first_weights.py``). It has seen no image of anything: what is what it
learns from strokes, but it need not find out first what an edge is.
"""

from functools import cache
from pathlib import Path

import torch

from napari_unet.core.network import UNet
from napari_unet.core.networkfile import load_network

FILE = Path(__file__).with_name("first_weights.safetensors")
FIRST, HEAD = "contract.0.first.weight", "head."
OWN = 0.3  # share of noise with which the first layer of a colour network tells channels apart


def give_first_weights(network: UNet) -> bool:
    """Replace the weights of ``network``, all but the head, if it is of the size that was taught.

    Tell whether it was.
    """
    known = _known()
    if not _fits(network, known):
        return False
    own = network.state_dict()
    for name, weight in known.state_dict().items():
        if name == FIRST and network.channels > 1:
            weight = _for_channels(weight, own[name])
        if not name.startswith(HEAD):
            own[name] = weight
    network.load_state_dict(own)
    return True


def _fits(network: UNet, known: UNet) -> bool:
    def shape(one: UNet) -> tuple[object, ...]:
        return one.base, one.depth, one.dims, one.norm, one.skips

    return shape(network) == shape(known)


def _for_channels(gray: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Spread kernels (n, 1, 3, 3) over channels, with noise so that they do not stay alike."""
    wide = gray.expand_as(own)
    return wide / wide.std() + OWN * own / own.std()


@cache
def _known() -> UNet:
    return load_network(FILE)
