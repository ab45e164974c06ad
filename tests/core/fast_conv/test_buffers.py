"""Arrays begin with a line of the cache and stay for the next image, lent to the system."""

import gc
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unet import UNet, segment
from napari_unet.core.fast_conv import buffers, forward
from napari_unet.core.fast_conv import network as door
from napari_unet.core.fast_conv.buffers import BufferPool, Workspace, aligned, aligned_copy, lend
from napari_unet.core.fast_conv.weights import kernels_of, panels_of_rise
from napari_unet.core.segmentation.prepare import prepare

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which Linux alone has")


def lazy_free():
    """Return the bytes of this process that the system may take, garbage left out."""
    gc.collect()
    found = Path("/proc/self/smaps_rollup").read_text().split("LazyFree:")[1]
    return int(found.split()[0]) * 1024


def filled(workspace, size):
    array = workspace.take("map", (size,))
    array[...] = 1.0
    return array


def test_what_is_put_back_is_taken_again():
    pool = BufferPool()
    with pool.workspace() as one, pool.workspace() as two:
        assert one is not two
    with pool.workspace() as three, pool.workspace() as four:
        assert {id(three), id(four)} == {id(one), id(two)}


def test_it_is_put_back_after_an_error_too():
    pool = BufferPool()
    with pytest.raises(MemoryError), pool.workspace() as one:
        raise MemoryError
    with pool.workspace() as two:
        assert two is one


@linux
def test_the_largest_is_lent_and_written_again():
    pool, size = BufferPool(), 2**22
    with pool.workspace() as small, pool.workspace() as large:
        filled(small, 10)
        array = filled(large, size)
    before = lazy_free()
    pool.lend()
    assert lazy_free() - before > 0.9 * array.nbytes
    with pool.workspace() as one, pool.workspace() as two:
        assert one is large
        assert two is not small
        np.testing.assert_array_equal(filled(one, size), np.ones(size))


@linux
def test_only_whole_pages_are_lent():
    """What lies beside an array in its first and last page is somebody else's."""
    page = os.sysconf("SC_PAGESIZE")
    memory = np.ones(1002 * page, np.uint8)
    start = -memory.ctypes.data % page
    before = lazy_free()
    assert lend(memory[start + 1 : start + page])
    assert lazy_free() <= before
    assert lend(memory[start + 1 : start + 1000 * page - 1])
    assert 500 * page < lazy_free() - before <= 998 * page  # the system counts some at a time


def test_what_cannot_be_lent_is_dropped(monkeypatch):
    monkeypatch.setattr(buffers, "lend", lambda array: False)
    pool = BufferPool()
    with pool.workspace() as one:
        filled(one, 1000)
    pool.lend()
    with pool.workspace() as two:
        assert two is not one


def test_more_than_the_most_is_dropped(monkeypatch):
    pool = BufferPool()
    with pool.workspace() as one:
        filled(one, 1000)
    monkeypatch.setattr(buffers, "MOST", one.nbytes - 1)
    pool.lend()
    with pool.workspace() as two:
        assert two is not one


def test_the_bytes_of_a_workspace_are_those_of_its_arrays():
    arrays = Workspace()
    arrays.take("a", (10, 2))
    arrays.take("b", (3,))
    arrays.take("a", (5,))
    assert arrays.nbytes == 4 * (20 + 3)


@linux
def test_an_image_is_segmented_in_the_memory_of_the_one_before(monkeypatch):
    pool, lent = BufferPool(), []

    def noted(array):
        lent.append(array.nbytes)
        return lend(array)

    monkeypatch.setattr(buffers, "lend", noted)
    monkeypatch.setattr(forward, "SPARE", pool)
    monkeypatch.setattr(door, "SPARE", pool)
    network = UNet(base=16, depth=2).eval()
    image = np.random.default_rng(0).random((300, 300), np.float32)
    first = segment(image, network, precision="winograd", scores=True).scores
    [kept] = pool._kept
    places = [array.ctypes.data for array in kept.arrays.values()]
    assert sum(lent) == kept.nbytes > 2 * 4 * 16 * image.size
    again = segment(image, network, precision="winograd", scores=True).scores
    assert pool._kept == [kept]
    assert [array.ctypes.data for array in kept.arrays.values()] == places
    assert sum(lent) == 2 * kept.nbytes
    np.testing.assert_array_equal(first, again)


def test_nothing_is_lent_while_tiles_are_scored(monkeypatch):
    lent = []
    monkeypatch.setattr(buffers, "lend", lambda array: lent.append(array) is None)
    monkeypatch.setattr(forward, "SPARE", BufferPool())
    monkeypatch.setattr(door, "SPARE", forward.SPARE)
    network = UNet(base=16, depth=2).eval()
    image = np.random.default_rng(0).random((300, 300), np.float32)
    running = prepare(image, network, precision="winograd", tile=188).score()
    next(running)
    next(running)
    assert not lent
    running.close()
    assert lent


@pytest.mark.parametrize("size", [1, 15, 16, 1000, 10**6])
def test_zeros_begin_with_a_line(size):
    for made in [aligned(size, torch.zeros) for _ in range(5)]:
        assert made.shape == (size,)
        assert made.dtype == np.float32
        assert not made.any()
        assert made.ctypes.data % 64 == 0


def test_a_copy_is_the_same_in_its_own_order():
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    copy = aligned_copy(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.flags.c_contiguous
    assert copy.ctypes.data % 64 == 0
    assert not np.shares_memory(copy, array)


def test_weights_and_workspaces_do():
    weight, bias = np.ones((32, 16, 3, 3), np.float32), np.zeros(32, np.float32)
    assert kernels_of(weight, bias, [16]).values.ctypes.data % 64 == 0
    rise = panels_of_rise(np.ones((32, 16, 2, 2), np.float32), np.zeros(16, np.float32), False)
    assert rise.weights.ctypes.data % 64 == 0
    arrays = Workspace()
    assert not arrays.take("lines", (999,), torch.zeros).any()
    for shape in ((3, 5), (300, 7), (2, 2)):
        assert arrays.take("map", shape).ctypes.data % 64 == 0
