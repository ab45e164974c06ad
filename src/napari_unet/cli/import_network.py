"""Convert a U-Net that PyTorch saved elsewhere (a state dict, .pt or .pth) into a network file.

It is recognised by the shapes of its weights and must be the U-Net of the paper, without
normalisation layers. No code in the file is executed.
"""

import argparse
from pathlib import Path

from napari_unet.cli.command import Report
from napari_unet.cli.preview import refuse_existing

ABOUT = "convert a U-Net saved by PyTorch into a network file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a state dict saved by PyTorch (.pt, .pth)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NETWORK")
    parser.add_argument(
        "--copied-first", action="store_true",
        help="its expanding path joins the copied features before the up-sampled ones: try it "
        "where the labels make no sense (default: up-sampled ones first, as the paper's authors)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    from napari_unet.core.network.import_state_dict import convert_state_dict
    from napari_unet.core.network.network_file import save_network

    refuse_existing(arguments.output)
    network = convert_state_dict(arguments.file, copied_first=arguments.copied_first)
    save_network(network, arguments.output)
    Report(arguments).say(
        f"{arguments.output} holds the network: {network.dims}-D, {network.channels} channels, "
        f"{network.classes} classes, {network.base} features at the first of {network.depth + 1} "
        "levels. Its images are normalised as ours are: train it a little on yours, or check its "
        "labels first",
        file=arguments.output, channels=network.channels, classes=network.classes,
        base=network.base, depth=network.depth, dims=network.dims,
    )  # fmt: skip
    return 0
