"""A run makes the files that segmenting in memory would, also after it was cut short."""

import json
import os
import resource
import subprocess
import sys
import textwrap
from itertools import islice

import numpy as np
import ome_zarr_models
import pytest
import tifffile
import torch

from napari_unet.core.files.image_file import open_image
from napari_unet.core.network.unet import UNet
from napari_unet.core.objects.label_objects import ObjectSettings, label_objects
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.segment import segment
from napari_unet.core.segmentation.tile_store import FINISHING, JOURNAL, LOCK, DiskStore, Layout
from napari_unet.core.segmentation.tiling import Tile
from napari_unet.workflows import segment_files
from napari_unet.workflows.result_files import Outputs
from napari_unet.workflows.segment_files import Choices, FileSegmentation

TILE = 140  # px; 96 px of output, so that the images here have many tiles
SIZE = {"Y": 0.5, "X": 0.25}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    found = UNet(1, 3, base=4, depth=2, norm="none")
    found.about["classes"] = [{"name": name} for name in ("background", "cell", "debris")]
    found.eval()
    with torch.no_grad():  # so that every class is found here and there
        seen = found(torch.rand(1, 1, 140, 140))
        found.head.bias -= seen.mean((0, 2, 3))
        found.head.weight *= 4 / seen.std()
        found.head.bias *= 4 / seen.std()
    return found


@pytest.fixture
def image(tmp_path):
    return write_image(tmp_path / "cells.tif", (330, 290), "YX")


def write_image(path, shape, axes):
    pixels = np.random.default_rng(4).integers(0, 2**16, shape).astype(np.uint16)
    size = {f"PhysicalSize{axis}": value for axis, value in SIZE.items()}
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": axes, **size})
    return open_image(path)


@pytest.fixture
def on_disk(monkeypatch):
    """Keep every image in a partial result on disk, as is done with large ones."""
    monkeypatch.setattr(segment_files, "SMALL", 0)


def make(image, network, form="tiff", digest="a", **outputs):
    folder = image.path.parent / "results"
    folder.mkdir(exist_ok=True)
    wanted = {"scores": True, "objects": ObjectSettings(min_area=3), **outputs}
    return FileSegmentation(
        image, network, digest, Outputs(folder, form, **wanted), Choices(tile=TILE)
    )


def results(run):
    """Return what the files of a finished run hold."""
    paths = run.outputs.paths(run.image.path)
    return {
        what: path.read_text() if what == "table" else np.asarray(open_image(path).data)
        for what, path in paths.items()
    }


def assert_same(found, expected):
    for what, value in expected.items():
        np.testing.assert_array_equal(found[what], value)


@pytest.mark.parametrize("form", ["tiff", "ome-zarr"])
@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize(("shape", "axes"), [((330, 290), "YX"), ((2, 110, 130), "TYX")])
def test_files_hold_what_segmenting_in_memory_finds(
    tmp_path, network, monkeypatch, form, where, shape, axes
):
    monkeypatch.setattr(segment_files, "SMALL", 0 if where == "disk" else 10**9)
    image = write_image(tmp_path / "cells.ome.tif", shape, axes)
    run = make(image, network, form)
    stages = [progress.stage for progress in run.run()]
    assert list(dict.fromkeys(stages)) == ["prepare", "tiles", "objects", "scores", "labels"]
    found = results(run)
    whole = segment(np.asarray(image.data), network, axes=axes, tile=TILE, scores=True)
    time_first = found["scores"].shape[0] == 2 and axes == "TYX" and form == "ome-zarr"
    scores = np.moveaxis(found["scores"], 1, 0) if time_first else found["scores"]
    np.testing.assert_array_equal(scores, whole.scores)
    np.testing.assert_array_equal(found["labels"], whole.labels)
    objects = label_objects(whole.scores, min_area=3, dims=2)
    np.testing.assert_array_equal(found["objects"], objects)
    assert found["table"].count("\n") == objects.max() + 1
    assert found["table"].count(",debris,") > 1
    paths = run.outputs.paths(image.path)
    for what in ("labels", "scores", "objects"):
        assert dict(open_image(paths[what]).pixel_size) == SIZE
        if form == "ome-zarr":
            ome_zarr_models.open_ome_zarr(paths[what])
    assert {path.name for path in run.outputs.folder.iterdir()} == {p.name for p in paths.values()}


def cut_short(run, tiles):
    """Begin a run and stop it after so many tiles; return its folder and the share done."""
    steps = run.run()
    seen = list(islice((step for step in steps if step.stage == "tiles"), 1 + tiles))
    steps.close()
    assert [path.name for path in run.outputs.folder.iterdir()] == ["cells.partial"]
    return run.outputs.partial(run.image.path), share_of(seen[-1])


