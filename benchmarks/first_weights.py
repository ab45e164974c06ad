"""What live teaching starts from: a smallest network that knows filters and has seen no image.

    python benchmarks/first_weights.py    # two minutes of one core; writes the package's file

Textures are invented: noise of many scales, blobs, discs, lines and fine structure on coarse. Of
each the targets of a handful of ordinary filters are computed, and the network learns to give them.
"""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

from napari_unet import TrainSettings, UNet, save_network
from napari_unet.core.teaching.live_network import FILE
from napari_unet.core.training.optimiser import Optimiser

EDGE, COUNT = 220, 160  # pixels of a texture, and how many there are
TILE, LOST, BATCH, STEPS = 120, 20, 3, 1200
RATE = 4e-3


def texture(rng: np.random.Generator) -> np.ndarray:
    """Draw one texture, normalised as images are."""
    scale = np.exp(rng.uniform(np.log(2.0), np.log(14.0)))
    coarse = _noise(rng, scale)
    kind = rng.integers(5)
    if kind == 0:
        gray = coarse
    elif kind == 1:
        inside = coarse > rng.uniform(-0.5, 1.2)
        gray = inside * (1 + 0.15 * _noise(rng, scale / 2))
    elif kind == 2:
        gray = -np.exp(-((coarse / rng.uniform(0.1, 0.4)) ** 2))
    elif kind == 3:
        gray = _discs(rng)
    else:
        fine = _noise(rng, np.exp(rng.uniform(np.log(0.6), np.log(3.0))))
        flat = rng.uniform(-0.5, 0.5) + rng.uniform(0, 0.5) * _noise(rng, 1.0)
        gray = np.where(coarse > 0, fine * rng.uniform(0.5, 1.5), flat)
    return _photographed(rng, gray)


def filtered(gray: np.ndarray) -> np.ndarray:
    """Return the targets (17, *shape)."""
    smooth = [gaussian_filter(gray, sd) for sd in (0.7, 1.5, 3.0, 6.0)]
    slopes = [gaussian_gradient_magnitude(gray, sd) * sd for sd in (1.0, 2.0, 4.0)]
    ridges = [bend for sd in (1.0, 2.0, 4.0) for bend in _bends(gray, sd)]
    rough = [gaussian_filter(gray**2, sd) - gaussian_filter(gray, sd) ** 2 for sd in (2.0, 5.0)]
    rough.append(gaussian_filter(gaussian_gradient_magnitude(gray, 0.7) ** 2, 4.0))
    rough = [np.sqrt(np.maximum(part, 0)) for part in rough]
    local = gaussian_filter(gray, 1.0) - gaussian_filter(gray, 10.0)
    return np.stack([*smooth, *slopes, *ridges, *rough, local])


def _noise(rng: np.random.Generator, sd: float) -> np.ndarray:
    found = gaussian_filter(rng.standard_normal((EDGE, EDGE)), sd)
    return found / found.std()


def _discs(rng: np.random.Generator) -> np.ndarray:
    gray = np.zeros((EDGE, EDGE))
    rows, columns = np.mgrid[:EDGE, :EDGE]
    radius = np.exp(rng.uniform(np.log(3.0), np.log(20.0)))
    for _ in range(int(min(0.35 * EDGE**2 / (3 * radius**2), 80))):
        y, x = rng.uniform(0, EDGE, 2)
        long, wide = radius * rng.uniform(0.6, 1.5, 2)
        turn = rng.uniform(0, np.pi)
        u = (rows - y) * np.cos(turn) + (columns - x) * np.sin(turn)
        v = -(rows - y) * np.sin(turn) + (columns - x) * np.cos(turn)
        gray[(u / long) ** 2 + (v / wide) ** 2 < 1] = rng.uniform(0.4, 1.0)
    if rng.random() < 0.4:  # as rings
        return gray - 0.8 * gaussian_filter(gray, 1.5)
    return gray


def _photographed(rng: np.random.Generator, gray: np.ndarray) -> np.ndarray:
    """Blur, invert half of them, light unevenly, add noise, normalise, and bend the gray values."""
    gray = gaussian_filter(gray, rng.uniform(0.3, 1.2))
    gray = gray / (gray.std() + 1e-6) * rng.choice([-1.0, 1.0])
    gray = gray + rng.uniform(0, 0.3) * _noise(rng, 30.0) + rng.uniform(0, 0.5) * _noise(rng, 0.0)
    low, high = np.percentile(gray, [1, 99.8])
    gray = np.clip((gray - low) / (high - low), -0.2, 1.3)
    return np.sign(gray) * np.abs(gray) ** rng.uniform(0.6, 1.6)


def _bends(gray: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the larger and the smaller second derivative across all directions."""
    along, across, mixed = (
        gaussian_filter(gray, sd, order) * sd**2 for order in ((2, 0), (0, 2), (1, 1))
    )
    middle, apart = (along + across) / 2, np.sqrt(((along - across) / 2) ** 2 + mixed**2)
    return middle + apart, middle - apart


def _batch(
    rng: np.random.Generator, images: np.ndarray, targets: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    tiles, wanted = [], []
    for _ in range(BATCH):
        number = int(rng.integers(len(images)))
        y, x = rng.integers(0, EDGE - TILE + 1, 2)
        turn = int(rng.integers(4))
        inner = (slice(y + LOST, y + TILE - LOST), slice(x + LOST, x + TILE - LOST))
        tiles.append(np.rot90(images[number, :, y : y + TILE, x : x + TILE], turn, (1, 2)))
        wanted.append(np.rot90(targets[number][(slice(None), *inner)], turn, (1, 2)))
    image = torch.from_numpy(np.stack(tiles)).contiguous(memory_format=torch.channels_last)
    return image, torch.from_numpy(np.stack(wanted))


def main() -> None:
    rng = np.random.default_rng(0)
    textures = [texture(rng) for _ in range(COUNT)]
    images = np.stack(textures)[:, None].astype(np.float32)
    targets = np.stack([filtered(gray) for gray in textures]).astype(np.float32)
    targets -= targets.mean((0, 2, 3), keepdims=True)
    targets /= targets.std((0, 2, 3), keepdims=True)
    torch.manual_seed(0)
    settings = TrainSettings.preset("nano")
    network = UNet(1, targets.shape[1], base=settings.base, depth=2, dropout=0.0, norm="weight")
    optimiser = Optimiser(dict(network.named_parameters()), settings)
    for step in range(STEPS):
        image, wanted = _batch(rng, images, targets)
        loss = torch.nn.functional.smooth_l1_loss(network(image), wanted)
        loss.backward()
        optimiser.step(RATE * min(1, step / 20) * (0.5 + 0.5 * np.cos(np.pi * step / STEPS)))
        if step % 100 == 0:
            print(step, f"{loss.item():.4f}", flush=True)
    network.about["history"].append({"event": "taught filters on invented textures"})
    save_network(network.eval(), FILE, overwrite=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
