"""How much memory does an image from disk take, segmented to labels and objects on disk?

The command runs in a process of its own, watched from outside; then once more, killed half-way and
gone on with. The network passes its input through, so that the blobs of the image are objects; it
computes as much as any network of its size.

    .venv-benchmarks/bin/python benchmarks/large_image.py --edge 20000
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import tifffile
import torch

from napari_unet import UNet, save_network
from napari_unet.core.files.image_file import open_image
from race import record

LIMIT = 2.5  # GiB that the process may have resident
PERIOD = 50  # px from blob to blob


class Run(NamedTuple):
    """What one run of the command took."""

    gib: float  # most that was resident
    seconds: float
    status: int


def write_image(path: Path, edge: int) -> None:
    """Write ``edge``² blobs, a band of rows at a time."""
    wave = np.sin(np.arange(edge) * 2 * np.pi / PERIOD)
    band = (127 + 100 * np.outer(wave[: 10 * PERIOD], wave)).astype(np.uint8)
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        rows = (band[: min(len(band), edge - top)] for top in range(0, edge, len(band)))
        writer.write(rows, shape=(edge, edge), dtype=np.uint8, rowsperstrip=len(band))


def pass_through(base: int, depth: int) -> UNet:
    """Return a network whose score of class 1 rises with the brightness of the pixel."""
    network = UNet(1, 2, base=base, depth=depth, norm="none")
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 1e-6)
        top, last = network.contract[0], network.expand[-1]
        for layer, channel in (
            (top.first, 0),
            (top.second, 0),
            (last.first, base),
            (last.second, 0),
        ):
            layer.weight[0, channel, 1, 1] = 1.0
        network.head.weight[1, 0], network.head.bias[1] = 20.0, -12.0
    return network


def run(folder: Path, output: str, more: list[str], stop_after: float | None = None) -> Run:
    """Run the command in ``folder`` and watch its memory; kill it after a while, if asked."""
    line = ["segment", "network.safetensors", "image.tif", "-o", output, "--objects", "--quiet"]
    start, peak = time.monotonic(), 0
    process = subprocess.Popen([sys.executable, "-m", "napari_unet", *line, *more], cwd=folder)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        if stop_after is not None and time.monotonic() - start > stop_after:
            process.kill()
        time.sleep(0.02)
    return Run(peak / 2**30, time.monotonic() - start, process.wait())


def size_of(path: Path) -> str:
    """Return how much a file or folder takes on the disk."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 2**20:.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge", type=int, default=20_000)
    parser.add_argument("--base", type=int, default=8)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--format", default="tiff", choices=("tiff", "ome-zarr"))
    parser.add_argument("--no-record", action="store_true")
    arguments, more = parser.parse_known_args()
    more += ["--format", arguments.format]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        write_image(folder / "image.tif", arguments.edge)
        save_network(pass_through(arguments.base, arguments.depth), folder / "network.safetensors")
        whole = run(folder, "whole", more)
        cut = run(folder, "cut", more, stop_after=whole.seconds / 2)
        rest = run(folder, "cut", more)
        results = sorted((folder / "whole").iterdir())
        same = all(_same(path, folder / "cut" / path.name) for path in results)
        with next((folder / "whole").glob("*.csv")).open(newline="") as file:
            objects = sum(1 for _ in csv.reader(file)) - 1
        sizes = ", ".join(f"{path.name} {size_of(path)}" for path in results)
    text = "\n".join(
        [
            f"{arguments.edge}² uint8 from a TIFF, base {arguments.base}, depth {arguments.depth}, "
            f"objects and table too ({objects:,} objects).",
            "",
            "| run | seconds | most memory, GiB |",
            "|---|---:|---:|",
            f"| whole | {whole.seconds:.0f} | {whole.gib:.2f} |",
            f"| killed (status {cut.status}) | {cut.seconds:.0f} | {cut.gib:.2f} |",
            f"| gone on with | {rest.seconds:.0f} | {rest.gib:.2f} |",
            "",
            f"Limit {LIMIT} GiB: {'kept' if max(whole.gib, rest.gib) <= LIMIT else 'EXCEEDED'}. "
            f"Results of the killed run and the whole one are {'equal' if same else 'DIFFERENT'}. "
            f"{sizes}.",
        ]
    )
    print(text)
    if not arguments.no_record:
        record("large image", text)


def _same(one: Path, other: Path) -> bool:
    """Compare two results, a band at a time."""
    if one.suffix == ".csv":
        return one.read_bytes() == other.read_bytes()
    first, second = open_image(one).data, open_image(other).data
    return all(
        np.array_equal(first[top : top + 1024], second[top : top + 1024])
        for top in range(0, first.shape[0], 1024)
    )


if __name__ == "__main__":
    main()
