"""The child process that opens a foreign PyTorch file, so that nothing else has to.

``python -m napari_unet.core.network.import_child FILE RESULT`` reads FILE with
``weights_only=True`` under limits of memory, and writes its plain float tensors to RESULT
(safetensors), named by their place in the file. Even a file that ends this process leaves the
caller unharmed. An error is one line on standard output and the exit status 3.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import safetensors.torch
import torch

SPARE = 2**30  # bytes beside what the file itself needs
MOST_TENSORS = 2000
LONGEST_NAME = 200  # characters
WRAPPINGS = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def main(arguments: list[str]) -> int:
    """Convert the first file to the second."""
    source, result = map(Path, arguments)
    size = source.stat().st_size
    limit_memory(3 * size + SPARE)
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
        tensors = plain_tensors(unwrapped(content), size)
        names = {"names": json.dumps(list(tensors))}
        numbered = {f"{place:05d}": tensor for place, tensor in enumerate(tensors.values())}
        safetensors.torch.save_file(numbered, result, names)
    except RefusedError as refusal:
        sys.stdout.write(f"{refusal}\n")
    except Exception as error:  # whatever such a file makes torch raise
        sys.stdout.write(f"PyTorch cannot read it as weights alone ({type(error).__name__})\n")
    else:
        return 0
    return 3


class RefusedError(Exception):
    """What is wrong with the file, in words."""


def limit_memory(spare: int) -> None:
    """Take no more than ``spare`` bytes from here on; Windows has no such limit."""
    if sys.platform != "win32":
        import resource

        taken = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (taken + spare, taken + spare))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def unwrapped(content: object) -> dict[str, Any]:
    """Return the state dict, which trainings often save together with other things."""
    for _ in range(3):
        if isinstance(content, Mapping):
            inner = [content[key] for key in WRAPPINGS if isinstance(content.get(key), Mapping)]
            if not inner:
                return dict(content)
            content = inner[0]
    raise RefusedError("it holds no state dict: save network.state_dict() and convert that")


def plain_tensors(state: dict[str, Any], size: int) -> dict[str, torch.Tensor]:
    """Return the tensors of a state dict, if they are nothing but the numbers in the file."""
    if not 0 < len(state) <= MOST_TENSORS:
        raise RefusedError(f"its state dict has {len(state)} entries, which is no U-Net")
    kept = {}
    for name, value in state.items():
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            raise RefusedError("its state dict has entries that are not named as weights are")
        if name.endswith("num_batches_tracked"):  # a counter beside batch normalisation
            continue
        _check_plain(name, value)
        kept[name] = value.detach()
    if sum(tensor.nbytes for tensor in kept.values()) > size:
        raise RefusedError("its tensors claim more numbers than the file holds")
    return {name: t.clone(memory_format=torch.contiguous_format) for name, t in kept.items()}


def _check_plain(name: str, value: Any) -> None:
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        raise RefusedError(f"its entry {name!a} is a {type(value).__name__} and no tensor")
    if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
        raise RefusedError(f"its tensor {name!a} is sparse, quantised or without content")
    if value.dtype not in KINDS:
        raise RefusedError(f"its tensor {name!a} holds {value.dtype}, where weights are floats")
    order = sorted(range(value.ndim), key=value.stride, reverse=True)
    if not value.permute(order).is_contiguous():  # whichever axis comes first in memory
        raise RefusedError(f"its tensor {name!a} does not lie in one piece")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
