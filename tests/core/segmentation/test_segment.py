"""segment(): labels, scores, objects and uncertainty, in memory and tile by tile on disk."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
import zarr

from napari_unet import UNet, label_objects, segment
from napari_unet.core.segmentation.image_reader import prefetch
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.scorer import versions
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


@pytest.mark.parametrize("average", ["mirror", "rotate"])
@pytest.mark.parametrize("dims", [2, 3])
def test_averaging_changes_nothing_where_the_network_is_symmetric(average, dims):
    """A network whose kernels are means of their mirrored and turned versions turns along."""
    net = network(depth=2 if dims == 2 else 1, dims=dims).double()
    with torch.no_grad():
        for weight in net.parameters():
            if weight.ndim == dims + 2:
                ways = versions("rotate", dims)
                weight.copy_(torch.stack([way.turn(weight) for way in ways]).mean(0))
    shape = (61, 75) if dims == 2 else (9, 14, 17)
    image = np.random.default_rng(1).integers(0, 200, shape, np.uint8)
    axes, tile = "ZYX"[-dims:], net.input_size(16)
    plain = segment(image, net, axes=axes, scores=True, tile=tile)
    found = segment(
        image, net, axes=axes, scores=True, tile=tile, average=average, uncertainty="spread"
    )
    assert np.abs(found.scores - plain.scores).max() <= 1e-10
    assert found.uncertainty.max() <= 1e-7
    unlike = segment(image, network(dims=dims), axes=axes, average=average, uncertainty="spread")
    assert unlike.uncertainty.max() > 1e-3


@pytest.mark.parametrize("average", ["mirror", "rotate"])
@pytest.mark.parametrize("dims", [2, 3])
def test_versions_differ_and_are_undone_exactly(average, dims):
    tile = torch.arange(4 * 5 * 6.0).reshape(1, 1, 4, 5, 6)[..., :5, :5]
    ways = versions(average, dims)
    assert len({str(way.turn(tile)) for way in ways}) == len(ways)
    assert all(torch.equal(way.turn_back(way.turn(tile)), tile) for way in ways)


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


def test_the_next_tile_is_read_while_this_one_is_computed():
    """The consumer waits for the read after its own: without reading ahead it waits forever."""
    reads = [threading.Event() for _ in range(3)]
    here = threading.get_ident()

    def read(number):
        assert threading.get_ident() != here
        reads[number].set()
        return number * 10

    seen = []
    for number, made in prefetch(read, iter(range(3))):
        assert number == 2 or reads[number + 1].wait(5)
        seen.append((number, made))
    assert seen == [(0, 0), (1, 10), (2, 20)]


def test_reading_ahead_reads_one_ahead_and_no_more():
    started = []
    steps = prefetch(lambda number: started.append(number), iter(range(10)))
    next(steps)
    next(steps)
    steps.close()
    assert started in ([0, 1], [0, 1, 2])
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-unet reader")]


def test_an_error_while_reading_arrives():
    class Torn:
        shape, dtype = (60, 60), np.dtype(np.uint8)

        def __getitem__(self, box):
            if box[1].start and box[1].stop - box[1].start < 60:
                raise OSError("scan.tif is cut short")
            return np.zeros((60, 60), np.uint8)[box]

    with pytest.raises(OSError, match="cut short"):
        segment(Torn(), network(), tile=28)


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