def share_of(step):
    return step.done / step.total


def started_at(run):
    """Finish a run; return the share of the image that it had found done, and what it told."""
    steps = list(run.run())
    return share_of(next(step for step in steps if step.stage == "tiles")), steps[0].told


@pytest.fixture(scope="module")
def expected(network, tmp_path_factory):
    image = write_image(tmp_path_factory.mktemp("whole") / "cells.tif", (330, 290), "YX")
    run = make(image, network)
    list(run.run())
    return results(run)


@pytest.mark.parametrize("tiles", [0, 1, 7, 12])
def test_a_run_goes_on_at_the_tile_it_stopped_at(image, network, expected, on_disk, tiles):
    _, done = cut_short(make(image, network), tiles)
    share, told = started_at(run := make(image, network))
    assert share == done
    assert (share > 0) == (tiles > 0)
    assert "going on with" in told
    assert_same(results(run), expected)


def test_a_run_goes_on_with_the_tile_size_it_began_with(image, network, expected, on_disk):
    run = make(image, network)
    _, done = cut_short(run, 5)
    other = FileSegmentation(image, network, "a", run.outputs, Choices(tile=76))
    assert started_at(other)[0] == done > 0
    assert_same(results(other), expected)


def test_tiles_that_were_damaged_since_are_scored_again(image, network, expected, on_disk):
    folder, done = cut_short(make(image, network), 8)
    chunks = sorted(path for path in (folder / "labels.zarr/0/c").rglob("*") if path.is_file())
    chunks[0].unlink()  # as a power cut may leave it: noted, and not on the disk
    share, _ = started_at(run := make(image, network))
    assert 0 < share < done
    assert_same(results(run), expected)


def from_json(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


@pytest.mark.parametrize("cut", [1, 40, 133])
def test_a_journal_that_was_cut_short_loses_its_last_tiles_alone(
    image, network, expected, on_disk, cut
):
    folder, _ = cut_short(make(image, network), 8)
    journal = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(journal[:-cut])
    lines = [line for line in map(from_json, journal[:-cut].splitlines()) if line]
    assert len(lines) >= 4
    pixels = sum(np.prod([stop - start for start, stop in bounds]) for bounds, _ in lines)
    share, _ = started_at(run := make(image, network))
    assert share == pixels / (330 * 290)
    assert_same(results(run), expected)


def test_what_differs_is_begun_anew_and_told(image, network, expected, on_disk):
    cut_short(make(image, network), 8)
    assert "anew" in (told := started_at_only(make(image, network, digest="b"))[1])
    assert "it differs in network" in told
    cut_short(make(image, network), 8)
    other = make(image, network, threshold=0.4)
    assert "it differs in settings" in started_at_only(other)[1]
    cut_short(make(image, network), 8)
    os.utime(image.path, (0, 0))
    share, told = started_at(run := make(image, network))
    assert "it differs in image" in told
    assert share == 0
    assert_same(results(run), expected)


def started_at_only(run):
    """Return what ``started_at`` does, with the results removed again."""
    found = started_at(run)
    for path in run.outputs.folder.iterdir():
        path.unlink()
    return found


@pytest.mark.parametrize("form", ["tiff", "ome-zarr"])
def test_a_run_cut_short_while_results_take_their_names_is_finished(
    image, network, expected, on_disk, form
):
    run = make(image, network, form)
    steps = run.run()
    next(step for step in steps if step.stage == "labels")
    steps.close()
    names = {path.name for path in run.outputs.folder.iterdir()}
    assert "cells_objects.csv" in names
    assert not any("labels" in name for name in names), "labels come last"
    share, _ = started_at(run)
    assert share == 1
    assert_same(results(run), expected)
    assert not run.outputs.partial(image.path).exists()


def test_a_run_that_had_but_to_tidy_up_does_so(image, network, expected, on_disk, monkeypatch):
    monkeypatch.setattr(DiskStore, "remove", lambda store: None)
    run = make(image, network, "ome-zarr")
    list(run.run())
    assert run.outputs.partial(image.path).exists()
    assert list(run.run()) == []
    assert not run.outputs.partial(image.path).exists()
    assert_same(results(run), expected)


def test_other_objects_use_the_same_scores_but_not_files_half_written(image, network, on_disk):
    larger = {"objects": ObjectSettings(min_area=9)}
    list(islice(make(image, network).run(), 5))
    assert "going on" in started_at(make(image, network, **larger))[1]
    gone_on = results(make(image, network, **larger))
    list(make(image, network, overwrite=True, **larger).run())
    assert_same(gone_on, results(make(image, network, **larger)))
    for _ in make(image, network, overwrite=True).run():
        if (image.path.parent / "results" / "cells.partial" / FINISHING).exists():
            break
    again = make(image, network, overwrite=True, **larger)
    assert "differs in objects" in started_at(again)[1]
    assert_same(results(again), gone_on)


def test_existing_results_are_refused_before_anything_is_computed(image, network):
    run = make(image, network)
    (run.outputs.folder / "cells_objects.csv").write_text("mine")
    with pytest.raises(FileExistsError, match=r"cells_objects\.csv exists already"):
        next(run.run())
    assert [path.name for path in run.outputs.folder.iterdir()] == ["cells_objects.csv"]
    list(make(image, network, overwrite=True).run())
    assert (run.outputs.folder / "cells_objects.csv").read_text() != "mine"


def test_two_runs_do_not_write_one_result(image, network, on_disk, other_process):
    folder, _ = cut_short(make(image, network), 2)
    by = r"is being written by process \d+ on"
    with other_process(folder / LOCK), pytest.raises(ValueError, match=by):
        list(make(image, network).run())
    assert started_at(make(image, network))[0] > 0


def test_a_full_disk_keeps_what_is_done(image, network, expected, on_disk):
    """The store says so in one sentence, and the next run goes on."""
    run = make(image, network)
    _, done = cut_short(run, 3)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))  # bytes that a file may have
    try:
        with pytest.raises(OSError, match=r"the disk or the quota of .* is full"):
            list(run.run())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    share, _ = started_at(run)
    assert share == done > 0
    assert_same(results(run), expected)


