"""Show the program on its sample data, in a window, or without one in about a minute.

Without a window a small network is trained on two images, segments a third, and is scored against
the truth. Image, truth, result and errors are drawn in one PNG.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.cli.command import Report
from napari_unet.cli.open import no_window
from napari_unet.core.text import duration

if TYPE_CHECKING:
    import numpy as np

    from napari_unet.core.network.unet import UNet
    from napari_unet.samples import SampleImage

ABOUT = "show the program on its sample data"
SAMPLE = "nuclei"
TRAINED_ON, TESTED_ON = ("nuclei", "nuclei-2"), "nuclei-test"
PRESET = "nano"
SECONDS = 60.0
SMALLEST = 30  # px; smaller objects are no nuclei


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="open no window")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="S", help="training time (default: 60)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="PNG", help="default: a new file here")


def run(arguments: argparse.Namespace) -> int:
    """Open the window, or train, segment, score and draw without one."""
    report = Report(arguments)
    why = "" if arguments.headless else no_window()
    if not arguments.headless and not why:
        from napari_unet.widgets.start import open_window

        open_window([], SAMPLE)
        return 0
    if not arguments.seconds > 0:
        raise ValueError(f"--seconds is {arguments.seconds:g}: give the network some time to train")
    if why:
        report.warn(f"{why}; here is the demo without one.")
    _without_window(arguments, report)
    return 0


def _without_window(arguments: argparse.Namespace, report: Report) -> None:
    from napari_unet import samples, segment
    from napari_unet.cli.preview import refuse_existing
    from napari_unet.core.objects.label_objects import ObjectSettings

    path = arguments.output or _free(Path("napari-unet-demo.png"))
    refuse_existing(path)
    network = _trained(arguments, report)
    test = samples.load(TESTED_ON)
    result = segment(
        test.image, network, axes=test.axes, objects=ObjectSettings(min_area=SMALLEST)
    ).labels
    _tell_scores(report, test, result, arguments.seed)
    _draw(path, test, result)
    report.say(
        f"Image, truth, result and errors are drawn in {path.absolute()}", picture=path.absolute()
    )


def _trained(arguments: argparse.Namespace, report: Report) -> "UNet":
    import torch

    from napari_unet import Annotation, TrainSettings, UNet, samples, train
    from napari_unet.core.runtime.device import choose_device

    settings = TrainSettings.preset(PRESET, seed=arguments.seed, minutes=arguments.seconds / 60)
    loaded = [samples.load(name) for name in TRAINED_ON]
    annotations = [
        Annotation(one.image, one.labels, axes=one.axes, zero="background", ids="objects")
        for one in loaded
    ]
    torch.manual_seed(arguments.seed)
    network = UNet.of(settings)
    network.to(choose_device(arguments.device))
    number, loss = 0, float("nan")
    for step in train(network, annotations, settings):
        number, loss = step.number, step.loss
        report.live(
            f"training on {' and '.join(TRAINED_ON)}: step {number}, loss {loss:.3f}, "
            f"{duration(step.seconds_left)} left",
            step=number, loss=loss, seconds_left=step.seconds_left,
        )  # fmt: skip
    report.say(
        f"A {PRESET} network was trained for {duration(arguments.seconds)} on "
        f"{' and '.join(TRAINED_ON)}: {number} steps, loss {loss:.3f}",
        steps=number, loss=loss,
    )  # fmt: skip
    return network


def _tell_scores(report: Report, test: "SampleImage", result: "np.ndarray", seed: int) -> None:
    """Print the scores, with intervals, of the image that was not trained on."""
    from napari_unet.cli.score_table import tell_summary
    from napari_unet.core.evaluation import Comparison, object_measures, score, summarise

    measures = object_measures()
    scored = [score(test.name, Comparison(test.labels, result), measures)]
    figures = [summarise(scored, measure, seed) for measure in measures]
    report.say(
        f"'{test.name}', which it has not seen: {result.max()} objects found, "
        f"{test.labels.max()} in truth",
        found=int(result.max()), truth=int(test.labels.max()),
    )  # fmt: skip
    tell_summary(report, figures, 1, ["A match is an IoU of 0.5 or more."])


def _draw(path: Path, test: "SampleImage", result: "np.ndarray") -> None:
    import numpy as np

    from napari_unet.cli import panels as picture
    from napari_unet.core.evaluation import error_layer
    from napari_unet.core.normalisation import Normalisation

    contrast = Normalisation().measure(test.image, test.axes)
    places = tuple(np.arange(edge) for edge in test.image.shape)
    image = picture.gray(contrast.apply(test.image[None], places))
    errors = error_layer(test.labels, result)
    panels = [
        (f"image '{test.name}'", image),
        (f"truth: {test.labels.max()} objects", picture.tinted(image, test.labels)),
        (f"result: {result.max()} objects", picture.tinted(image, result)),
        (picture.errors_title(errors), picture.with_errors(image, errors)),
    ]
    picture.draw_panels(path, [(title, picture.enlarged(p)) for title, p in panels], columns=2)


def _free(path: Path) -> Path:
    """Return ``path``, or the first numbered one beside it that is free."""
    number = 2
    free = path
    while free.exists():
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free
