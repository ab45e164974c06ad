"""Every test keeps what outlives a program in a folder of its own, never in that of a person."""

import pytest


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
