"""The way through a network, shared among threads: no bit depends on how."""

import numpy as np
import pytest
import torch

from napari_unet.core.fast_conv import forward
from napari_unet.core.fast_conv.buffers import BufferPool
from napari_unet.core.fast_conv.network import accelerated


@pytest.fixture
def _keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_keep_threads")
def test_no_bit_depends_on_threads_strips_or_bands(monkeypatch, network):
    net = network(base=16, depth=2)
    size = [net.input_size(n) for n in (390, 150)]
    assert size[0] > 4 * forward.LEAST
    tile = torch.rand(1, 1, *size)  # before the softmax, which is torch's
    torch.set_num_threads(1)
    alone = accelerated(net)(tile)
    for threads, shares, blocks, band, finer in (
        (2, 4, 3, 70, 4), (2, 1, 3, 300, 9), (3, 1, 1, 33, 2), (1, 4, 9, 999, 4),
    ):  # fmt: skip
        torch.set_num_threads(threads)
        monkeypatch.setattr(forward, "FINER", finer)
        monkeypatch.setattr(forward, "SHARES", shares)
        monkeypatch.setattr(forward, "BLOCKS", blocks)
        monkeypatch.setattr(forward, "BAND", band)
        assert torch.equal(accelerated(net)(tile), alone)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_every_thread_has_as_many_parts_of_a_level(threads):
    for bands in (1, 2, 3):
        for height in (30, 96, 290, 301, 600, 1208, 5000):
            parts = forward._shares(threads, bands, height)
            assert bands * parts % threads == 0 or parts == -(-threads // bands)
            assert bands * parts >= threads
            assert bands * (parts - 1) < threads * forward.SHARES
            assert height // parts >= forward.LEAST or bands * (parts - 1) < threads
    assert forward._shares(2, 1, 300) == 2  # three would leave one of two threads to wait


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_last_parts_of_a_level_are_finer(threads, monkeypatch, network):
    levels, compute = [], forward.compute

    def noted(level, rows, height, lines):
        levels[-1].append((rows, height))
        compute(level, rows, height, lines)

    def level(self, size, **given):
        levels.append([])
        begin(self, size, **given)

    begin = forward.Levels._compute
    monkeypatch.setattr(forward, "compute", noted)
    monkeypatch.setattr(forward.Levels, "_compute", level)
    net = network(base=16, depth=1)
    quick = accelerated(net)
    quick.passage.threads = threads
    quick.passage(np.zeros((1, 1000, 100), np.float32), [(988, 88)])
    pieces = sorted(rows for rows, _ in levels[-1])
    height = levels[-1][0][1]
    assert [first for first, _ in pieces] == [0, *(end for _, end in pieces[:-1])]
    assert pieces[-1][1] == height == 984
    lengths = [end - first for first, end in pieces[:-1]]
    assert all(length % 4 == 0 for length in lengths)
    assert (max(lengths) > 2 * min(lengths)) == (threads > 1)
    assert min(lengths) >= forward.FEW


@pytest.mark.parametrize("size", [(188, 188), (700, 460)])
@pytest.mark.parametrize("base", [16, 24])
def test_no_more_maps_are_kept_than_are_counted(base, size, monkeypatch, network):
    monkeypatch.setattr(forward, "SPARE", BufferPool())
    net = network(base=base, depth=2)
    quick = accelerated(net)
    quick.score(np.zeros((1, *(net.input_size(n) for n in size)), np.float32))
    pixels = np.prod([net.input_size(n) for n in size])
    with forward.SPARE.workspace() as maps_between:
        between = maps_between.nbytes
    assert 1.3 * 4 * base < between / pixels < quick.maps * 4 * base
