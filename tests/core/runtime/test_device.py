"""Devices are chosen or refused in words; limits of containers are heard."""

import os

import psutil
import pytest
import torch

from napari_unet.core.runtime import device as module
from napari_unet.core.runtime.device import choose_device, fast_dtype, limit_threads, memory_free

CPU = torch.device("cpu")


@pytest.fixture
def container(tmp_path, monkeypatch):
    """Return a function that writes a limit where the kernel would."""
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    return lambda name, text: (tmp_path / name).write_text(text + "\n", encoding="ascii")


@pytest.fixture
def _keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_cpu_is_always_there():
    assert choose_device("cpu") == CPU


def test_auto_takes_the_best_there_is():
    best = "cuda" if torch.cuda.is_available() else "mps"
    best = best if best == "cuda" or torch.backends.mps.is_available() else "cpu"
    assert choose_device() == choose_device("auto") == torch.device(best)


@pytest.mark.parametrize("name", ["gpu", "", "cpu:1", "cuda:x", "cuda:-1", "mps:1", "CUDA"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match=f"there is no device '{name}': choose auto, cpu"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_absent_is_refused():
    with pytest.raises(ValueError, match="'cuda:1' needs an NVIDIA GPU, and none is found"):
        choose_device("cuda:1")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_beyond_the_last_is_refused():
    last = torch.cuda.device_count() - 1
    assert choose_device(f"cuda:{last}").index == last
    with pytest.raises(ValueError, match=f"the last GPU is cuda:{last}"):
        choose_device(f"cuda:{last + 1}")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_memory_of_a_gpu_falls_by_what_is_taken():
    gpu = choose_device("cuda")
    before = memory_free(gpu)
    taken = torch.empty(2**28, dtype=torch.uint8, device=gpu)
    assert 2**27 < before - memory_free(gpu) < 2**30
    del taken


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this is a Mac")
def test_mps_elsewhere_is_refused():
    with pytest.raises(ValueError, match="needs a Mac"):
        choose_device("mps")


@pytest.mark.parametrize(
    ("gain", "dtype"), [(2.0, torch.bfloat16), (1.1, torch.float32), (0.2, torch.float32)]
)
def test_bfloat16_only_where_it_is_clearly_faster(gain, dtype, monkeypatch):
    monkeypatch.setattr(module, "_gain_of_bfloat16", lambda device: gain)
    assert fast_dtype.__wrapped__(CPU) == dtype


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_takes_bfloat16_where_it_has_units_for_it(native, dtype, monkeypatch):
    """A small convolution takes as long in either precision on a large GPU: it is not measured."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(module, "_gain_of_bfloat16", lambda device: 1.0)
    assert fast_dtype.__wrapped__(torch.device("cuda")) == dtype


def test_float32_where_bfloat16_cannot_convolve(monkeypatch):
    def refuse(device):
        raise RuntimeError("not implemented for 'BFloat16'")

    monkeypatch.setattr(module, "_gain_of_bfloat16", refuse)
    assert fast_dtype.__wrapped__(CPU) == torch.float32


def test_the_gain_is_measured_once():
    fast_dtype.cache_clear()
    assert fast_dtype(CPU) == fast_dtype(CPU)
    assert fast_dtype.cache_info().misses == 1
    assert module._gain_of_bfloat16(CPU) > 0


def test_memory_of_this_machine():
    assert 0 < memory_free(CPU) <= psutil.virtual_memory().total


def test_memory_below_the_limit_of_a_container(container):
    container("memory.max", str(300 * 2**20))
    container("memory.current", str(200 * 2**20))
    container("memory.stat", f"anon 5\ninactive_file {50 * 2**20}\nslab 7")
    assert memory_free(CPU) == 150 * 2**20
    container("memory.max", "max")
    assert memory_free(CPU) > 150 * 2**20


@pytest.mark.usefixtures("_keep_threads")
def test_one_core_is_left_to_the_window(container):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    container("cpu.max", "max 100000")
    torch.set_num_threads(cores)
    assert limit_threads() == torch.get_num_threads() == max(1, cores - 1)
    torch.set_num_threads(1)
    assert limit_threads() == 1  # never more than was asked for before


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1)])
def test_the_share_of_a_container_counts(container, quota, cores):
    container("cpu.max", quota)
    assert module._cores() == min(cores, os.cpu_count())
