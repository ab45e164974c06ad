"""Head: classes are added and removed while the network lives; all else is kept bit for bit."""

from collections.abc import Sequence

import torch

from napari_unet.core.network import UNet
from napari_unet.core.networks.adapting import adapt
from napari_unet.core.teaching.pupil import Weights

UNLIKELY = 0.5  # how far below the mean of the others a new class starts, before the softmax
HEAD = ("head.weight", "head.bias")


def regrouped(weights: Weights, kept: Sequence[int | None]) -> Weights:
    """Return ``weights`` with a head of which row i is row ``kept[i]`` of before, None being new.

    A new class starts a little below the mean of the others: it is nowhere the likeliest, so that
    no preview changes by it, and near enough to be learnt soon.
    """
    found = {name: weight.clone() for name, weight in weights.items()}
    for name in HEAD:
        before = weights[name]
        mean = before.mean(dim=0) - (UNLIKELY if name == "head.bias" else 0.0)
        rows = [mean if row is None else before[row] for row in kept]
        found[name] = torch.stack(rows).to(memory_format=torch.preserve_format)
    return found


def regrouped_network(network: UNet, kept: Sequence[int | None]) -> UNet:
    """Return a copy of ``network`` with such a head; names of classes follow their rows."""
    about = network.about["classes"]
    adapted, _ = adapt(network, classes=len(kept))
    adapted.load_state_dict(regrouped(network.state_dict(), kept))
    fresh = adapted.about["classes"]
    adapted.about["classes"] = [
        fresh[new] if row is None else about[row] for new, row in enumerate(kept)
    ]
    return adapted
