"""Copy as script: it trains and segments as the docks do, and says what is in no file yet."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.core.network.network_file import load_network, save_network
from napari_unet.core.network.unet import UNet
from napari_unet.core.objects.label_objects import ObjectSettings
from napari_unet.core.segmentation.segment import segment
from napari_unet.core.training.settings import TrainSettings
from napari_unet.workflows.scheduler import ComputePreferences
from napari_unet.workflows.scripts import segmentation_script, training_script
from napari_unet.workflows.segment_request import LabelOptions, Part, SegmentRequest
from napari_unet.workflows.training_run import run_training


def run(text):
    exec(compile(text, "script", "exec"), {"__name__": "script"})


def weights(folder):
    return load_network(folder / "network.safetensors").state_dict()


@pytest.mark.parametrize("saved", [True, False])
def test_the_script_trains_the_same_network(saved, sources, tmp_path, monkeypatch):
    """From files where the layers are in some; else it says what to save, and under which name."""
    monkeypatch.chdir(tmp_path)
    layer = sources.layer()
    image, labels = layer.snapshot.pixels.data, layer.snapshot.labels
    if saved:
        tifffile.imwrite("image of cells.tif", image)
        tifffile.imwrite("objects.tif", labels)
        layer = replace(
            layer, image_path=tmp_path / "image of cells.tif", labels_path=tmp_path / "objects.tif"
        )
    recipe = sources.recipe(layer)
    text = training_script(recipe)
    if not saved:
        assert "Save the layer 'cells' as 'cells.tif' first" in text
        assert "Save the layer 'cells truth' as 'cells truth.tif' first" in text
        tifffile.imwrite("cells.tif", image)
        tifffile.imwrite("cells truth.tif", labels)
    assert ("Save" in text) != saved
    run(text)
    list(run_training(recipe, tmp_path / "ours.run"))
    found, ours = weights(tmp_path / "cells-1.run"), weights(tmp_path / "ours.run")
    assert all(torch.equal(found[name], ours[name]) for name in ours)


def test_labels_edited_since_they_were_read_are_not_taken_from_their_file(sources, tmp_path):
    layer = sources.layer()
    tifffile.imwrite(tmp_path / "labels.tif", np.zeros_like(layer.snapshot.labels))
    edited = replace(layer, labels_path=tmp_path / "labels.tif")
    assert "Save the layer 'cells truth'" in training_script(sources.recipe(edited))
    tifffile.imwrite(tmp_path / "labels.tif", layer.snapshot.labels)
    assert "Save the layer 'cells truth'" not in training_script(sources.recipe(edited))


def test_settings_are_written_as_the_nearest_preset_with_what_was_changed(sources):
    settings = TrainSettings.preset("small", seed=7, sd=3.5)
    text = training_script(sources.recipe(settings=settings))
    call = next(line for line in text.splitlines() if "TrainSettings.preset(" in line)
    assert eval(call.strip().rstrip(","), {"TrainSettings": TrainSettings}) == settings
    assert call.count("=") == 2


def test_a_network_that_is_gone_on_with_is_loaded(sources):
    recipe = sources.recipe(
        network=object(), before="earlier", before_path=Path("there.safetensors")
    )
    assert "load_network('there.safetensors')" in training_script(recipe)
    text = training_script(replace(recipe, before_path=None))
    assert "# Save the network 'earlier' as 'earlier.safetensors' first." in text


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A request to segment a part of a colour image, which lies in a file, as the network does."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = UNet(3, 2, base=2, depth=1, norm="none").eval()
    image = np.random.default_rng(0).integers(0, 255, (60, 70, 3)).astype(np.uint8)
    tifffile.imwrite("cells.tif", image)
    save_network(network, tmp_path / "net.safetensors")
    part = Part((slice(8, 50), slice(5, 66)))
    return SegmentRequest(
        "cells", network, "net", ImagePixels(image, "YXC", {}), part, tile=44,
        machine=ComputePreferences(device="cpu"),
    )  # fmt: skip


@pytest.mark.parametrize("objects", [True, False])
def test_the_script_segments_the_part_that_was_asked_for(asked, tmp_path, objects):
    look = LabelOptions(objects, threshold=0.4, min_area=3)
    text = segmentation_script(asked, look, tmp_path / "cells.tif", tmp_path / "net.safetensors")
    assert "Save" not in text
    assert "mirrored at its own border" in text
    run(text)
    wanted = ObjectSettings(threshold=0.4, min_area=3) if objects else False
    image = asked.pixels.data[8:50, 5:66]
    expected = segment(image, asked.network, axes="YXC", tile=44, objects=wanted).labels
    np.testing.assert_array_equal(tifffile.imread("cells_labels.tif"), expected)


def test_what_is_in_no_file_is_asked_to_be_saved(asked):
    text = segmentation_script(replace(asked, part=Part()), LabelOptions(), None, None)
    assert "# Save the network 'net' as 'net.safetensors' first." in text
    assert "# Save the layer 'cells' as 'cells.tif' first: it is in no file." in text
    assert "mirrored" not in text
    run(text)
    assert tifffile.imread("cells_labels.tif").shape == (60, 70)
