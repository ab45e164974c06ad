"""Training: from annotations to a network, in steps that can be stopped, resumed and trusted."""

from napari_unet.core.settings import TrainSettings
from napari_unet.core.training.division import Division, hold_back
from napari_unet.core.training.estimate import Estimate, estimate
from napari_unet.core.training.split import reach, split_by_blocks, split_by_image
from napari_unet.core.training.start import train
from napari_unet.core.training.step import DivergenceError, Step

__all__ = [
    "DivergenceError",
    "Division",
    "Estimate",
    "Step",
    "TrainSettings",
    "estimate",
    "hold_back",
    "reach",
    "split_by_blocks",
    "split_by_image",
    "train",
]
