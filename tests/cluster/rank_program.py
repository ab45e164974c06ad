"""Run by torchrun: two ranks train one network; each writes its weights and losses.

usage: rank_program.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from napari_unet import Annotation, TrainSettings, UNet, train
from napari_unet.cluster.ranks import joined

SETTINGS = TrainSettings(
    base=4, depth=1, norm="weight", dropout=0.0, tile=44, optimiser="sgd", rate=0.02, momentum=0.9,
    warmup=5, ema=0.9, steps=12, checkpoint_seconds=0.1,
)  # fmt: skip


def scene(seed):
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(size=(90, 96)), np.ones((90, 96), int)
    for label in range(2, 9):
        row, column = rng.integers(0, 78, 2)
        labels[row : row + 12, column : column + 12] = label
    return Annotation(image + 4 * (labels > 1), labels, ids="objects")


def trained(settings, ranks=None, seed=0, folder=None):
    """Return the network and the losses; ``seed`` is that of its first weights."""
    torch.manual_seed(seed)
    network = UNet(base=4, depth=1, norm="weight", dropout=0.0).double()
    steps = train(network, [scene(0)], settings, validation=[scene(1)], folder=folder, ranks=ranks)
    return network, [step.loss for step in steps]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    with joined() as ranks:
        # rank 1 starts from other weights: those of rank 0 are spread first
        network, losses = trained(SETTINGS, ranks, seed=ranks.rank, folder=folder / "run")
        weights = {name: t.contiguous() for name, t in network.state_dict().items()}
        safetensors.torch.save_file(weights, folder / f"{ranks.rank}.safetensors")
        (folder / f"{ranks.rank}.json").write_text(json.dumps(losses))
