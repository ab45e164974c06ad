"""The U-Net of Ronneberger, Fischer and Brox (2015): annotate, preview, train, segment, correct.

Importing this package imports neither torch nor Qt: each public name is fetched when first used,
so that napari starts as fast with the plugin as without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.core import evaluation as evaluation
    from napari_unet.core.annotation.annotation import Annotation as Annotation
    from napari_unet.core.deformation.deformation import Deformation as Deformation
    from napari_unet.core.files.image_file import open_image as open_image
    from napari_unet.core.files.label_file import write_labels as write_labels
    from napari_unet.core.network.adapt import adapt as adapt
    from napari_unet.core.network.network_file import load_network as load_network
    from napari_unet.core.network.network_file import save_network as save_network
    from napari_unet.core.network.unet import UNet as UNet
    from napari_unet.core.objects.label_objects import ObjectSettings as ObjectSettings
    from napari_unet.core.objects.label_objects import label_objects as label_objects
    from napari_unet.core.runtime.device import choose_device as choose_device
    from napari_unet.core.sampling.sample import draw_sample as draw_sample
    from napari_unet.core.segmentation.segment import score_tiles as score_tiles
    from napari_unet.core.segmentation.segment import segment as segment
    from napari_unet.core.teaching.teacher import Teacher as Teacher
    from napari_unet.core.training.settings import TrainSettings as TrainSettings
    from napari_unet.core.training.train import train as train
    from napari_unet.core.training.validation_split import hold_back as hold_back
    from napari_unet.core.weights.weight_map import weight_map as weight_map
    from napari_unet.workflows.segment_files import segment_files as segment_files
    from napari_unet.workflows.training_run import run_training as run_training
    from napari_unet.workflows.training_sources import FileSource as FileSource
    from napari_unet.workflows.training_sources import Recipe as Recipe
__version__ = "0.1.0"

_HOME = {
    "Annotation": "core.annotation.annotation",
    "Deformation": "core.deformation.deformation",
    "FileSource": "workflows.training_sources",
    "ObjectSettings": "core.objects.label_objects",
    "Recipe": "workflows.training_sources",
    "Teacher": "core.teaching.teacher",
    "TrainSettings": "core.training.settings",
    "UNet": "core.network.unet",
    "adapt": "core.network.adapt",
    "choose_device": "core.runtime.device",
    "draw_sample": "core.sampling.sample",
    "hold_back": "core.training.validation_split",
    "label_objects": "core.objects.label_objects",
    "load_network": "core.network.network_file",
    "open_image": "core.files.image_file",
    "run_training": "workflows.training_run",
    "save_network": "core.network.network_file",
    "score_tiles": "core.segmentation.segment",
    "segment": "core.segmentation.segment",
    "segment_files": "workflows.segment_files",
    "train": "core.training.train",
    "weight_map": "core.weights.weight_map",
    "write_labels": "core.files.label_file",
}

__all__ = [*sorted(_HOME), "__version__", "evaluation"]


def __getattr__(name: str) -> Any:
    if name == "evaluation":
        return import_module("napari_unet.core.evaluation")
    if name in _HOME:
        return getattr(import_module(f"napari_unet.{_HOME[name]}"), name)
    raise AttributeError(f"module 'napari_unet' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
