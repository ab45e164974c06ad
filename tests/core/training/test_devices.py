"""A training does on every device what it does on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet import load_network, save_network, train
from napari_unet.core.runtime.device import memory_free

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, GPU])
CLOSE = {"cpu": 1e-4, "cuda": 0.02}  # relative: convolutions of a GPU round to ten bits


@pytest.fixture(params=["cpu", CUDA])
def device(request):
    return torch.device(request.param)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_losses_are_those_of_double_precision(annotation, make, settings, device, optimiser):
    settings = replace(settings, dropout=0.0, steps=10, optimiser=optimiser, rate=1e-3)
    found = [s.loss for s in train(make.build(settings).to(device), [annotation], settings)]
    exact = make.build(settings).double()  # on the CPU, from the same weights
    expected = [s.loss for s in train(exact, [annotation], settings)]
    np.testing.assert_allclose(found, expected, rtol=CLOSE[device.type])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_and_is_kept(annotation, make, settings, device, precision, tmp_path):
    settings = replace(settings, w0=0.0, precision=precision)
    network = make.build(settings).to(device)
    losses = [step.loss for step in train(network, [annotation], settings)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])
    assert {p.device.type for p in network.parameters()} == {device.type}
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    path = tmp_path / "learned.safetensors"
    save_network(network, path)
    tile = make.scene()[0][None, :44, :44]
    np.testing.assert_allclose(load_network(path).score(tile), network.score(tile), atol=0.02)


def test_stopped_and_gone_on_with(annotation, make, settings, device, tmp_path):
    settings = replace(settings, steps=20)
    network = make.build(settings).to(device)
    whole = [s.loss for s in train(network, [annotation], settings)]
    running = train(make.build(settings).to(device), [annotation], settings, folder=tmp_path)
    first = [next(running).loss for _ in range(9)]
    running.close()
    network = make.build(settings).to(device)
    rest = list(train(network, [annotation], settings, resume=tmp_path))
    assert rest[0].number in (10, 11)  # on a GPU the tenth was on its way, and counts
    assert rest[-1].number == 20
    found = first + [step.loss for step in rest]
    wanted = whole[:9] + whole[rest[0].number - 1 :]
    np.testing.assert_allclose(found, wanted, rtol={"cpu": 0.0, "cuda": 0.1}[device.type])


@pytest.mark.gpu
@GPU
def test_a_gpu_that_is_full_gets_smaller_tiles(annotation, make, settings):
    settings = replace(settings, base=64, depth=2, tile=572, steps=4)
    network = make.build(settings).cuda()
    torch.cuda.empty_cache()
    whole = torch.cuda.mem_get_info()[1]
    assert memory_free(torch.device("cuda")) > 2**30
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 400 * 2**20) / whole)
    try:
        steps = list(train(network, [annotation], settings))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert steps[-1].number == 4
    assert any("the tile is" in step.said and "instead of 572" in step.said for step in steps)
