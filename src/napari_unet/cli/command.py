"""The command: finds the verb, runs it, and turns what goes wrong into one sentence and a status.

Each verb is a module of this folder with ``NAME``, ``ABOUT``, ``add_arguments(parser)`` and
``run(arguments) -> int``; it is imported when the parser is made, so it must import torch late.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from napari_unet import __version__

ABOUT = (
    "Teach a U-Net with a few strokes, train it, and segment microscope images with it. "
    "'napari-unet VERB -h' explains a verb."
)
# the first one is what no argument means
VERBS = ("open", "demo", "check", "train", "segment", "evaluate", "preview", "export")
DONE, USER_ERROR, USAGE, INTERRUPTED = 0, 1, 2, 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="napari-unet", description=ABOUT)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        module = import_module(f"napari_unet.cli.{name}")
        verb = verbs.add_parser(name, help=module.ABOUT, description=module.__doc__)
        module.add_arguments(verb)
        _add_common(verb)
        verb.set_defaults(run=module.run)
    return parser


def _add_common(verb: argparse.ArgumentParser) -> None:
    """Add the flags that every verb takes."""
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    verb.add_argument("--seed", type=int, default=0, help="the same seed gives the same result")
    verb.add_argument("--quiet", action="store_true", help="print results and errors only")
    verb.add_argument("--json", action="store_true", help="print one JSON object a line")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv``; return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = _parser().parse_args(given or [VERBS[0]])
        return int(arguments.run(arguments))
    except (ValueError, TypeError, OSError) as error:
        print(f"napari-unet: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("napari-unet: interrupted", file=sys.stderr)
        return INTERRUPTED
