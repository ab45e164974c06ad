"""What people are told: sentences, never a traceback, and the fatal binding named once."""

import errno
import logging

import pytest
from napari.utils.notifications import notification_manager

from napari_unet.core.runtime.memory import TileMemoryError
from napari_unet.widgets.shared import messages
from napari_unet.workflows.scheduler import Outcome, failed


def test_sentences_of_core_are_passed_on():
    assert messages.in_words(ValueError("axes 'YX' names 2 axes")) == "axes 'YX' names 2 axes"
    assert messages.in_words(FileExistsError("x.safetensors exists")) == "x.safetensors exists"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        MemoryError(),
        MemoryError("Unable to allocate 74.5 GiB for an array with shape (100000, 100000)"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_no_memory_has_a_remedy(error):
    assert "choose a smaller tile" in messages.in_words(error)


def test_a_remedy_of_core_is_passed_on():
    refused = TileMemoryError("memory is not enough for the smallest tile: close other programs")
    assert messages.in_words(refused) == str(refused)


def test_the_unexpected_is_short_and_named():
    words = messages.in_words(RuntimeError("mat1 and mat2\nshapes " + "x" * 10_000))
    assert words.startswith("something unexpected happened (RuntimeError: mat1 and mat2 shapes x")
    assert len(words) < 500
    assert "Show logs" in words
    assert "KeyError" in messages.in_words(KeyError("a"))
    assert "ValueError" in messages.in_words(ValueError())


def test_the_traceback_goes_to_the_log_only(caplog):
    try:
        raise RuntimeError("boom")
    except RuntimeError as error:
        outcome = failed(error)
    before = len(notification_manager.records)
    with caplog.at_level(logging.ERROR):
        messages.failed("Training cells-1", outcome)
    (record,) = notification_manager.records[before:]
    assert "Traceback" not in str(record.message)
    assert str(record.message).startswith("Training cells-1: something unexpected")
    assert "Traceback" in caplog.text
    assert outcome.error.__traceback__ is None


def test_a_sentence_of_core_is_not_printed(caplog):
    with caplog.at_level(logging.INFO):
        messages.log_details("a preview", failed(ValueError("nothing is labelled")))
        messages.log_details("a preview", failed(RuntimeError("boom")))
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.ERROR]


@pytest.mark.parametrize(
    ("binding", "release", "python", "fatal"),
    [
        ("PySide6", "6.12.0", (3, 11), True),
        ("PySide6", "6.12.0", (3, 12), False),
        ("PySide6", "6.11.3", (3, 11), False),
        ("PyQt6", "6.12.0", (3, 11), False),
    ],
)
def test_one_binding_is_fatal(binding, release, python, fatal):
    assert messages.is_fatal_binding(binding, release, python) is fatal


def test_the_fatal_binding_is_told_once(monkeypatch):
    messages.warn_about_binding.cache_clear()
    monkeypatch.setattr(messages, "API_NAME", "PySide6")
    monkeypatch.setattr(messages, "_version", lambda package: "6.12.0")
    monkeypatch.setattr(messages.sys, "version_info", (3, 11, 9))
    before = len(notification_manager.records)
    messages.warn_about_binding()
    messages.warn_about_binding()
    (record,) = notification_manager.records[before:]
    assert 'pip install "PySide6<6.12"' in str(record.message)
    messages.warn_about_binding.cache_clear()


def test_an_outcome_without_a_traceback_is_logged_too(caplog):
    messages.log_details("a preview", Outcome(error=RuntimeError("no image")))
    assert "no image" in caplog.text
