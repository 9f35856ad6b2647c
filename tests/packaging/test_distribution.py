"""What is published: complete, nothing too much, and it works where nothing else is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from itertools import chain
from pathlib import Path

import pytest

from tests.docs.pages import blocks

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "comity"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = {
    "testing": ("comity.testing",),
    "postgres": ("comity.store.postgres",),
    "server": ("comity.server", "comity.cli.served"),
    "mcp": ("comity.server.mcp",),
}
"""Extras without which a package of ours can't be imported."""
IMPORT_ALL = """
import importlib, pkgutil, sys, comity
for found in pkgutil.walk_packages(comity.__path__, "comity."):
    if not found.name.startswith(tuple(sys.argv[1:])) and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


WITHOUT_EXTRA = """
import comity
try:
    comity.open("postgresql://nowhere/crm")
except comity.StoreUnsupported as error:
    print(error)
"""


@dataclass(frozen=True)
class Distribution:
    """Be the two files that are published."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Environment:
    """Be a virtual environment that nothing but the wheel and what it needs was put into."""

    folder: Path

    def run(self, *command: str, cwd: Path) -> str:
        """Return what a command of this environment prints; it must succeed."""
        foreign = ("PYTHON", "COMITY_", "VIRTUAL_ENV")
        env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        program = str(self.folder / "bin" / command[0])
        done = subprocess.run(
            [program, *command[1:]], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def run_uv(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """Build the source archive from the tree, and the wheel from the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Distribution(wheel=next(folder.glob("*.whl")), sdist=next(folder.glob("*.tar.gz")))


def shipped_files() -> set[str]:
    files = (path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"comity/{path.relative_to(SOURCE).as_posix()}" for path in files}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(distribution: Distribution) -> None:
    names = zipfile.ZipFile(distribution.wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == shipped_files()
    assert {"comity/py.typed", "comity/model/built_in.toml"} <= set(names)
    assert any(name.startswith("comity/store/sqlite/migrations/") and name.endswith(".sql") for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_source_archive_holds_what_the_wheel_is_built_from(distribution: Distribution) -> None:
    with tarfile.open(distribution.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in shipped_files()} <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert not [name for name in names if name.startswith(("tests", "bench", "requirements", ".ci"))]


@pytest.mark.slow
def test_the_metadata_is_that_of_the_project(distribution: Distribution) -> None:
    archive = zipfile.ZipFile(distribution.wheel)
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(archive.read(name).decode())
    assert (metadata["Name"], metadata["Version"]) == ("comity", PROJECT["version"])
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    entry_points = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "comity = comity.cli:main" in entry_points


def install(distribution: Distribution, folder: Path, extra: str, *options: str) -> Environment:
    wanted = f"{distribution.wheel}[{extra}]" if extra else str(distribution.wheel)
    run_uv("venv", "--quiet", "--python", sys.executable, str(folder))
    run_uv("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *options, wanted)
    return Environment(folder)


def quickstart() -> str:
    """Return the first Python block of the README."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    return next(block.text for block in blocks(page) if block.language == "python")


def check_first_steps(environment: Environment, folder: Path, *, without: tuple[str, ...]) -> None:
    """Import everything, then do what the README does first, in an empty folder."""
    folder.mkdir()
    (folder / "quickstart.py").write_text(quickstart(), encoding="utf-8")
    environment.run("python", "-W", "error", "-c", IMPORT_ALL, *without, cwd=folder)
    environment.run("python", "quickstart.py", cwd=folder)
    assert "demo" in environment.run("comity", "--help", cwd=folder)


def check_demo(environment: Environment, folder: Path) -> None:
    """Play the demo: every part of it at work, in processes."""
    told = json.loads(environment.run("comity", "demo", "--json", cwd=folder))
    assert (told["without"]["emails_sent"] > 0, told["with"]["emails_sent"]) == (True, 0)
    assert told["with"]["lost_updates"] == told["with"]["dangling_references"] == 0


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_the_wheel_works_in_an_empty_environment(extra: str, distribution: Distribution, tmp_path: Path) -> None:
    pinned = ("--constraints", str(ROOT / "requirements" / "bench.txt"), "--constraints")
    environment = install(distribution, tmp_path / "venv", extra, *pinned, str(ROOT / "requirements" / "dev.txt"))
    missing = tuple(package for needed, packages in OPTIONAL.items() if needed != extra for package in packages)
    check_first_steps(environment, tmp_path / "work", without=missing)
    if not extra:
        check_demo(environment, tmp_path / "work")


@pytest.mark.slow
@pytest.mark.network
def test_the_oldest_dependencies_allowed_are_enough(distribution: Distribution, tmp_path: Path) -> None:
    environment = install(distribution, tmp_path / "venv", "", "--resolution", "lowest-direct")
    told = environment.run("python", "-c", WITHOUT_EXTRA, cwd=tmp_path)
    assert "pip install 'comity[postgres]'" in told
    check_first_steps(environment, tmp_path / "work", without=tuple(chain(*OPTIONAL.values())))
    check_demo(environment, tmp_path / "work")
