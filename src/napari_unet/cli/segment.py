"""Segment images with a trained network: labels, scores and objects as files.

Which images the user means: files, folders, and patterns such as ``day?/*.tif``.
"""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.command import Report
from napari_unet.core.files.image_file import SUFFIXES, is_image
from napari_unet.core.text import ProgressClock

if TYPE_CHECKING:
    from napari_unet.core.segmentation.score_tiles import Score
    from napari_unet.workflows.segment_files import FileSegmentation


def find_images(named: Sequence[str]) -> list[Path]:
    """Return the images named, each once, those of a folder or pattern in the order of their names.

    What names no image is an error that says so: a slip of the pen should not go unseen.
    """
    found = [path for name in named for path in _found(name)]
    return list(dict.fromkeys(found))


def _found(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_dir() and not is_image(path):
        inside = sorted(one for one in path.iterdir() if is_image(one))
        return _some(inside, f"the folder {path} holds no image: {', '.join(SUFFIXES)} are read")
    if not path.exists() and has_magic(name):
        matches = sorted(Path(one) for one in glob(str(path), recursive=True))  # noqa: PTH207
        return _some([one for one in matches if is_image(one)], f"no image matches '{name}'")
    return _some([path] if path.exists() else [], f"there is no image {path}")


def _some(paths: list[Path], otherwise: str) -> list[Path]:
    if not paths:
        raise FileNotFoundError(otherwise)
    return paths


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
    report = Report(arguments)
    runs = _Runs(arguments, report)
    failed: dict[Path, str] = {}
    with _scoring(arguments) as score, _warnings_to(report):
        for number, path in enumerate(runs.paths):
            try:
                runs.segment(path, f"{number + 1}/{len(runs.paths)} {path.name}", score)
            except (ValueError, TypeError, OSError, MemoryError, RuntimeError) as error:
                failed[path] = _why(error)
                report.warn(f"{path.name}: {failed[path]}", image=path)
            except KeyboardInterrupt:
                report.warn(
                    f"interrupted at {path}: finished results are kept, and the same command "
                    "with --skip-existing goes on where it stopped",
                    image=path,
                )
                return INTERRUPTED
    for path, why in failed.items():
        report.say(f"failed: {path.name}: {why}", image=path, failed=why)
    done = len(runs.paths) - len(failed)
    report.say(f"{done} of {len(runs.paths)} images done", done=done, failed=len(failed))
    return ERROR if failed else 0


def _why(error: Exception) -> str:
    """Say why an image failed, with the flags that help."""
    if isinstance(error, FileExistsError):
        return f"{error}; --overwrite replaces it, --skip-existing leaves finished images out"
    return str(error) or "memory is not enough"


class _Runs:
    """The runs of one command: one network, many images."""

    def __init__(self, arguments: argparse.Namespace, report: Report) -> None:
        from napari_unet.core.files.atomic_write import one_sentence
        from napari_unet.core.network.network_file import load_network
        from napari_unet.core.objects.label_objects import ObjectSettings
        from napari_unet.core.runtime.device import choose_device
        from napari_unet.workflows.segment_files import Choices, Outputs

        self.arguments, self.report = arguments, report
        settings = ObjectSettings(
            threshold=arguments.threshold,
            min_area=arguments.min_area,
            holes=arguments.holes,
            split=arguments.split,
        )
        self.outputs = Outputs(
            arguments.output,
            arguments.format,
            scores=arguments.scores,
            objects=settings if arguments.objects else None,
            threshold=arguments.threshold,
            overwrite=arguments.overwrite,
        )
        memory = parse_bytes(arguments.memory) if arguments.memory else None
        self.choices = Choices(arguments.tile, memory, arguments.average)
        self.paths = find_images(arguments.images)
        self._check_names()
        if not arguments.plan:
            with one_sentence(arguments.output):
                arguments.output.mkdir(parents=True, exist_ok=True)
        self.digest = _digest(arguments.network)
        self.network = load_network(arguments.network).to(choose_device(arguments.device))

    def _check_names(self) -> None:
        """Refuse two images whose results would have one name, and results among images."""
        output = self.outputs.folder
        if output.resolve() in [Path(name).resolve() for name in self.arguments.images]:
            raise ValueError(
                f"results in {output} would be mixed with the images: name another folder with -o"
            )
        seen: dict[Path, Path] = {}
        for path in self.paths:
            result = self.outputs.paths(path)["labels"]
            if result in seen:
                raise ValueError(
                    f"{seen[result]} and {path} would both become {result}: "
                    "segment them into two folders"
                )
            seen[result] = path

    def segment(self, path: Path, name: str, score: "Score") -> None:
        """Segment one image, or tell what it would take."""
        from napari_unet.core.files.image_file import open_image
        from napari_unet.workflows.segment_files import FileSegmentation

        results = list(self.outputs.paths(path).values())
        if self.arguments.skip_existing and all(result.exists() for result in results):
            self.report.say(f"{name}: exists already", image=path, skipped=True)
            return
        image = open_image(path, self.arguments.axes).in_order()
        run = FileSegmentation(image, self.network, self.digest, self.outputs, self.choices)
        if self.arguments.plan:
            plan = run.plan()
            self.report.say(f"{name}: {plan}", image=path, **vars(plan))
            return
        self._follow(run, name, score)
        self.report.say(f"{name}: {', '.join(map(str, results))}", image=path, results=results)

    def _follow(self, run: "FileSegmentation", name: str, score: "Score") -> None:
        """Do the run and show how far it is."""
        clock = ProgressClock()
        for progress in run.run(score):
            if progress.told:
                self.report.warn(f"{name}: {progress.told}")
            text = f"{name}: {progress.stage}"
            if progress.total:
                left = clock.time_left(progress.done / progress.total)
                text += f", {100 * progress.done // progress.total} %" + (left and f", {left}")
            self.report.live(text, **vars(progress))


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
