"""Work: one generator on its way through the compute thread, and the Outcome it ends with.

Nothing here knows Qt: the compute thread holds these plain objects only, so that no object of the
window can ever be freed in the wrong thread.
"""

import traceback
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

Make = Callable[[], Any]  # returns a generator, or the result itself; called in the compute thread


class Urgency(IntEnum):
    """Who goes first when several want the compute thread; the lowest number does."""

    PREVIEW = 0
    VIEW = 1  # segmentation of what is on the screen
    TEACHING = 2
    SEGMENTATION = 3  # of a whole image, or of many
    TRAINING = 4


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a job ended: with a value, with an error, or stopped, which is neither."""

    value: Any = None
    error: BaseException | None = None
    stopped: bool = False
    details: str = ""  # the traceback of the error, for the log


class Work:
    """A generator with the wishes of the window (stop, pause) and what it has yielded so far.

    The flags are written by the GUI thread and read between two yields; whoever changes one wakes
    the compute thread afterwards.
    """

    def __init__(self, make: Make, urgency: Urgency) -> None:
        self.urgency = urgency
        self.stopping = False
        self.paused = False
        self.yielded: deque[Any] = deque()  # not delivered yet
        self.outcome: Outcome | None = None
        self._make: Make | None = make
        self._steps: Generator[Any, None, Any] | None = None

    def take(self) -> list[Any]:
        """Remove what was yielded since the last time and return it, oldest first; any thread."""
        return [self.yielded.popleft() for _ in range(len(self.yielded))]

    def advance(self) -> bool:
        """Go on to the next yield, or end; return whether a value was yielded."""
        try:
            if self.stopping:
                self._end(Outcome(stopped=True))
            elif self._steps is None:
                self._begin()
            else:
                self.yielded.append(next(self._steps))
                return True
        except StopIteration as end:
            self._end(Outcome(end.value))
        except BaseException as error:  # whatever it is, the compute thread lives on
            self._end(failed(error))
        return False

    def fail(self, error: BaseException) -> None:
        """End without having begun."""
        self._end(failed(error))

    def _begin(self) -> None:
        assert self._make is not None
        make, self._make = self._make, None
        found = make()
        if isinstance(found, Generator):
            self._steps = found
        else:
            self._end(Outcome(found))

    def _end(self, outcome: Outcome) -> None:
        """Close the generator here, in its own thread, and let go of all it held."""
        self._make = None
        steps, self._steps = self._steps, None
        if steps is not None:
            try:
                steps.close()
            except BaseException as error:  # its `finally:` failed: what it should keep is lost
                outcome = failed(error)
        self.outcome = outcome


def failed(error: BaseException) -> Outcome:
    """Return the outcome of ``error``, without the frames that would keep its tensors alive."""
    details = "".join(traceback.format_exception(error))
    bare = error.with_traceback(None)
    bare.__cause__ = bare.__context__ = None
    return Outcome(error=bare, details=details)
