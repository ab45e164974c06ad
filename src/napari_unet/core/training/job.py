"""Job: what a training is given; nothing of it changes while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from napari_unet.core.annotation.annotation import Annotation
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
    said: tuple[str, ...] = ()  # what to tell with the first step

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
