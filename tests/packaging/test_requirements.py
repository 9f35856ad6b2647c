"""The pinned requirements are whole, fit the project, and can be installed from any registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==\S+", re.MULTILINE)
NAME = re.compile(r"^[A-Za-z0-9_.-]+")


def canonical(requirement: str) -> str:
    name = NAME.match(requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_registry(lock: Path) -> None:
    assert not re.search(r"https?://|file://|--(extra-)?index-url|--find-links", lock.read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    pins = re.split(r"\n(?=[a-z0-9])", lock.read_text(encoding="utf-8"))[1:]
    assert pins
    assert all("--hash=sha256:" in pin for pin in pins)


@pytest.mark.parametrize(
    ("lock", "extras", "source"),
    [
        ("dev.txt", ["postgres", "server", "mcp"], "dev.in"),
        ("bench.txt", ["bench"], None),
        ("docs.txt", None, "docs.in"),
    ],
)
def test_a_lock_pins_all_that_is_asked_for(lock: str, extras: list[str] | None, source: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [] if extras is None else list(project["dependencies"])
    for extra in extras or []:
        wanted += project["optional-dependencies"][extra]
    if source is not None:
        lines = (ROOT / "requirements" / source).read_text(encoding="utf-8").splitlines()
        wanted += [line for line in lines if line and not line.startswith("#")]
    pinned = set(PIN.findall((ROOT / "requirements" / lock).read_text(encoding="utf-8")))
    assert {canonical(requirement) for requirement in wanted} <= pinned
