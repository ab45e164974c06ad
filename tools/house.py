"""Measure the structure of the source: how many modules, how long, and what imports what.

``python tools/house.py`` prints the figures that ``tests/test_architecture.py`` holds to their
ceilings; with ``--flows`` also how many files five flows pass, from a click to what is shown.
"""

import argparse
import ast
import statistics
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_unet"
SLIVER = 120  # lines; a module with fewer that one other module alone imports
FUNCTION = 0x1  # a code flag that functions have, and bodies of modules and classes do not
FLOWS = "tests/widgets/test_flows.py"


@cache
def modules() -> dict[str, Path]:
    """Return each module of the package by its dotted name, packages without ``__init__``."""
    paths = sorted(SOURCE.rglob("*.py"))
    return {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): path
        for path in paths
        if path.name != "__init__.py"
    }


@cache
def tree(path: Path) -> ast.Module:
    """Return the parsed source of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def lines(path: Path) -> int:
    """Return how many lines a file has."""
    return path.read_text(encoding="utf-8").count("\n")


def _imported(body: list[ast.stmt] | Iterator[ast.AST]) -> set[str]:
    """Return which modules of the package the import statements among ``body`` name."""
    known, targets = modules(), set()
    for node in body:
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return targets & set(known)


@cache
def loaded_imports(name: str) -> frozenset[str]:
    """Return what a module imports when loaded or only for its types, not inside functions."""
    statements = []
    for node in tree(modules()[name]).body:
        statements += node.body if isinstance(node, ast.If) else [node]
    return frozenset(_imported(statements) - {name})


@cache
def all_imports(name: str) -> frozenset[str]:
    """Return what a module imports anywhere, inside functions too."""
    return frozenset(_imported(ast.walk(tree(modules()[name]))) - {name})


def slivers() -> list[str]:
    """Return the short modules that one other module alone imports."""
    importers = Counter(target for name in modules() for target in all_imports(name))
    return [
        name for name, path in modules().items() if importers[name] == 1 and lines(path) < SLIVER
    ]


def circles() -> list[list[str]]:
    """Return groups of modules that import one another, imports for types included."""
    reach = {name: _reachable(name) for name in modules()}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in modules()
        if name in reach[name]
    }
    return [sorted(group) for group in groups]


def _reachable(name: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(loaded_imports(name))
    while waiting:
        other = waiting.pop()
        if other not in seen:
            seen.add(other)
            waiting += loaded_imports(other)
    return seen


def floors() -> dict[str, int]:
    """Return for each folder the longest chain of imports inside it; needs ``circles`` empty."""

    @cache
    def height(name: str) -> int:
        folder = name.rpartition(".")[0]
        inside = [other for other in loaded_imports(name) if other.rpartition(".")[0] == folder]
        return 1 + max(map(height, inside), default=0)

    found: dict[str, int] = defaultdict(int)
    for name in modules():
        folder = name.rpartition(".")[0]
        found[folder] = max(found[folder], height(name))
    return dict(found)


def classes_twice() -> dict[str, list[str]]:
    """Return public class names that several modules define."""
    homes = defaultdict(list)
    for name, path in modules().items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    return {name: where for name, where in homes.items() if len(where) > 1}


def aliases_twice() -> dict[str, list[str]]:
    """Return public type aliases (``Box = tuple[...]``) that several modules define."""
    homes = defaultdict(list)
    for name, path in modules().items():
        for node in tree(path).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
                target = node.targets[0]
                plain = isinstance(target, ast.Name) and not target.id.isupper()
                if plain and not target.id.startswith("_") and target.id[0].isupper():
                    homes[target.id].append(name)
    return {name: where for name, where in homes.items() if len(where) > 1}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def plain_any() -> int:
    """Return how many parameters and results are annotated with nothing but ``Any``."""

    def is_any(node: ast.expr | None) -> bool:
        return isinstance(node, ast.Name) and node.id == "Any"

    total = 0
    for path in modules().values():
        for function in functions(path):
            taken = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            total += sum(is_any(one.annotation) for one in taken) + is_any(function.returns)
    return total


class FilesPassed:
    """The files of the package in which a function ran, imports left out."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note the file of a call; for ``sys.setprofile``."""
        name = frame.f_code.co_filename
        if event != "call" or name in self.files or not frame.f_code.co_flags & FUNCTION:
            return
        if name.startswith(str(SOURCE)) and not self._importing(frame):
            self.files.add(name)

    def _importing(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            frame = frame.f_back
        return False

    def names(self) -> list[str]:
        """Return the files, relative to the package."""
        return sorted(str(Path(name).relative_to(SOURCE)) for name in self.files)


@contextmanager
def files_passed() -> Iterator[FilesPassed]:
    """Record which files are passed, in this thread and in those that are started within."""
    passed = FilesPassed()
    before, others = sys.getprofile(), threading.getprofile()
    threading.setprofile(passed)
    sys.setprofile(passed)
    try:
        yield passed
    finally:
        sys.setprofile(before)
        threading.setprofile(others)


def figures() -> dict[str, Any]:
    """Return all figures of the structure by name."""
    lengths = [lines(path) for path in modules().values()]
    return {
        "modules": len(lengths),
        "lines": sum(lines(path) for path in SOURCE.rglob("*.py")),
        "lines a module, mean": round(statistics.mean(lengths), 1),
        "lines a module, median": statistics.median(lengths),
        "slivers": len(slivers()),
        "circles": len(circles()),
        "class names twice": len(classes_twice()),
        "type aliases twice": len(aliases_twice()),
        "plain Any in signatures": plain_any(),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flows", action="store_true", help="count the files of five flows, too")
    parser.add_argument("--names", action="store_true", help="name slivers and circles")
    arguments = parser.parse_args()
    for name, value in figures().items():
        print(f"{name:26} {value:,}")
    if arguments.names:
        print("slivers:", *slivers(), sep="\n  ")
        print("circles:", *circles(), sep="\n  ")
    if not circles():
        highest = sorted(floors().items(), key=lambda item: -item[1])
        print("floors:", ", ".join(f"{folder} {count}" for folder, count in highest[:8]))
    if arguments.flows:
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:xdist", FLOWS]
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
