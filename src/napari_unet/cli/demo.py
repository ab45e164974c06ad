"""Draw a deformed sample of the sample data and its weight map to one PNG."""

import argparse
from pathlib import Path

from napari_unet.cli.preview import draw_preview, refuse_existing
from napari_unet.cli.report import Report

ABOUT = "draw a sample of the sample data, deformed and weighed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="PNG", help="default: a new file here")
    parser.add_argument("--sample", help="name of the sample data (default: the first)")


def run(arguments: argparse.Namespace) -> int:
    from napari_unet import samples
    from napari_unet.core.annotation import Annotation
    from napari_unet.core.settings import TrainSettings

    path = arguments.output or _free(Path("napari-unet-demo.png"))
    refuse_existing(path)
    shown = samples.load(arguments.sample or samples.names()[0])
    annotation = Annotation(
        shown.image, shown.labels, axes=shown.axes, zero="background", ids="objects"
    )
    draw_preview(annotation, TrainSettings.preset("paper", seed=arguments.seed), path)
    Report(arguments).say(
        f"A sample of '{shown.name}', deformed and weighed, is drawn in {path.absolute()}",
        picture=path.absolute(),
    )
    return 0


def _free(path: Path) -> Path:
    """Return ``path``, or the first numbered one beside it that is free."""
    number = 2
    found = path
    while found.exists():
        found = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return found
