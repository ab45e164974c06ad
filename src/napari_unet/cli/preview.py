"""Draw what training sees of an annotated image: the deformed sample and its weight map."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.cli.command import Report

if TYPE_CHECKING:
    from napari_unet.core.annotation.annotation import Annotation
    from napari_unet.core.training.settings import TrainSettings

ABOUT = "draw the deformed sample and its weight map to a PNG"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, help="the image")
    parser.add_argument("labels", type=Path, help="its labels")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PNG")
    parser.add_argument("--preset", default="paper", help="settings to draw the sample with")
    add_coding(parser)


def add_coding(parser: argparse.ArgumentParser) -> None:
    """Add the two switches that say what the label values mean."""
    parser.add_argument(
        "--zero",
        choices=("unlabelled", "background"),
        default="background",
        help="what 0 means in the labels (default: background)",
    )
    parser.add_argument(
        "--ids",
        choices=("classes", "objects"),
        default="objects",
        help="whether each value is a class or an object (default: objects)",
    )


def run(arguments: argparse.Namespace) -> int:
    from napari_unet.core.annotation.annotation import Annotation
    from napari_unet.core.files.image_file import open_image
    from napari_unet.core.training.settings import TrainSettings

    if arguments.output.suffix.lower() != ".png":
        raise ValueError(f"{arguments.output} does not end in .png: the sample is drawn to a PNG")
    refuse_existing(arguments.output)
    image, labels = open_image(arguments.image), open_image(arguments.labels)
    annotation = Annotation(
        image.data, labels.data, axes=image.axes, zero=arguments.zero, ids=arguments.ids
    )
    settings = TrainSettings.preset(arguments.preset, seed=arguments.seed)
    draw_preview(annotation, settings, arguments.output)
    Report(arguments).say(f"The sample is drawn in {arguments.output}", picture=arguments.output)
    return 0


def refuse_existing(path: Path) -> None:
    """Say so before any work when ``path`` would be overwritten."""
    if path.exists():
        raise FileExistsError(f"{path} exists already: name another file with -o or remove it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist: make it first")


def draw_preview(annotation: "Annotation", settings: "TrainSettings", path: Path) -> None:
    """Draw the tile as it is, deformed, its classes and its weights to the PNG at ``path``."""
    import numpy as np

    from napari_unet.cli import panels
    from napari_unet.core.annotation.annotation import UNLABELLED
    from napari_unet.core.sampling.sample import draw_sample, undeformed

    if settings.dims != 2:
        raise ValueError("a preview is drawn of a 2-D network's tile: use settings with dims 2")
    sample = draw_sample(annotation, settings, np.random.default_rng(settings.seed))
    before = undeformed(annotation, settings, sample)
    coordinates = sample.deformation.coordinates(sample.place.centre)
    border = (sample.image.shape[1] - sample.classes.shape[0]) // 2
    classes = np.where(sample.classes == UNLABELLED, 0, sample.classes)
    inner = panels.gray(sample.image[:, border:-border, border:-border])
    top = float(sample.weights.max())
    draw = [
        ("image at the same place", panels.gray(before)),
        ("deformed, with its 32 px grid", panels.ruled(panels.gray(sample.image), coordinates)),
        (
            "what the network sees, and its output",
            panels.framed(panels.gray(sample.image), border),
        ),
        ("classes", panels.tinted(inner, classes)),
        (f"weights, 0 to {top:.1f}", panels.heat(sample.weights, max(top, 1e-6))),
    ]
    panels.draw_panels(path, draw)
