"""segment(): labels, scores, objects and uncertainty, in memory and tile by tile on disk."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import zarr

from napari_unet import UNet, label_objects, segment
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.segment import Stores, entropy, write_tiles

IMAGE = np.random.default_rng(0).integers(0, 200, (61, 75), np.uint8)


def network(**shape):
    torch.manual_seed(2)
    return UNet(**({"base": 2, "depth": 1, "classes": 3} | shape))


def test_labels_are_the_best_class():
    found = segment(IMAGE, network(), scores=True, tile=40)
    assert found.labels.dtype == np.uint8
    assert found.scores.dtype == np.float32
    assert np.array_equal(found.labels, found.scores.argmax(0))
    assert len(np.unique(found.labels)) > 1
    assert segment(IMAGE, network()).scores is None


def test_of_equal_scores_the_lowest_class_wins():
    net = network()
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.bias.copy_(torch.tensor([0.0, 1.0, 1.0]))
    assert (segment(IMAGE, net).labels == 1).all()


def test_entropy_is_that_of_the_mean_scores():
    found = segment(IMAGE, network(), scores=True, average="mirror", uncertainty="entropy")
    exact = found.scores.astype(float)
    expected = -(exact * np.log(exact)).sum(0) / np.log(3)
    assert np.abs(found.uncertainty - expected).max() < 1e-6
    ends = entropy(np.array([[1.0, 1 / 3], [0.0, 1 / 3], [0.0, 1 / 3]]))
    assert np.allclose(ends, [0, 1])


def test_objects_are_those_of_the_scores():
    found = segment(IMAGE, network(), objects=True, scores=True, tile=40)
    assert found.labels.dtype == np.int32
    assert found.labels.max() > 1
    assert np.array_equal(found.labels, label_objects(found.scores))


def test_objects_of_planes_do_not_join():
    stack = np.stack([IMAGE, IMAGE])
    found = segment(stack, network(), axes="TYX", objects=True).labels
    assert np.array_equal(found[0], segment(IMAGE, network(), objects=True).labels)
    assert not set(np.unique(found[0])) & set(np.unique(found[1])) - {0}
    turned = segment(stack.transpose(1, 2, 0), network(), axes="YXT", objects=True).labels
    assert np.array_equal(turned.transpose(2, 0, 1), found)


@pytest.mark.parametrize("objects", [False, True])
def test_labels_go_to_a_store_on_disk(objects, tmp_path):
    kind = np.int32 if objects else np.uint8
    store = zarr.create_array(tmp_path / "a.zarr", shape=IMAGE.shape, dtype=kind, chunks=(32, 32))
    found = segment(IMAGE, network(), tile=40, out=store, objects=objects)
    assert found.labels is store
    assert np.array_equal(store[:], segment(IMAGE, network(), objects=objects).labels)


def test_a_run_goes_on_at_the_tile_where_it_stopped():
    expected = segment(IMAGE, network(), tile=40, scores=True)
    stores = Stores(np.zeros(IMAGE.shape, np.uint8), np.zeros((3, *IMAGE.shape)))
    scoring = prepare(IMAGE, network(), tile=40)
    filling = write_tiles(scoring, stores)
    done = [next(filling) for _ in range(4)]
    filling.close()
    left = [tile for tile in scoring.tiles() if tile not in done]
    assert 0 < len(left) == len(list(scoring.tiles())) - 4
    stores.labels[left[0].write] = 9
    assert list(write_tiles(prepare(IMAGE, network(), tile=40), stores, left)) == left
    assert np.array_equal(stores.labels, expected.labels)
    assert np.array_equal(stores.scores, expected.scores)


LARGE = """
import sys, threading, time
import numpy as np, psutil, torch
from napari_unet import UNet, segment

class Scan:
    shape, dtype = (6000, 5000), np.dtype(np.uint8)
    def __getitem__(self, box):
        rows, columns = (np.arange(*p.indices(n)) for p, n in zip(box, self.shape))
        return (rows[:, None] % 251).astype(np.uint8) * 7 + (columns % 241).astype(np.uint8) * 13

labels = np.lib.format.open_memmap(sys.argv[1], "w+", np.uint8, Scan.shape)
torch.manual_seed(2)
network = UNet(base=2, depth=1, classes=3)
segment(np.zeros((300, 300), np.uint8), network, precision="float32")
process, top, done = psutil.Process(), [0], threading.Event()
before = process.memory_full_info().uss
def watch():
    while not done.wait(0.005):
        top[0] = max(top[0], process.memory_full_info().uss)
watcher = threading.Thread(target=watch)
watcher.start()
segment(Scan(), network, precision="float32", out=labels, memory=20 * 2**20)
done.set(); watcher.join()
print((top[0] - before) / 2**20, len(np.unique(labels[::50, ::50])))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="unique memory as Linux counts it")
def test_memory_grows_with_the_tile_and_not_with_the_image(tmp_path):
    """Of 30 million pixels the scores are 240 MB and float32 120 MB; 30 MB of labels are mapped."""
    command = [sys.executable, "-c", LARGE, str(tmp_path / "labels.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, classes = map(float, done.stdout.split())
    assert classes == 3
    assert grown < 110, f"{grown:.0f} MiB"
