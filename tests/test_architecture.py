"""The house keeps its shape: imports point one way, rooms stay small, the package imports light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "napari_unet"
MODULES = sorted(SOURCE.rglob("*.py"))
QT = ("napari", "qtpy", "PyQt6", "PySide6", "superqt", "magicgui", "pyqtgraph")
MAY_NOT_IMPORT = {
    "core": (
        *QT,
        "dask",
        "distributed",
        "napari_unet.cluster",
        "napari_unet.widgets",
        "napari_unet.cli",
    ),
    "cluster": (*QT, "napari_unet.widgets", "napari_unet.cli"),
    "widgets": ("napari_unet.cli",),
}


def imports(module: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the room they reach into"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def name_of(module: Path) -> str:
    return ".".join(module.relative_to(SOURCE).with_suffix("").parts)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_imports_point_one_way(module):
    room = module.relative_to(SOURCE).parts[0]
    banned = MAY_NOT_IMPORT.get(room, ())
    wrong = [n for n in imports(module) for b in banned if (n + ".").startswith(b + ".")]
    assert not wrong, f"{module} imports {wrong}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_rooms_stay_small(module):
    text = module.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, f"{module} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 40, f"{module}: {node.name} has {lines} lines"
            taken = node.args.args + node.args.kwonlyargs
            assert len(taken) <= 8, f"{module}: {node.name} takes {len(taken)} parameters"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_the_command_line_prints(module):
    if module.relative_to(SOURCE).parts[0] != "cli":
        assert not re.search(r"^\s*print\(", module.read_text(encoding="utf-8"), re.M)


def test_no_circle_of_imports():
    """A depth-first walk over the imports made when a module is loaded finds no way back."""
    graph = {}
    for module in MODULES:
        name = "napari_unet." + name_of(module).removesuffix(".__init__")
        tree = ast.parse(module.read_text(encoding="utf-8"))
        graph[name] = {
            f"{node.module}.{alias.name}"
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
    known = set(graph)
    edges = {
        name: {t if t in known else t.rpartition(".")[0] for t in targets} & known - {name}
        for name, targets in graph.items()
    }
    done: set[str] = set()

    def walk(name, path):
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for target in edges[name]:
                walk(target, [*path, name])
            done.add(name)

    for name in edges:
        walk(name, [])


def test_importing_the_package_is_light():
    code = (
        "import sys, napari_unet, napari_unet.cli; "
        "print([m for m in ('torch', 'qtpy', 'napari', 'numba', 'skimage') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
