"""The segment verb: what it writes, what it says, and what it does when something goes wrong."""

import csv
import itertools
import json
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tifffile
import torch
from skimage.io import imsave

from napari_unet.cli import command
from napari_unet.cli.segment import parse_bytes
from napari_unet.core.files.image_file import open_image
from napari_unet.core.network.network_file import save_network
from napari_unet.core.network.unet import UNet
from napari_unet.core.objects.label_objects import label_objects
from napari_unet.core.segmentation.segment import segment
from napari_unet.core.segmentation.tile_store import FACTS, DiskStore
from napari_unet.workflows.segment_files import find_images

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    found = UNet(1, 2, base=2, depth=1, norm="none").eval()
    with torch.no_grad():  # so that both classes are found here and there
        seen = found(torch.rand(1, 1, 60, 60))
        found.head.bias -= seen.mean((0, 2, 3))  # objects of some pixels each
    return found


@pytest.fixture
def folder(tmp_path, network, monkeypatch):
    """Work in a folder with a network, three good images and a broken one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "VERBS", ("segment",))
    save_network(network, tmp_path / "net.safetensors")
    (tmp_path / "images").mkdir()
    for number, name in enumerate(("a.tif", "b.ome.tif", "d.tif")):
        pixels = RNG.integers(0, 255, (50 + number, 70)).astype(np.uint8)
        size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        tifffile.imwrite(tmp_path / "images" / name, pixels, ome=True, metadata=size)
    whole = (tmp_path / "images" / "a.tif").read_bytes()
    (tmp_path / "images" / "c.tif").write_bytes(whole[:2000])
    return tmp_path


def run(line, *more):
    return command.main(["segment", "net.safetensors", *line.split(), *more])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_segmented_past_a_broken_file(folder, network, capsys):
    assert run("images -o out --objects --scores") == 1
    shown = capsys.readouterr()
    assert "c.tif is cut short" in shown.err
    failed, total = shown.out.splitlines()[-2:]
    assert failed.startswith("failed: c.tif: ")
    assert total == "3 of 4 images done"
    kinds = ("labels.tif", "objects.csv", "objects.tif", "scores.tif")
    assert names(folder / "out") == [f"{stem}_{kind}" for stem in "abd" for kind in kinds]
    image = open_image("images/b.ome.tif")
    labels = open_image("out/b_labels.tif")
    assert dict(labels.pixel_size) == {"Y": 0.5, "X": 0.5}
    np.testing.assert_array_equal(
        np.asarray(labels.data), segment(np.asarray(image.data), network).labels
    )


def test_existing_results_are_kept_or_skipped_or_replaced(folder, capsys):
    assert run("images/a.tif images/b.ome.tif -o out") == 0
    before = (folder / "out/a_labels.tif").stat().st_mtime_ns
    assert run("images/a.tif -o out") == 1
    told = capsys.readouterr().err
    assert "out/a_labels.tif exists already" in told
    assert "--overwrite replaces it, --skip-existing leaves finished images out" in told
    assert run("images/[ad].tif -o out --skip-existing") == 0
    assert "1/2 a.tif: exists already" in capsys.readouterr().out
    assert (folder / "out/a_labels.tif").stat().st_mtime_ns == before
    assert names(folder / "out") == ["a_labels.tif", "b_labels.tif", "d_labels.tif"]
    assert run("images/a.tif -o out --overwrite") == 0
    assert (folder / "out/a_labels.tif").stat().st_mtime_ns > before
    with pytest.raises(SystemExit) as stopped:
        run("images/a.tif -o out --overwrite --skip-existing")
    assert stopped.value.code == 2


def test_a_plan_is_told_and_nothing_written(folder, capsys):
    assert run("images/a.tif -o out --plan --average rotate --tile 60") == 0
    assert "1/1 a.tif: 4 tiles of 60 × 60 px, each scored 8 times" in capsys.readouterr().out
    assert not (folder / "out").exists()


def test_json_is_one_object_a_line(folder, capsys):
    assert run("images/a.tif -o out --json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[-2]["image"] == "images/a.tif"
    assert told[-2]["results"] == ["out/a_labels.tif"]
    assert told[-1] == {"event": "result", "text": "1 of 1 images done", "done": 1, "failed": 0}


def test_object_options_reach_the_objects(folder):
    assert run("images/a.tif -o out --objects --scores --min-area 4 --holes 9 --split 1") == 0
    scores = np.asarray(open_image("out/a_scores.tif").data)
    expected = label_objects(scores, min_area=4, holes=9, split=1.0)
    np.testing.assert_array_equal(np.asarray(open_image("out/a_objects.tif").data), expected)
    assert areas_in(folder / "out/a_objects.csv") == list(np.bincount(expected.ravel())[1:])
    assert (expected != label_objects(scores)).any(), "the options make a difference"
    assert run("images/a.tif -o sure --objects --threshold 0.9") == 0
    np.testing.assert_array_equal(np.asarray(open_image("sure/a_labels.tif").data), scores[1] > 0.9)
    assert np.asarray(open_image("sure/a_objects.tif").data)[scores[1] > 0.9].all()


def areas_in(path):
    with path.open(newline="") as file:
        return [int(row["area_px"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("images -o images", "would be mixed with the images"),
        ("images/a.tif other/a.tif -o out", "would both become out/a_labels.tif"),
        ("nothing.tif -o out", "there is no image nothing.tif"),
        ("empty -o out", "the folder empty holds no image"),
        ("images/*.jpg -o out", "no image matches 'images/*.jpg'"),
        ("images/a.tif -o net.safetensors/out", "out cannot be written"),
        ("images/a.tif -o /proc/out", "out cannot be written"),
        ("images/a.tif -o out --memory lots", "'lots' is no amount of memory"),
        ("images/a.tif -o out --memory 1K", "is not enough for the smallest tile"),
        ("images/a.tif -o out --threshold 2", "must lie between 0 and 1"),
        ("images/a.tif -o out --tile 45", "45"),
        ("images/a.tif -o out --device cuda:99", "cuda"),
        ("images/a.tif -o out --dask nowhere", "no dask scheduler answers at 'nowhere'"),
        ("images/a.tif -o out --dask local:none", "write local:2"),
        ("images/a.tif -o out --axes QX", "axes"),
        ("special/colour.png -o out", "has 3 channels and the network takes 1"),
        ("special/nan.npy -o out", "NaN"),
        ("special/nothing.npy -o out", "holds no pixels"),
        ("special/text.npy -o out", "not"),
    ],
)
def test_bad_input_is_one_sentence(folder, capsys, line, reason):
    for name in ("other", "empty", "special"):
        (folder / name).mkdir()
    (folder / "other/a.tif").write_bytes((folder / "images/a.tif").read_bytes())
    imsave(folder / "special/colour.png", np.zeros((50, 60, 3), np.uint8), check_contrast=False)
    np.save(folder / "special/nan.npy", np.full((50, 60), np.nan))
    np.save(folder / "special/nothing.npy", np.zeros((50, 0)))
    np.save(folder / "special/text.npy", np.full((50, 60), "a"))
    assert run(line) == 1
    shown = capsys.readouterr()
    assert reason in shown.err
    assert "Traceback" not in shown.err
    assert not list(folder.glob("out/*"))


@pytest.fixture
def big(folder, monkeypatch):
    """Add an image of many tiles, kept on disk while it is segmented."""
    monkeypatch.setattr("napari_unet.workflows.segment_files.SMALL", 0)
    pixels = RNG.integers(0, 255, (600, 600)).astype(np.uint8)
    tifffile.imwrite(folder / "images/big.tif", pixels)
    return "images/big.tif -o out --tile 60"


def assert_goes_on(folder, network, line, capsys):
    assert names(folder / "out") == ["big.partial"]
    # each process measures which precision is the fastest, and the first one decides for the result
    precision = json.loads((folder / "out/big.partial" / FACTS).read_text())["precision"]
    assert run(f"{line} --skip-existing") == 0
    assert "going on with out/big.partial" in capsys.readouterr().err
    assert names(folder / "out") == ["big_labels.tif"]
    image = np.asarray(open_image("images/big.tif").data)
    expected = segment(image, network, tile=60, precision=precision).labels
    np.testing.assert_array_equal(np.asarray(open_image("out/big_labels.tif").data), expected)


@pytest.fixture
def control_c_interrupts():
    """As in a program of its own: other tests' libraries may have left a handler behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before or signal.default_int_handler)


