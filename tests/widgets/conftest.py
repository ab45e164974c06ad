"""Label layers can be coloured before the first test: a dock then makes its layer at once."""

import time

import pytest

from napari_unet.widgets.colours import begin_to_prepare, prepared


@pytest.fixture(scope="session", autouse=True)
def colours():
    begin_to_prepare()
    while not prepared():
        time.sleep(0.02)
