"""Segmenting: a network over a whole image, tile by tile, equal to the image in one piece."""

from napari_unet.core.segmenting.kept import KeptScores, Labelled, relabel, relabel_tile
from napari_unet.core.segmenting.options import Options
from napari_unet.core.segmenting.plan import Plan
from napari_unet.core.segmenting.prepare import prepare
from napari_unet.core.segmenting.scoring import Scored, Scoring
from napari_unet.core.segmenting.segment import (
    Segmentation,
    plan_segmentation,
    score_tiles,
    segment,
)
from napari_unet.core.segmenting.writing import Stores, fill

__all__ = [
    "KeptScores",
    "Labelled",
    "Options",
    "Plan",
    "Scored",
    "Scoring",
    "Segmentation",
    "Stores",
    "fill",
    "plan_segmentation",
    "prepare",
    "relabel",
    "relabel_tile",
    "score_tiles",
    "segment",
]
