"""Export a network for other programs: ONNX, which Fiji, ilastik and ONNX Runtime open.

The file takes a normalised tile of any legal size and gives scores; its metadata say how the
network normalises images, what its classes are, and how many pixels it loses at each side.
"""

import argparse
from pathlib import Path

from napari_unet.cli.command import Report
from napari_unet.core.text import memory

ABOUT = "write a network as ONNX, for other programs"
SUFFIX = ".onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", type=Path, help="a network file (.safetensors)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="*.onnx")


def run(arguments: argparse.Namespace) -> int:
    from napari_unet.core.files.atomic_write import check_free, write_safely
    from napari_unet.core.network.network_file import load_network
    from napari_unet.core.network.onnx_export import onnx_bytes

    path = arguments.output
    if path.suffix.lower() != SUFFIX:
        raise ValueError(f"{path} does not end in {SUFFIX}: name the file to export with that end")
    check_free(path)
    network = load_network(arguments.network)
    data = onnx_bytes(network, arguments.network.stem)
    write_safely(path, data)
    smallest, step = network.input_size(1), 2**network.depth
    Report(arguments).say(
        f"{path} holds the network ({memory(len(data))}): it takes tiles of {smallest} px or "
        f"any multiple of {step} px more, normalised to 0…1, and gives scores without the "
        f"{network.border} px at each side",
        file=path, bytes=len(data), border=network.border, smallest_input=smallest, step=step,
    )  # fmt: skip
    return 0
