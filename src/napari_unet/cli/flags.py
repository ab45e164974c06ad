"""Flags for TrainSettings: one for each field, with the limits and words of its declaration."""

import argparse
from dataclasses import fields, replace
from typing import Any

from napari_unet.core.training.settings import TrainSettings

COMMON = ("seed",)  # every verb has them


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting, sorted as a form would sort them."""
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
    found = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def changed(settings: TrainSettings, arguments: argparse.Namespace) -> TrainSettings:
    """Return ``settings`` with the flags that were given; steps given alone replace minutes."""
    flags = given(arguments)
    if "steps" in flags and "minutes" not in flags:
        flags["minutes"] = 0.0
    return replace(settings, **flags)


def group_of(name: str) -> str:
    """Return the group that the setting belongs to."""
    return next(str(f.metadata["group"]) for f in fields(TrainSettings) if f.name == name)
