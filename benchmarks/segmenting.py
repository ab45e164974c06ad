"""How fast is a large image segmented? napari-unet against the tilers people use.

Every contender has the same weights. Peers run the network as their users do, with padded
convolutions, in float32, in the setting their documentation shows; MONAI also gets the precision
and memory layout that are fastest here. Whole-image passes are the floor without any tiler.
OpenVINO and ONNX Runtime pass the exported network over the whole image on a CPU, with the threads
and the precision that each chooses itself. A peer that is not installed is left out, and its row
says so.

    .venv-benchmarks/bin/python benchmarks/segmenting.py --size 2048 --base 32 64 --rounds 3
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import zarr
from torch import nn

from napari_unet import UNet, segment
from napari_unet.core.network.onnx_export import onnx_bytes
from napari_unet.core.runtime.device import choose_device, fast_dtype, memory_free
from napari_unet.core.runtime.memory import kept_memory
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.scorer import in_half
from napari_unet.core.segmentation.tiling import work
from race import Row, peer, race, record, table

OURS, STORES = "napari-unet", "napari-unet, Zarr to Zarr"
WHOLE = "whole image, mirrored border, same precision"
OPENVINO = "OpenVINO, whole image, mirrored border"
ONNX_RUNTIME = "ONNX Runtime, whole image, mirrored border"
AIMS = {
    "MONAI, overlap 0.25": 4.0,
    "MONAI, overlap 0.5 gaussian": 6.0,
    "nnU-Net predictor, no mirroring": 5.0,
    "torch_em predict_with_halo": 5.0,
    WHOLE: 1.0,
    OPENVINO: 1.3,  # below it, core/fast_conv is not worth its lines
    ONNX_RUNTIME: 1.3,
}
EDGE = 512  # tile of the peers, in pixels
WARM = 1024  # edge of the image peers warm up on: they go by tiles of EDGE, whatever the image


class Padded(nn.Module):
    """The network with padded convolutions, as the peers expect it: output as large as input."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.net = network
        self.out_channels = network.classes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        copies = []
        for pair in self.net.contract:
            x = _pair(pair, x)
            copies.append(x)
            x = F.max_pool2d(x, 2)
        x = _pair(self.net.bottom, x)
        for up, pair in zip(self.net.up, self.net.expand, strict=True):
            x = _pair(pair, torch.cat((up(x), copies.pop()), 1))
        return self.net.head(x)


def _pair(pair: nn.Module, x: torch.Tensor) -> torch.Tensor:
    for layer in (pair.first, pair.second):
        x = F.relu(F.conv2d(x, layer.weight, layer.bias, padding=1), inplace=True)
    return x


