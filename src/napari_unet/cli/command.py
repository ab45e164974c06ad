"""The command: finds the verb, runs it, and turns an error into one sentence and a status.

Each verb is a module of this folder with ``ABOUT``, ``add_arguments(parser)`` and
``run(arguments) -> int``. It is imported when the parser is made, so it must import torch late.
The report of a verb, the handling of Ctrl-C and the flags for ``TrainSettings`` are here, too.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from importlib import import_module
from types import FrameType
from typing import Any

from napari_unet import __version__
from napari_unet.core.training.settings import TrainSettings

ABOUT = (
    "Teach a U-Net with a few strokes, train it, and segment microscope images with it. "
    "'napari-unet VERB -h' explains a verb."
)
# without an argument the first verb runs
VERBS = (
    "open", "demo", "check", "train", "segment", "evaluate", "preview", "export", "import",
)  # fmt: skip
MODULES = {"import": "import_network"}  # of a verb that is a word of Python
DONE, USER_ERROR, USAGE, INTERRUPTED = 0, 1, 2, 130


def _parser(names: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="napari-unet", description=ABOUT)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in names:
        module = import_module(f"napari_unet.cli.{MODULES.get(name, name)}")
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
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        words = words or [VERBS[0]]
        # one verb needs the modules of no other
        arguments = _parser(words[:1] if words[0] in VERBS else VERBS).parse_args(words)
        return int(arguments.run(arguments))
    except (ValueError, TypeError, OSError) as error:
        print(f"napari-unet: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("napari-unet: interrupted", file=sys.stderr)
        return INTERRUPTED


PLAIN_INTERVAL = 10.0  # seconds between progress lines where the output is no terminal
LIVE_INTERVAL = 0.1


class Report:
    """Results go to standard output, progress and warnings to standard error.

    With ``--json`` every message is one JSON object a line on standard output, its kind under
    ``event``; with ``--quiet`` progress is left out.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.quiet: bool = arguments.quiet
        self.json: bool = arguments.json
        self._last = float("-inf")
        self._width = 0

    def live(self, text: str, **facts: Any) -> None:
        """Show progress: one line rewritten on a terminal, a line now and then elsewhere."""
        terminal = sys.stderr.isatty() and not self.json
        now = time.monotonic()
        if self.quiet or now - self._last < (LIVE_INTERVAL if terminal else PLAIN_INTERVAL):
            return
        self._last = now
        if self.json:
            self._object("progress", text, facts)
        elif terminal:
            print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str, **facts: Any) -> None:
        """Print a result."""
        self._end_live_line()
        if self.json:
            self._object("result", text, facts)
        else:
            print(text, flush=True)

    def warn(self, text: str, **facts: Any) -> None:
        """Print a warning; the work goes on."""
        self._end_live_line()
        if self.json:
            self._object("warning", text, facts)
        else:
            print(text, file=sys.stderr, flush=True)

    def _end_live_line(self) -> None:
        if self._width:
            print(file=sys.stderr)
            self._width = 0

    def _object(self, event: str, text: str, facts: dict[str, Any]) -> None:
        print(json.dumps({"event": event, "text": text, **facts}, default=str), flush=True)


SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Within, the first signal sets ``wanted``; the second one raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.wanted = False

    def __enter__(self) -> "Interruption":
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None: the handler was not set by Python, which therefore cannot set it again
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True


COMMON = ("seed",)  # settings whose flag every verb has


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting, in the groups of the settings form."""
    groups: dict[str, Any] = {}
    for item in fields(TrainSettings):
        if item.name in COMMON:
            continue
        title = item.metadata["group"]
        group = groups.setdefault(title, parser.add_argument_group(f"settings: {title}"))
        about = item.metadata["about"].replace("%", "%%")
        flag = f"--{item.name.replace('_', '-')}"
        if item.type is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=about)
        else:
            choices = item.metadata["choices"] or None
            metavar = None if choices else "N" if item.type is int else "X"
            group.add_argument(flag, type=item.type, choices=choices, metavar=metavar, help=about)


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as flags."""
    names = [item.name for item in fields(TrainSettings) if item.name not in COMMON]
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def changed(settings: TrainSettings, arguments: argparse.Namespace) -> TrainSettings:
    """Return ``settings`` with the flags that were given; steps given alone replace minutes."""
    flags = given(arguments)
    if "steps" in flags and "minutes" not in flags:
        flags["minutes"] = 0.0
    return replace(settings, **flags)


def group_of(name: str) -> str:
    """Return the group that the setting belongs to."""
    return next(str(f.metadata["group"]) for f in fields(TrainSettings) if f.name == name)
