"""Segment images with a trained network: labels, scores and objects as files."""

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.command import Report
from napari_unet.core.text import ProgressClock

if TYPE_CHECKING:
    from napari_unet.core.segmentation.score_tiles import Score
    from napari_unet.workflows.segment_files import FileEvent, FilesRequest


def parse_bytes(text: str) -> int:
    """Return the number of bytes that "500M", "4G" or "2.5GiB" says."""
    plain = text.strip().upper().removesuffix("B").removesuffix("I")
    power = "KMGT".find(plain[-1:]) + 1 if plain else 0
    try:
        size = float(plain[:-1] if power else plain) * 1024**power
    except ValueError:
        raise ValueError(f"'{text}' is no amount of memory: write 500M or 4G") from None
    if not size >= 1:
        raise ValueError(f"'{text}' is no amount of memory: write 500M or 4G")
    return int(size)


ABOUT = "segment images with a trained network"
ERROR, INTERRUPTED = 1, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", type=Path, help="a network file")
    parser.add_argument("images", nargs="+", help="images, folders of images, or patterns")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--format", choices=("tiff", "ome-zarr"), default="tiff", help="of the results"
    )
    parser.add_argument("--scores", action="store_true", help="write the scores of all classes too")
    parser.add_argument("--axes", help="axes of the images, such as ZYXC, where files are wrong")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--skip-existing", action="store_true", help="leave finished images out")
    existing.add_argument("--overwrite", action="store_true", help="replace existing results")
    parser.add_argument("--plan", action="store_true", help="tell what it would take, and stop")
    _add_object_arguments(parser)
    _add_tile_arguments(parser)


def _add_object_arguments(parser: argparse.ArgumentParser) -> None:
    objects = parser.add_argument_group("objects")
    objects.add_argument("--objects", action="store_true", help="write objects and a table of them")
    objects.add_argument(
        "--threshold", type=float, default=0.5, help="score from which a pixel is one of a class"
    )
    objects.add_argument(
        "--min-area", type=int, default=0, metavar="PX", help="drop smaller objects"
    )
    objects.add_argument(
        "--holes", type=int, default=0, metavar="PX", help="fill holes up to this area"
    )
    objects.add_argument(
        "--split", type=float, default=0.0, metavar="PX",
        help="split objects at necks that are narrower than their bodies by this radius",
    )  # fmt: skip


def _add_tile_arguments(parser: argparse.ArgumentParser) -> None:
    tiles = parser.add_argument_group("tiles")
    tiles.add_argument(
        "--average", choices=("none", "mirror", "rotate"), default="none",
        help="average the scores of mirrored, or of mirrored and rotated, images",
    )  # fmt: skip
    tiles.add_argument("--tile", type=int, metavar="PX", help="input edge (default: what fits)")
    tiles.add_argument("--memory", metavar="SIZE", help="memory to use, such as 4G (default: half)")
    tiles.add_argument(
        "--dask", metavar="ADDRESS",
        help="share the tiles among the workers of a dask scheduler; local:N starts N workers",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Segment every image; one that fails is told at the end and does not stop the others."""
    from napari_unet.workflows.segment_files import segment_each

    report = Report(arguments)
    request = _request(arguments)
    failed: dict[Path, str] = {}
    event: FileEvent | None = None
    clock = ProgressClock()
    with _scoring(arguments) as score, _warnings_to(report):
        try:
            for event in segment_each(request, score):
                if event.stage == "open":
                    clock = ProgressClock()
                elif event.error is not None:
                    failed[event.path] = _why(event.error)
                    report.warn(f"{event.name}: {failed[event.path]}", image=event.path)
                else:
                    _report_event(report, event, clock)
        except KeyboardInterrupt:
            path = event.path if event else arguments.images[0]
            report.warn(
                f"interrupted at {path}: finished results are kept, and the same command "
                "with --skip-existing goes on where it stopped",
                image=path,
            )
            return INTERRUPTED
    for path, why in failed.items():
        report.say(f"failed: {path.name}: {why}", image=path, failed=why)
    count = event.count if event else 0
    done = count - len(failed)
    report.say(f"{done} of {count} images done", done=done, failed=len(failed))
    return ERROR if failed else 0


def _why(error: Exception) -> str:
    """Say why an image failed, with the flags that help."""
    if isinstance(error, FileExistsError):
        return f"{error}; --overwrite replaces it, --skip-existing leaves finished images out"
    return str(error) or "memory is not enough"


def _report_event(report: Report, event: "FileEvent", clock: ProgressClock) -> None:
    name = f"{event.number}/{event.count} {event.name}"
    if event.stage == "skipped":
        report.say(f"{name}: exists already", image=event.path, skipped=True)
    elif event.plan is not None:
        report.say(f"{name}: {event.plan}", image=event.path, **vars(event.plan))
    elif event.stage == "done":
        results = list(event.results)
        report.say(f"{name}: {', '.join(map(str, results))}", image=event.path, results=results)
    else:
        if event.told:
            report.warn(f"{name}: {event.told}")
        text = f"{name}: {event.stage}"
        if event.total:
            left = clock.time_left(event.share)
            text += f", {100 * event.done // event.total} %" + (left and f", {left}")
        report.live(text, stage=event.stage, done=event.done, total=event.total, told=event.told)


def _request(arguments: argparse.Namespace) -> "FilesRequest":
    from napari_unet.core.network.network_file import load_network
    from napari_unet.core.objects.label_objects import ObjectSettings
    from napari_unet.core.runtime.device import choose_device
    from napari_unet.workflows.result_files import Outputs
    from napari_unet.workflows.segment_files import Choices, FilesRequest

    settings = ObjectSettings(
        threshold=arguments.threshold,
        min_area=arguments.min_area,
        holes=arguments.holes,
        split=arguments.split,
    )
    outputs = Outputs(
        arguments.output,
        arguments.format,
        scores=arguments.scores,
        objects=settings if arguments.objects else None,
        threshold=arguments.threshold,
        overwrite=arguments.overwrite,
    )
    memory = parse_bytes(arguments.memory) if arguments.memory else None
    return FilesRequest(
        arguments.images,
        load_network(arguments.network).to(choose_device(arguments.device)),
        outputs,
        Choices(arguments.tile, memory, arguments.average),
        arguments.axes,
        arguments.skip_existing,
        arguments.plan,
    )


@contextmanager
def _scoring(arguments: argparse.Namespace) -> Iterator["Score"]:
    """Yield what scores tiles: this process, or the workers of a cluster."""
    if not arguments.dask or arguments.plan:
        from napari_unet.core.segmentation.score_tiles import score_here

        yield score_here
        return
    from napari_unet.cluster.dask_tiles import cluster

    with cluster(arguments.dask) as score:
        yield score


@contextmanager
def _warnings_to(report: Report) -> Iterator[None]:
    """Let warnings of the computation appear as sentences."""

    def show(message: Any, *rest: Any, **more: Any) -> None:
        report.warn(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = show
        yield
