"""The U-Net of Ronneberger, Fischer and Brox (2015): annotate, preview, train, segment, correct.

Importing this package imports neither torch nor Qt: each public name is fetched when first used,
so that napari starts as fast with the plugin as without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.core import evaluation as evaluation
    from napari_unet.core.annotation import Annotation as Annotation
    from napari_unet.core.deformation import Deformation as Deformation
    from napari_unet.core.network import UNet as UNet
    from napari_unet.core.networkfile import load_network as load_network
    from napari_unet.core.networkfile import save_network as save_network
    from napari_unet.core.objects import label_objects as label_objects
    from napari_unet.core.sample import draw_sample as draw_sample
    from napari_unet.core.segmenting import score_tiles as score_tiles
    from napari_unet.core.segmenting import segment as segment
    from napari_unet.core.settings import TrainSettings as TrainSettings
    from napari_unet.core.teaching import Teacher as Teacher
    from napari_unet.core.training import train as train
    from napari_unet.core.weight_map import weight_map as weight_map

__version__ = "0.1.0"

_HOME = {
    "Annotation": "annotation",
    "Deformation": "deformation",
    "Teacher": "teaching",
    "TrainSettings": "settings",
    "UNet": "network",
    "draw_sample": "sample",
    "label_objects": "objects",
    "load_network": "networkfile",
    "save_network": "networkfile",
    "score_tiles": "segmenting",
    "segment": "segmenting",
    "train": "training",
    "weight_map": "weight_map",
}

__all__ = [*sorted(_HOME), "__version__", "evaluation"]


def __getattr__(name: str) -> Any:
    if name == "evaluation":
        return import_module("napari_unet.core.evaluation")
    if name in _HOME:
        return getattr(import_module(f"napari_unet.core.{_HOME[name]}"), name)
    raise AttributeError(f"module 'napari_unet' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
