"""One step of training, as each contender makes it, and the convolutions none can do without."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from napari_unet import TrainSettings, UNet
from napari_unet.core.training.batches import Batch
from napari_unet.core.training.learner import Learner, compute_dtype
from race import peer

Call = Callable[[], object]


class Plain(nn.Module):
    """The unpadded network as it is usually written down: no layout, no precision, no tricks."""

    def __init__(self, base: int, depth: int) -> None:
        super().__init__()
        widths = [base << level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            self._pair(i, o) for i, o in zip([1, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(w, w // 2, 2, stride=2) for w in reversed(widths[1:])
        )
        self.side = nn.ModuleList(self._pair(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(base, 2, 1)

    @staticmethod
    def _pair(i: int, o: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(i, o, 3), nn.ReLU(), nn.Conv2d(o, o, 3), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        copies = []
        for pair in self.down[:-1]:
            copies.append(pair(x))
            x = F.max_pool2d(copies[-1], 2)
        x = self.down[-1](x)
        for up, pair in zip(self.up, self.side, strict=True):
            x, copy = up(x), copies.pop()
            cut = (copy.shape[-1] - x.shape[-1]) // 2
            x = pair(torch.cat((copy[..., cut:-cut, cut:-cut], x), 1))
        return self.head(x)


def batch_of(tile: int, output: int) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(
        torch.from_numpy(rng.random((1, 1, tile, tile), np.float32)),
        torch.from_numpy(rng.integers(0, 2, (1, output, output), np.uint8)),
        torch.from_numpy(rng.random((1, output, output), np.float32) + 0.5),
        1.0,
    )


def ours(settings: TrainSettings, device: torch.device) -> Call:
    network = UNet.of(settings)
    network.to(device).train()
    learner = Learner(network, settings, compute_dtype(network, settings))
    batch = batch_of(settings.tile, network.output_size(settings.tile))
    return lambda: learner.learn(batch, 1e-6, 1).value()


def usual(network: nn.Module, tile: int, output: int, device: torch.device) -> Call:
    """A step as most loops have it: cross-entropy, weights, SGD."""
    image, classes, weights = batch_of(tile, output).to(device, torch.float32)
    target = classes.long()
    optimiser = torch.optim.SGD(network.to(device).train().parameters(), 1e-6, momentum=0.99)

    def step() -> float:
        optimiser.zero_grad()
        found = network(image)
        found = found[0] if isinstance(found, list | tuple) else found
        losses = F.cross_entropy(found, target, reduction="none") * weights
        loss = losses.sum() / losses.numel()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def monai(base: int, tile: int, device: torch.device) -> Call:
    nets = peer("monai.networks.nets")
    features = (*(base << level for level in range(5)), base)
    return usual(nets.BasicUNet(2, 1, 2, features=features), tile, tile, device)


def nnunet(base: int, tile: int, device: torch.device) -> Call:
    unet = peer("dynamic_network_architectures.architectures.unet")
    network = unet.PlainConvUNet(
        1, 5, [base << level for level in range(5)], nn.Conv2d, 3, [1, 2, 2, 2, 2], 2, 2, 2,
        conv_bias=True, norm_op=nn.InstanceNorm2d, norm_op_kwargs={"affine": True},
        nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
    )  # fmt: skip
    return usual(network, tile, tile, device)


def smp(base: int, tile: int, device: torch.device) -> Call:
    models = peer("segmentation_models_pytorch")
    encoder = "resnet34" if base == 64 else "resnet18"
    network = models.Unet(encoder, encoder_weights=None, in_channels=1, classes=2)
    return usual(network, tile, tile, device)


def late(make: Callable[[], Call]) -> Call:
    """Build a contender when it is first called, so that an absent peer is told and not raised."""
    made: list[Call] = []

    def call() -> object:
        if not made:
            made.append(make())
        return made[0]()

    return call


def forward_convolutions(settings: TrainSettings, dtype: torch.dtype, device: torch.device) -> Call:
    """All convolutions of one forward pass, each on an input of its own, and nothing else."""
    network = UNet(1, 2, settings.base, settings.depth, dropout=0.0).eval().to(device)
    calls: list[Call] = []

    def keep(layer: nn.Module, given: tuple[torch.Tensor], _: object) -> None:
        convolve = F.conv2d if isinstance(layer, nn.Conv2d) else F.conv_transpose2d
        stride = layer.stride[0]
        last = torch.channels_last
        x, w = (t.detach().to(dtype, memory_format=last) for t in (given[0], layer.weight))
        calls.append(lambda: convolve(x, w, None, stride))

    hooks = [
        layer.register_forward_hook(keep)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.no_grad():
        network(torch.rand(1, 1, settings.tile, settings.tile, device=device))
    for hook in hooks:
        hook.remove()

    def run() -> None:
        with torch.inference_mode():
            for call in calls:
                call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

    return run
