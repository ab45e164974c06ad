"""Reading ahead: the next tile is read while this one is computed."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Yield each item with ``work`` of it, done in one thread that stays one item ahead.

    Whoever stops early waits for the one read under way, and no thread is left behind.
    """
    with ThreadPoolExecutor(1, "napari-unet reader") as reader:
        waiting = None
        for item in chain(items, [None]):
            after = None if item is None else (item, reader.submit(work, item))
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = after
