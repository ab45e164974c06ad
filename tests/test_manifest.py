"""The manifest, against what `npe2 validate` lets pass and napari then ignores or falls over."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

from napari_unet import samples

pytest.importorskip("napari")

NAME = "napari-unet"
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution(NAME)


@pytest.fixture(scope="module")
def contributions(manifest):
    return manifest.contributions


def loaded(name):
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def test_npe2_finds_the_manifest_and_all_it_names(manifest, contributions):
    manifest.validate_imports()
    for command in contributions.commands:
        assert command.id.startswith(f"{NAME}.")
        assert callable(loaded(command.python_name)), command.id


def test_the_top_level_file_is_the_manifest():
    top = ROOT / "napari.yaml"  # a link, or its target's path where git has links off
    target = top.resolve() if top.is_symlink() else ROOT / top.read_text().strip()
    assert target == ROOT / "src" / "napari_unet" / "napari.yaml"
    assert not target.is_symlink(), "the file in the package must be the true one"


def test_no_display_name_so_that_a_dock_is_never_open_twice(manifest):
    """Menus name a dock after display_name, `napari -w` after the distribution."""
    assert manifest.display_name in (None, "", NAME)


def test_no_menu_that_napari_ignores(contributions):
    from napari._app_model.constants._menus import is_menu_contributable

    own = {submenu.id for submenu in contributions.submenus or ()}
    for menu in contributions.menus:
        known = menu.startswith("napari/") and is_menu_contributable(menu)
        assert menu in own or known, f"napari shows no menu '{menu}'"


def test_menu_items_name_commands_or_submenus_that_exist(contributions):
    commands = {command.id for command in contributions.commands}
    submenus = {submenu.id for submenu in contributions.submenus or ()}
    for items in contributions.menus.values():
        for item in items:
            assert getattr(item, "command", None) in commands or item.submenu in submenus


def test_no_icons(contributions):
    """One from a font that is not installed keeps napari from starting."""
    assert not [command.id for command in contributions.commands if command.icon]


def test_what_cannot_run_from_the_palette_is_greyed_there(contributions):
    """napari lists readers and writers as commands, and running them there is a TypeError."""
    files = [*(contributions.readers or ()), *(contributions.writers or ())]
    enabled = {command.id: command.enablement for command in contributions.commands}
    assert [enabled[entry.command] for entry in files] == ["False"] * len(files)


def test_enablement_uses_names_that_napari_knows(contributions):
    from napari._app_model.context import LayerListContextKeys, LayerListSelectionContextKeys

    known = {key for keys in (LayerListContextKeys, LayerListSelectionContextKeys)
             for key in vars(keys)}  # fmt: skip
    for command in contributions.commands:
        if command.enablement not in (None, "True", "False"):
            names = {node for node in command.enablement.split() if node.isidentifier()}
            assert names - {"and", "or", "not"} <= known, command.id


def test_every_sample_is_in_the_menu_and_says_whose_it_is(contributions):
    """The palette shows a sample's display_name alone; its key must be no command's."""
    assert {sample.key for sample in contributions.sample_data} == set(samples.names())
    tails = {command.id.removeprefix(f"{NAME}.") for command in contributions.commands}
    for sample in contributions.sample_data:
        assert sample.display_name.startswith("U-Net: ")
        assert sample.key not in tails


def test_all_docks_and_commands_are_where_people_look(contributions):
    docks = {widget.display_name for widget in contributions.widgets}
    assert docks == {"Annotate", "Preview", "Train", "Segment", "Evaluate"}
    menus = {
        menu: [item.command.removeprefix(f"{NAME}.") for item in items]
        for menu, items in contributions.menus.items()
    }
    assert {"new_annotation", "use_as_annotation"} <= set(menus["napari/layers/annotate"])
    assert "segment_active" in menus["napari/layers/segment"]
    assert "evaluate_against" in menus["napari/layers/measure"]
    assert "new_annotation" in menus["napari/file/new_layer"]
    patterns = {name for reader in contributions.readers for name in reader.filename_patterns}
    assert {"*.safetensors", "*.unet"} <= patterns


def test_nothing_that_napari_ignores_is_promised(contributions):
    assert not contributions.keybindings
    for widget in contributions.widgets or ():
        assert not widget.autogenerate


def test_settings_build_and_hold_no_small_floats(manifest, plugin_settings, npe2pm):
    """Preferences rounds to two decimals, every number of a page when one is edited."""
    from napari.settings import get_plugin_settings

    from napari_unet.widgets.shared.preferences import machine
    from napari_unet.workflows.scheduler import ComputePreferences

    npe2pm.register(manifest)
    page = get_plugin_settings(NAME)
    for key, group in manifest.contributions.configurations.items():
        for name, setting in group.properties.items():
            assert getattr(getattr(page, key), name) == setting.default
            assert setting.description
            if setting.type == "number":
                assert setting.default == 0 or abs(setting.default) >= 0.01
    assert machine() == ComputePreferences()
    page.machine.memory = 1.25
    page.machine.device = "cpu"
    assert machine() == ComputePreferences("cpu", 0, 1.25)
    assert machine().memory_bytes == 1_250_000_000
    assert ComputePreferences().memory_bytes is None


def test_without_the_plugin_the_defaults_hold(plugin_settings):
    from napari_unet.widgets.shared.preferences import machine, on_change
    from napari_unet.workflows.scheduler import ComputePreferences

    assert machine() == ComputePreferences()
    on_change(lambda: None)


def test_opening_docks_imports_no_torch_in_the_window():
    """A window that imported torch would stand still for a second."""
    folder = ROOT / "src" / "napari_unet" / "widgets"
    paths = (path.relative_to(folder).with_suffix("") for path in folder.rglob("[!_]*.py"))
    names = sorted(".".join(("napari_unet.widgets", *path.parts)) for path in paths)
    code = (
        f"import sys, importlib\nfor n in {names}: importlib.import_module(n)\n"
        "print([m for m in ('torch', 'safetensors.torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
