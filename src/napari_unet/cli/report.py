"""Report: what a verb tells while it works and when it is done, for people or for programs."""

import argparse
import json
import sys
import time
from typing import Any

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
        """Tell a result."""
        self._end_live_line()
        if self.json:
            self._object("result", text, facts)
        else:
            print(text, flush=True)

    def warn(self, text: str, **facts: Any) -> None:
        """Tell what the user should know though the work goes on."""
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
