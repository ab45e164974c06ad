"""Foreign files are opened in a child process: what they hold is numbers, or nothing comes back."""

import os
import pickle
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from napari_unet.core.network import import_child, import_state_dict
from napari_unet.core.network.import_state_dict import convert_state_dict
from napari_unet.core.network.network_file import NetworkFileError, load_network, save_network
from napari_unet.core.network.unet import UNet


def drawn():
    torch.manual_seed(0)
    return UNet(2, 3, 2, 1, norm="weight")


def test_a_state_dict_becomes_a_network(tmp_path):
    network, path = drawn(), tmp_path / "theirs µ.pth"
    torch.save({"epoch": 3, "state_dict": network.state_dict(), "note": "x"}, path)
    found = convert_state_dict(path)
    assert found.architecture == network.architecture
    for name, weight in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], weight)
    assert found.about["history"] == [{"event": "converted", "from": "theirs µ.pth"}]
    save_network(found, tmp_path / "ours.safetensors")
    assert load_network(tmp_path / "ours.safetensors").about["history"] == found.about["history"]


class Hostile:
    """Unpickling it makes a file."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


def test_code_in_a_file_is_not_executed(tmp_path):
    marker, path = tmp_path / "executed", tmp_path / "hostile.pt"
    torch.save({"state_dict": drawn().state_dict(), "more": Hostile(marker)}, path)
    with pytest.raises(NetworkFileError, match="PyTorch cannot read it as weights alone"):
        convert_state_dict(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)["more"].close()
    assert marker.exists()  # the file is as hostile as it looks


def bare_pickle(path, marker):
    path.write_bytes(pickle.dumps(Hostile(marker)))


def truncated(path, marker):
    torch.save(drawn().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-2000])


def huge(path, marker):
    """1 kB of file, 4 TB of numbers."""
    torch.save({"a": torch.zeros(1).expand(2**40)}, path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (bare_pickle, "PyTorch cannot read it as weights alone"),
        (truncated, "PyTorch cannot read it as weights alone"),
        (huge, "its tensor 'a' does not lie in one piece"),
    ],
)
def test_each_bad_file_is_refused_in_one_line(tmp_path, spoil, said):
    path, marker = tmp_path / "bad.pt", tmp_path / "executed"
    spoil(path, marker)
    with pytest.raises(NetworkFileError, match=said) as caught:
        convert_state_dict(path)
    assert str(caught.value).startswith(f"{str(path)!r} cannot be loaded: ")
    assert str(caught.value).isprintable()
    assert not marker.exists()


@pytest.fixture
def endless(tmp_path, monkeypatch):
    """Put a program that does not end in the place of the child."""
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(100)\n", encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(import_state_dict, "import_child", SimpleNamespace(__name__="endless"))


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("SECONDS", 0.4, "took longer than 0 s"), ("MEMORY", 1000, "of memory")],
)
def test_a_child_that_takes_too_much_is_ended(tmp_path, monkeypatch, limit, value, said):
    (tmp_path / "x.pt").write_bytes(b"x")
    monkeypatch.setattr(import_state_dict, limit, value)
    start = time.monotonic()
    with pytest.raises(NetworkFileError, match=said):
        convert_state_dict(tmp_path / "x.pt")
    assert time.monotonic() - start < 50  # the child would have taken twice that


def test_a_child_that_dies_is_a_refusal(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    torch.save({}, path)
    monkeypatch.setattr(
        import_state_dict, "import_child", SimpleNamespace(__name__="no_such_module")
    )
    with pytest.raises(NetworkFileError, match="reading it broke the process that tried"):
        convert_state_dict(path)


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        convert_state_dict(tmp_path / "none.pt")
    with pytest.raises(NetworkFileError, match="not a file"):
        convert_state_dict(tmp_path)


# -- what the child lets pass -------------------------------------------------------------------


@pytest.mark.parametrize("wrapping", ["state_dict", "model", "network"])
def test_state_dicts_are_found_in_their_wrappings(wrapping):
    state = {"a": torch.ones(2)}
    assert import_child.unwrapped(state) == state
    assert import_child.unwrapped({wrapping: state, "epoch": 1}) == state
    for wrong in ([1], torch.ones(1), None, {"model": {"model": {"model": {"model": {}}}}}):
        with pytest.raises(import_child.RefusedError, match="holds no state dict"):
            import_child.unwrapped(wrong)


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: torch.eye(3).to_sparse_csr(), "sparse, quantised or without content"),
        (lambda: torch.eye(3).to_sparse(), "sparse, quantised or without content"),
        (lambda: torch.empty(3, device="meta"), "sparse, quantised or without content"),
        (lambda: torch.zeros(3, dtype=torch.int64), "holds torch.int64, where weights are floats"),
        (lambda: torch.zeros(3, dtype=torch.complex64), "holds torch.complex64"),
        (lambda: torch.zeros(1).expand(2**40), "does not lie in one piece"),
        (lambda: torch.zeros(4, 4)[:, ::2], "does not lie in one piece"),
        (lambda: torch.zeros(2**20), "claim more numbers than the file holds"),
        (lambda: nn.Linear(1, 1), "is a Linear and no tensor"),
        (lambda: 3, "is a int and no tensor"),
    ],
)
def test_only_plain_numbers_pass(make, said):
    with pytest.raises(import_child.RefusedError, match=said):
        import_child.plain_tensors({"fine": torch.ones(2), "x": make()}, 1000)


def test_only_named_tensors_pass():
    for state in ({}, {3: torch.ones(1)}, {"x" * 999: torch.ones(1)}):
        with pytest.raises(import_child.RefusedError, match="state dict has"):
            import_child.plain_tensors(state, 1000)


def test_plain_tensors_pass_in_any_layout_of_memory():
    kernel = torch.arange(36.0).view(2, 2, 3, 3).to(memory_format=torch.channels_last)
    state = {
        "b": nn.Parameter(kernel),
        "a": torch.ones(2),
        "c.num_batches_tracked": torch.tensor(1),
    }
    found = import_child.plain_tensors(state, 1000)
    assert list(found) == ["b", "a"]
    assert found["b"].is_contiguous()
    assert torch.equal(found["b"], kernel)


LIMITED = """
from napari_unet.core.network.import_child import limit_memory
limit_memory(2**28)
bytearray(2**30)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to the limit")
def test_the_child_cannot_take_more_memory_than_it_is_given():
    out = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, env=os.environ
    )
    assert "MemoryError" in out.stderr