class Field:
    """An image, the networks, and every contender on them."""

    def __init__(self, size: int, base: int, device: torch.device, folder: Path) -> None:
        torch.manual_seed(0)
        self.size, self.device = size, device
        self.network = UNet(base=base).to(device).eval()
        self.dtype = fast_dtype(device)
        self.padded = Padded(self.network).eval()
        plain = UNet(base=base).to(device).eval()
        plain.load_state_dict(self.network.state_dict())
        self.nchw = Padded(plain.to(memory_format=torch.contiguous_format)).eval()
        self.image = np.random.default_rng(0).random((size, size), np.float32)
        self.tensor = torch.from_numpy(self.image)[None, None].to(device)
        self.precision = prepare(
            self.image, self.network
        ).scorer.precision  # measured once, for all
        chunks = (min(size, 1024),) * 2
        self.source = zarr.create_array(folder / "in.zarr", data=self.image, chunks=chunks)
        self.labels = zarr.create_array(
            folder / "out.zarr", shape=self.image.shape, dtype="u1", chunks=chunks
        )

    def contenders(self) -> dict[str, Callable[[], object]]:
        dtype = str(self.dtype).removeprefix("torch.")
        found = {
            OURS: lambda: segment(self.image, self.network, precision=self.precision),
            STORES: lambda: segment(
                self.source, self.network, precision=self.precision, out=self.labels
            ),
            f"MONAI, overlap 0.25, {dtype}, channels last": lambda: self.monai(self.fast),
            "MONAI, overlap 0.25": lambda: self.monai(self.nchw),
            "MONAI, overlap 0.5 gaussian": lambda: self.monai(
                self.nchw, overlap=0.5, mode="gaussian"
            ),
            "nnU-Net predictor, no mirroring": self.nnunet,
            "torch_em predict_with_halo": self.torch_em,
            "tiler, overlap 0.5 hann": self.tiler,
            WHOLE: self.whole,
            "whole image, padded convolutions, same precision": lambda: self.fast(self.tensor),
            "whole image, padded convolutions, float32": lambda: self.nchw(self.tensor),
        }
        if self.device.type == "cpu":
            found |= {OPENVINO: self.openvino, ONNX_RUNTIME: self.onnx_runtime}
        free = memory_free(self.device)
        itemsize = {name: 4 if "float32" in name else self.dtype.itemsize for name in found}
        maps = 6 * self.size**2 * self.network.base  # values alive at once in a whole-image pass
        return {
            name: call if name.startswith(OURS) else torch.inference_mode()(call)
            for name, call in found.items()
            if "whole image" not in name or maps * itemsize[name] < 0.6 * free
        }

    def fast(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32):
            return self.padded(x.contiguous(memory_format=torch.channels_last)).float()

    def mirrored(self) -> np.ndarray:
        """Return the whole image with its border mirrored, (1, 1, *input)."""
        border, legal = self.network.border, self.network.input_size(self.size)
        after = legal - self.size - border
        return np.pad(self.image, (border, after), mode="reflect")[None, None]

    def whole(self) -> torch.Tensor:
        """Send the whole image through the unpadded network."""
        half = in_half(self.network) if self.dtype == torch.bfloat16 else self.network
        x = torch.from_numpy(self.mirrored()).to(self.device)
        return half(x.contiguous(memory_format=torch.channels_last))

    def openvino(self) -> object:
        return self._in_openvino(self.mirrored())

    def onnx_runtime(self) -> object:
        return self._in_onnx_runtime.run(None, {"image": self.mirrored()})

    @cached_property
    def _in_openvino(self) -> Any:
        core = peer("openvino").Core()
        model = core.read_model(onnx_bytes(self.network))
        model.reshape(list(self.mirrored().shape))  # as its documentation has it for one shape
        return core.compile_model(model, "CPU")

    @cached_property
    def _in_onnx_runtime(self) -> Any:
        session = peer("onnxruntime").InferenceSession
        return session(onnx_bytes(self.network), providers=["CPUExecutionProvider"])

    def monai(self, net: Callable[[torch.Tensor], torch.Tensor], **how: object) -> object:
        inferers = peer("monai.inferers")
        return inferers.sliding_window_inference(self.tensor, EDGE, 1, net, **how)

    def nnunet(self) -> object:
        module = peer("nnunetv2.inference.predict_from_raw_data")
        predictor = module.nnUNetPredictor(
            tile_step_size=0.5, use_gaussian=True, use_mirroring=False, device=self.device,
            perform_everything_on_device=False, verbose=False, allow_tqdm=False,
        )  # fmt: skip
        predictor.network = self.nchw
        predictor.configuration_manager = SimpleNamespace(patch_size=(EDGE, EDGE))
        predictor.label_manager = SimpleNamespace(num_segmentation_heads=self.network.classes)
        predictor.allowed_mirroring_axes = None
        return predictor.predict_sliding_window_return_logits(self.tensor[0][:, None])

    def torch_em(self) -> object:
        """The halo is the border of the network: less would show in its scores."""
        border = self.network.border
        inner = (EDGE - 2 * border,) * 2
        predict = peer("torch_em.util.prediction").predict_with_halo
        return predict(
            self.image, self.nchw, [self.device], inner, (border, border), disable_tqdm=True
        )

    def tiler(self) -> object:
        module = peer("tiler")
        shape, overlap = (self.size, self.size), (0, EDGE // 2, EDGE // 2)
        cut = module.Tiler((1, *shape), (1, EDGE, EDGE), overlap=overlap, channel_dimension=0,
                           mode="reflect")  # fmt: skip
        join = module.Merger(
            module.Tiler((2, *shape), (2, EDGE, EDGE), overlap=overlap, channel_dimension=0),
            window="hann",
        )
        for number, tile in cut(self.image[None]):
            scores = self.nchw(torch.from_numpy(tile)[None].to(self.device))
            join.add(number, scores[0].cpu().numpy())
        return join.merge(unpad=True)

    def convolutions(self) -> float:
        """Seconds that the convolutions of our tiles take alone, each in its faster layout."""
        scoring = prepare(self.image, self.network, precision=self.precision)
        with kept_memory():
            tile = sum(_alone(*shape, self.dtype) for shape in self._shapes(scoring.edges))
        return tile * work(scoring.reader.grid.axes(scoring.edges)) / prod(scoring.edges)

    def _shapes(self, edges: tuple[int, ...]) -> list[tuple[nn.Module, torch.Tensor]]:
        """Return every convolution with an input of the shape it gets in a tile of ``edges``."""
        found: list[tuple[nn.Module, torch.Tensor]] = []
        ghost = UNet(base=self.network.base).to("meta")
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        for name, layer in ghost.named_modules():
            if isinstance(layer, kinds):
                real = self.network.get_submodule(name)
                layer.register_forward_hook(
                    lambda _, given, __, real=real: found.append(
                        (real, torch.rand(given[0].shape, device=self.device))
                    )
                )
        ghost(torch.empty((1, 1, *edges), device="meta"))
        return found


@torch.inference_mode()
def _alone(layer: nn.Module, x: torch.Tensor, dtype: torch.dtype) -> float:
    convolve = F.conv2d if isinstance(layer, nn.Conv2d) else F.conv_transpose2d
    stride = 1 if isinstance(layer, nn.Conv2d) else 2
    quickest = float("inf")
    for layout in (torch.channels_last, torch.contiguous_format):
        given = x.to(dtype).contiguous(memory_format=layout)
        weight = layer.weight.to(dtype).contiguous(memory_format=layout)
        bias = layer.bias.to(dtype)
        for _ in range(4):
            start = time.perf_counter()
            convolve(given, weight, bias, stride)
            if x.device.type == "cuda":
                torch.cuda.synchronize(x.device)
            quickest = min(quickest, time.perf_counter() - start)
    return quickest


def verdicts(rows: list[Row], convolutions: float) -> str:
    times = {row.name: row.median_s for row in rows if not row.absent}
    lines = [
        f"{name}: {times[name] / times[OURS]:.2f}× our time (aim: at least {factor:g}×)"
        for name, factor in AIMS.items()
        if name in times
    ]
    share = 100 * convolutions / times[OURS]
    lines.append(
        f"the convolutions alone take {convolutions * 1e3:,.0f} ms: "
        f"we reach {share:.0f} % of their rate (aim: at least 75 %)"
    )
    if STORES in times:
        hidden = 100 * (times[STORES] / times[OURS] - 1)
        lines.append(f"reading from and writing to Zarr cost {hidden:+.0f} %")
    return "\n".join(f"- {line}" for line in lines)


def _by_tiles_of_512(name: str) -> bool:
    return not name.startswith(OURS) and "whole image" not in name


def one(size: int, base: int, chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        field = Field(size, base, choose_device(chosen.device), Path(folder))
        found = field.contenders()
        if chosen.only:
            found = {
                name: call
                for name, call in found.items()
                if name == OURS or any(part in name for part in chosen.only)
            }
        near = Path(folder, "near")
        near.mkdir()
        warm = Field(min(size, WARM), base, field.device, near).contenders()
        tilers = {name: call for name, call in warm.items() if _by_tiles_of_512(name)}
        rows = race(found, chosen.rounds, chosen.longest, warm=tilers)
        plan = prepare(field.image, field.network, precision=field.precision).plan()
        text = "\n\n".join([
            f"An image of {size}², base {base}, {field.device.type}. Ours: {plan}.",
            table(rows, OURS), verdicts(rows, field.convolutions()),
        ])  # fmt: skip
    print(text, flush=True)
    if chosen.record:
        suffix = "" if field.device.type == "cpu" else f" {field.device.type}"
        record(f"segmenting {size} {base} {field.precision}{suffix}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--size", type=int, nargs="+", default=[2048], help="edges of the image, multiples of 16"
    )
    parser.add_argument("--base", type=int, nargs="+", default=[32], help="base of the network")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds a contender at most")
    parser.add_argument("--only", nargs="+", default=[], help="parts of the names to run")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-record", dest="record", action="store_false")
    chosen = parser.parse_args()
    for size in chosen.size:
        for base in chosen.base:
            one(size, base, chosen)


if __name__ == "__main__":
    main()
