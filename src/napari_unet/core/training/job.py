"""TrainingJob: the inputs of a training, which do not change while it runs.

Inputs that cannot be trained on are refused with the reason before a training starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.network.legal_sizes import border, input_size
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.learner import Ranks
from napari_unet.core.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """A network to train on annotations, as the settings say."""

    network: UNet
    annotations: Sequence[Annotation]
    settings: TrainSettings
    dtype: torch.dtype  # of the convolutions
    validation: Sequence[Annotation] = ()
    ranks: Ranks | None = None  # the others that train the same network
    messages: tuple[str, ...] = ()  # what to tell with the first step

    @property
    def first(self) -> int:
        """The place of this rank's tiles among those of all ranks."""
        return self.ranks.rank * self.settings.batch if self.ranks else 0

    def agreed(self, values: Sequence[float]) -> list[float]:
        """Return the averages over all ranks, so that all of them decide alike."""
        if self.ranks is None:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)  # on the host: no device waits for it
        self.ranks.average([tensor])
        return [float(value) for value in tensor.tolist()]


def settings_of(network: UNet, settings: TrainSettings) -> TrainSettings:
    """Return ``settings`` with the architecture of ``network`` and a legal tile."""
    inside = max(settings.tile - 2 * border(network.depth), 1)
    return replace(
        settings,
        base=network.base,
        depth=network.depth,
        dims=network.dims,
        norm=network.norm,
        skips=network.skips,
        dropout=network.dropout,
        tile=input_size(network.depth, inside),
    )


def check_can_train(
    network: UNet, annotations: Sequence[Annotation], validation: Sequence[Annotation]
) -> list[Annotation]:
    """Return the annotations that have labels, or say why nothing can be learned from them."""
    if not annotations:
        raise ValueError("there is no annotation to train on: give at least one")
    for role, group in (("to train on", annotations), ("to validate on", validation)):
        for place, annotation in enumerate(group, start=1):
            _check_fits(network, annotation, f"annotation {place} {role}")
    counts = _counts(annotations)
    present = np.flatnonzero(counts)
    if not present.size:
        raise ValueError(
            "not one pixel is labelled: paint some of the background and some of each class"
        )
    if present.size == 1:
        raise ValueError(
            f"all {counts.sum()} labelled pixels belong to class {present[0]}: "
            "a network learns differences, so label pixels of at least one other class too"
        )
    if validation and not _counts(validation).sum():
        raise ValueError("nothing is labelled in the annotations to validate on: label some pixels")
    return [a for a in annotations if np.any(a.classes != UNLABELLED)]


def _counts(annotations: Sequence[Annotation]) -> np.ndarray:
    """Return the number of labelled pixels of each class."""
    counts = [np.bincount(a.classes.ravel(), minlength=256) for a in annotations]
    total: np.ndarray = np.sum(counts, axis=0)
    total[UNLABELLED] = 0
    return total


def _check_fits(network: UNet, annotation: Annotation, name: str) -> None:
    if annotation.channels != network.channels:
        raise ValueError(
            f"{name} has {annotation.channels} channels and the network takes "
            f"{network.channels}: choose the channels, or adapt the network"
        )
    highest = int(np.flatnonzero(_counts([annotation]))[-1:].sum())
    if highest >= network.classes:
        raise ValueError(
            f"{name} has class {highest} and the network knows the classes 0 to "
            f"{network.classes - 1}: adapt the network to {highest + 1} classes"
        )
    if network.dims == 3 and "Z" not in annotation.axes:
        raise ValueError(
            f"{name} has the axes {annotation.axes} and the network takes volumes: "
            "give images with a Z axis, or train a 2-D network"
        )
