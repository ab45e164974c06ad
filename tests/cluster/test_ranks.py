"""Two ranks with a tile each train the network that one process trains with both tiles."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from napari_unet.cluster.ranks import device_name, joined

PROGRAM = Path(__file__).with_name("rank_program.py")


@pytest.fixture(scope="module")
def program():
    found = importlib.util.spec_from_file_location("rank_program", PROGRAM)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """What two gloo ranks, started by torchrun on this machine, wrote."""
    folder = tmp_path_factory.mktemp("ranks")
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone",
        "--local-addr=127.0.0.1",
    ]  # fmt: skip
    done = subprocess.run(
        [*torchrun, str(PROGRAM), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def weights_of(folder, rank):
    return safetensors.torch.load((folder / f"{rank}.safetensors").read_bytes())


def test_two_ranks_are_one_with_both_tiles(two_ranks, program):
    network, losses = program.trained(replace(program.SETTINGS, batch=2))
    found = weights_of(two_ranks, 0)
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == torch.float64
        assert (found[name] - tensor).abs().max() <= 1e-10, name
    assert json.loads((two_ranks / "0.json").read_text()) == pytest.approx(losses, rel=1e-10)
    alone, _ = program.trained(program.SETTINGS)  # the control: one tile is another training
    assert any((found[n] - t).abs().max() > 1e-3 for n, t in alone.state_dict().items())


def test_all_ranks_end_with_the_same_weights(two_ranks):
    one, other = weights_of(two_ranks, 0), weights_of(two_ranks, 1)
    assert all(torch.equal(one[name], other[name]) for name in one)
    losses = [(two_ranks / f"{rank}.json").read_text() for rank in (0, 1)]
    assert losses[0] == losses[1]


def test_rank_0_alone_writes(two_ranks):
    (newest, *_) = sorted((two_ranks / "run" / "checkpoints").iterdir(), reverse=True)
    assert newest.name == "000000012"


def test_without_torchrun_there_is_nobody_to_join(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined() as ranks:
        assert ranks is None


def test_each_rank_has_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device_name(asked) for asked in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_name("auto") == "auto"