def test_a_damaged_store_is_begun_anew(image, network, expected, on_disk):
    folder, _ = cut_short(make(image, network), 5)
    (folder / "labels.zarr/0/zarr.json").unlink()
    share, _ = started_at(run := make(image, network))
    assert share == 0
    assert_same(results(run), expected)


def tiles(starts, size):
    """Return tiles that start at ``starts`` along Y, of an image ``size`` long, one wide."""
    stops = [*starts[1:], size]
    return [Tile((), (slice(a, b), slice(0, 100))) for a, b in zip(starts, stops, strict=True)]


@pytest.mark.parametrize(
    ("starts", "chunk"), [([0, 384, 768], 384), ([0, 656], 328), ([0], 512), ([0, 301], 301)]
)
def test_tiles_have_chunks_of_their_own_where_that_is_possible(starts, chunk):
    layout = Layout.of((1200, 100), "YX", 0, tiles(starts, 1200), 2)
    assert layout.chunks == (chunk, 100)
    odd = Layout.of((1200, 100), "YX", 0, tiles([0, 301, 401], 1200), 2)
    assert odd.chunks == (512, 100)


def test_a_plan_writes_nothing(image, network):
    run = make(image, network)
    assert run.plan().tiles == len(list(prepare(image.data, network, tile=TILE).tiles()))
    assert list(run.outputs.folder.iterdir()) == []


LARGE = """
    import sys
    from pathlib import Path
    from threading import Thread
    from time import sleep
    import numpy as np, psutil, torch
    from napari_unet.workflows.segment_files import Choices, FileSegmentation
    from napari_unet.core.files.image_file import open_image
    from napari_unet.core.network.unet import UNet
    from napari_unet.workflows.result_files import Outputs

    folder, edge, seen = Path(sys.argv[1]), int(sys.argv[2]), []
    band = np.random.default_rng(0).integers(0, 255, (edge // 10, edge), np.uint8)
    with (folder / "a.npy").open("wb") as file:
        about = {"descr": "|u1", "fortran_order": False, "shape": (edge, edge)}
        np.lib.format.write_array_header_1_0(file, about)
        for _ in range(10):
            file.write(band.tobytes())
    network = UNet(1, 3, base=2, depth=1, norm="none").eval()
    process = psutil.Process()

    def watch():
        while True:
            seen.append(process.memory_info().rss)
            sleep(0.005)

    Thread(target=watch, daemon=True).start()
    outputs = Outputs(folder, "ome-zarr", scores=True)
    given = Choices(memory=100 * 2**20)
    run = FileSegmentation(open_image(folder / "a.npy"), network, "a", outputs, given)
    before = process.memory_info().rss
    for _ in run.run():
        pass
    print((max(seen) - before) / 2**20)
"""


def test_memory_does_not_grow_with_the_image(tmp_path):
    """5000² pixels with scores of three classes are 325 MiB of results; in memory they would add
    at least that."""
    peak = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LARGE), str(tmp_path), "5000"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert float(peak) < 325
    assert {path.name for path in tmp_path.iterdir()} == {"a.npy", "a_labels.zarr", "a_scores.zarr"}