def test_control_c_keeps_what_is_done(
    folder, network, big, monkeypatch, capsys, control_c_interrupts
):
    note, count = DiskStore.note, itertools.count()

    def note_and_press_control_c(*args):
        note(*args)
        if next(count) == 9:
            signal.raise_signal(signal.SIGINT)  # in the main thread, which hears of it at once

    with monkeypatch.context() as pressed:
        pressed.setattr(DiskStore, "note", note_and_press_control_c)
        assert run(big) == 130
    told = capsys.readouterr().err
    assert "the same command with --skip-existing goes on where it stopped" in told
    assert_goes_on(folder, network, big, capsys)


KILLED = """
    import itertools, os, signal, sys
    from napari_unet.cli import command
    from napari_unet.workflows import segment_files as filerun
    from napari_unet.core.segmentation.tile_store import DiskStore
    command.VERBS = ("segment",)
    filerun.SMALL = 0
    note, count = DiskStore.note, itertools.count()

    def note_and_be_killed(*args):
        note(*args)
        if next(count) == 9:
            os.kill(os.getpid(), signal.SIGKILL)

    DiskStore.note = note_and_be_killed
    sys.exit(command.main(sys.argv[1:]))
"""


def test_a_killed_process_goes_on(folder, network, big, capsys):
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), "segment", "net.safetensors", *big.split()],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL
    assert_goes_on(folder, network, big, capsys)


def test_patterns_and_folders_name_each_image_once(folder):
    found = find_images(["images/a.tif", "images", "images/*.tif"])
    assert [path.name for path in found] == ["a.tif", "b.ome.tif", "c.tif", "d.tif"]
    (folder / "images/[1].tif").write_bytes(b"")  # a name that looks like a pattern
    assert [path.name for path in find_images(["images/[1].tif"])] == ["[1].tif"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("2k", 2048), ("1.5GiB", 3 * 2**29), ("4G", 2**32), ("1 TB", 2**40)],
)
def test_amounts_of_memory(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "many", "-1G", "nan", "0"])
def test_what_is_no_amount_of_memory(text):
    with pytest.raises(ValueError, match="is no amount of memory"):
        parse_bytes(text)
