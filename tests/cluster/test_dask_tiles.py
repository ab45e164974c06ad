"""Two workers on this machine give, bit for bit, what one process does, also when one dies."""

import os
import signal

import numpy as np
import pytest
import tifffile
import torch
from distributed import default_client

from napari_unet.cluster.dask_tiles import cluster
from napari_unet.core.files.image_file import open_image
from napari_unet.core.network.unet import UNet
from napari_unet.workflows import segment_files
from napari_unet.workflows.result_files import Outputs
from napari_unet.workflows.segment_files import Choices, FileSegmentation


@pytest.fixture(scope="module")
def score():
    before = dict(os.environ)
    with cluster("local:2") as found:
        yield found
    for name in set(os.environ) - set(before):  # dask's, which would reach other tests' programs
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    found = UNet(1, 2, base=2, depth=1, norm="none").eval()
    found.about["pixel_size"] = {"Y": 1.0, "X": 1.0}
    return found


@pytest.fixture
def image(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (620, 610)).astype(np.uint8)
    size = {"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0}
    tifffile.imwrite(tmp_path / "cells.tif", pixels, ome=True, metadata=size)
    return open_image(tmp_path / "cells.tif")


def make(image, network, name):
    folder = image.path.parent / name
    folder.mkdir()
    return FileSegmentation(image, network, "a", Outputs(folder, scores=True), Choices(tile=60))


def results(run):
    paths = run.outputs.paths(run.image.path)
    return [np.asarray(open_image(paths[what]).data) for what in ("labels", "scores")]


def assert_same(one, other):
    for mine, theirs in zip(results(one), results(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_worker_that_is_killed_loses_nothing(score, image, network, monkeypatch):
    monkeypatch.setattr(segment_files, "SMALL", 0)
    alone, together = make(image, network, "alone"), make(image, network, "together")
    list(alone.run())
    before = default_client().run(os.getpid)
    steps = list(together.run(killing(score, before, after=20)))
    assert len([step for step in steps if step.stage == "tiles"]) > 100
    assert_same(alone, together)
    after = default_client().run(os.getpid, on_error="return")  # perhaps none has replaced it yet
    assert set(after.values()) != set(before.values()), "one is gone"


def killing(score, processes, after):
    """Score as ``score`` does, and kill a worker after some tiles."""

    def killed(*job):
        for number, note in enumerate(score(*job)):
            if number == after:
                os.kill(next(iter(processes.values())), signal.SIGKILL)
            yield note

    return killed


def test_small_images_and_other_pixel_sizes_are_sent_back(score, image, network, monkeypatch):
    resampled = UNet(1, 2, base=2, depth=1, norm="none").eval()
    resampled.about["pixel_size"] = {"Y": 1.3, "X": 1.3}  # tiles then share chunks
    for name, small, net in (("a", 10**9, network), ("b", 0, resampled)):
        monkeypatch.setattr(segment_files, "SMALL", small)
        alone, together = make(image, net, f"{name}1"), make(image, net, f"{name}2")
        list(alone.run())
        list(together.run(score))
        assert_same(alone, together)


def test_what_goes_wrong_at_a_worker_is_told_here(score, image, network, monkeypatch):
    monkeypatch.setattr(segment_files, "SMALL", 0)
    run = make(image, network, "moved")
    steps = run.run(score)
    next(step for step in steps if step.stage == "tiles")
    image.path.rename(image.path.with_name("elsewhere.tif"))
    with pytest.raises(FileNotFoundError, match=r"there is no file .*cells\.tif"):
        list(steps)


def test_addresses_that_lead_nowhere_are_one_sentence():
    with pytest.raises(ValueError, match="write local:2 for two"), cluster("local:0"):
        pass
