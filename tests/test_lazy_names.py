"""The package loads what is asked for, when it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import comity

SURROUNDINGS = {**os.environ, "PYTHONPATH": str(Path(comity.__file__).parent.parent)}


def loaded_by(code: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after some code."""
    told = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], env=SURROUNDINGS, capture_output=True, check=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "left_out"),
    [
        ("import comity", {"comity.errors", "comity.workspace", "msgspec", "typing"}),
        ("import comity; comity.Conflict", {"comity.workspace", "comity.store", "apsw"}),
        ("from comity import Decision", {"comity.workspace", "comity.store", "apsw"}),
        ("from comity.cli import main", {"comity.cli.app", "comity.workspace", "typing"}),
        ("from comity.cli import main; main(['--version'])", {"comity.cli.app", "comity.workspace", "rich"}),
    ],
)
def test_nothing_is_loaded_before_it_is_asked_for(code: str, left_out: set[str]) -> None:
    assert not loaded_by(code) & left_out


@pytest.mark.parametrize("name", comity.__all__)
def test_a_public_name_is_that_of_its_home(name: str) -> None:
    home = import_module(f"comity.{comity._HOMES.get(name, 'errors')}")
    assert getattr(comity, name) is getattr(home, name)
    assert name in dir(comity)


def test_homes_are_those_of_public_names() -> None:
    assert set(comity._HOMES) <= set(comity.__all__)


def test_all_public_names_come_with_a_star() -> None:
    names: dict[str, object] = {}
    exec("from comity import *", names)
    assert set(comity.__all__) <= set(names)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'comity' has no attribute 'opne'"):
        getattr(comity, "opne")  # noqa: B009 - a type checker would find it
    with pytest.raises(ImportError):
        exec("from comity import opne")
