"""How good a segmentation is: the field's measures, and what is wrong where.

Every measure takes ``(truth, result, *, unlabelled=None, …)`` and returns a float. Truth and result
are label images of one shape, or lists of as many: then all are pooled, or with ``per_image=True``
the mean of each image's figure is returned. ``unlabelled`` is a value of the truth or a boolean
array; such pixels are left out everywhere. Nothing against nothing is perfect: 1, or error 0.
"""

from napari_unet.core.evaluation.comparison import Comparison, Measure
from napari_unet.core.evaluation.error_objects import ErrorItem, ErrorLayer, error_layer
from napari_unet.core.evaluation.objects import (
    THRESHOLDS,
    average_precision,
    f1,
    mean_average_precision,
    panoptic_quality,
    precision,
    recall,
    seg,
)
from napari_unet.core.evaluation.partitions import rand_error, regions, v_info, v_rand
from napari_unet.core.evaluation.pixels import (
    dice,
    dice_by_class,
    iou,
    iou_by_class,
    pixel_error,
)
from napari_unet.core.evaluation.summary import (
    Figure,
    Interval,
    ScoredImage,
    measures_of_classes,
    object_measures,
    score,
    scored_image,
    summarise,
    worst_first,
)
from napari_unet.core.evaluation.warping import WarpingEvents, warping_error, warping_events

__all__ = [
    "THRESHOLDS",
    "Comparison",
    "ErrorItem",
    "ErrorLayer",
    "Figure",
    "Interval",
    "Measure",
    "ScoredImage",
    "WarpingEvents",
    "average_precision",
    "dice",
    "dice_by_class",
    "error_layer",
    "f1",
    "iou",
    "iou_by_class",
    "mean_average_precision",
    "measures_of_classes",
    "object_measures",
    "panoptic_quality",
    "pixel_error",
    "precision",
    "rand_error",
    "recall",
    "regions",
    "score",
    "scored_image",
    "seg",
    "summarise",
    "v_info",
    "v_rand",
    "warping_error",
    "warping_events",
    "worst_first",
]
