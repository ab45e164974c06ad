"""The loss: cross-entropy weighed pixel by pixel, as the paper has it, beside a share of Dice.

It is divided by the number of labelled pixels of the tile, never by the sum of weights: learning
rates are tied to that scale.
"""

import torch
import torch.nn.functional as F

from napari_unet.core.annotation.annotation import UNLABELLED


def weighted_loss(
    values: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor, dice: float = 0.0
) -> torch.Tensor:
    """Return the loss of ``values`` (B, K, *output) before the softmax, averaged over the tiles.

    ``classes`` (B, *output) are integers, 255 where unlabelled; ``weights`` (B, *output) weigh
    their cross-entropy. ``dice`` is the share of the Dice loss. Unlabelled pixels count nowhere.
    """
    labelled = classes != UNLABELLED
    target = classes.long().masked_fill_(~labelled, 0)[:, None]
    found = F.log_softmax(values, 1)
    # gathering after log_softmax takes half the time of torch's cross_entropy
    losses = found.gather(1, target)[:, 0] * weights.masked_fill(~labelled, 0.0)
    entropy = -losses.flatten(1).sum(1) / labelled.flatten(1).sum(1)
    if not dice:
        return entropy.mean()
    overlap = _dice_loss(found.exp(), target, labelled)
    return ((1 - dice) * entropy + dice * overlap).mean()


def _dice_loss(scores: torch.Tensor, target: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
    """Return 1 - Dice of each tile, averaged over the classes; one pixel of smoothing."""
    known = labelled[:, None].to(scores.dtype)
    truth = torch.zeros_like(scores).scatter_(1, target, 1.0) * known
    shared = (scores * truth).flatten(2).sum(2)
    both = ((scores * known) + truth).flatten(2).sum(2)
    return 1 - ((2 * shared + 1) / (both + 1)).mean(1)
