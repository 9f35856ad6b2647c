"""The shape of the code: floors between the modules, short functions, small files, nothing left undone."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))

FUNCTION_LINES = 60
FILE_LINES = 500
MEDIAN_LINES = 8
NINETIETH_LINES = 30
LEFTOVER = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b"
    r"|\bNotImplementedError"
    r"|type: ignore(?!\[)"
    r"|pyright: ignore(?!\[)"
    r"|noqa(?!: ?[A-Z])"
    r"|except Exception:\s*(pass)?$"
    r"|^\s*except:\s*$"
)
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "core", "base", "misc"}


def functions() -> Iterator[tuple[str, int]]:
    """Yield each function's place and its length in lines."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_each_floor_imports_only_from_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    # The linter configures logging for itself, and would leave every other logger of this process disabled.
    monkeypatch.setattr("logging.config.dictConfig", lambda config: None)
    exit_code = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert exit_code == 0, capsys.readouterr().out


def test_functions_are_short() -> None:
    lengths = dict(functions())
    too_long = {place: lines for place, lines in lengths.items() if lines > FUNCTION_LINES}
    assert not too_long, f"over {FUNCTION_LINES} lines: {too_long}"
    percentiles = statistics.quantiles(lengths.values(), n=100, method="inclusive")
    assert percentiles[49] <= MEDIAN_LINES, f"half of all functions have over {percentiles[49]} lines"
    assert percentiles[89] <= NINETIETH_LINES, f"a tenth of all functions have over {percentiles[89]} lines"


def test_files_are_small() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    too_long = {name: lines for name, lines in lengths.items() if lines > FILE_LINES}
    assert not too_long, f"over {FILE_LINES} lines: {too_long}"


def test_nothing_is_left_undone() -> None:
    leftovers = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LEFTOVER.search(line)
    ]
    assert not leftovers, "\n".join(leftovers)


def test_names_say_what_a_module_is() -> None:
    vague = [str(path.relative_to(ROOT)) for path in SOURCES if VAGUE_NAMES & {path.stem, *path.parent.parts}]
    assert not vague, f"name these by their subject: {vague}"


@pytest.mark.parametrize(
    "package",
    [path for path in SOURCES if path.name == "__init__.py"],
    ids=lambda path: str(path.parent.relative_to(ROOT / "src")),
)
def test_each_package_says_in_prose_what_it_is_for(package: Path) -> None:
    prose = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    assert len(prose.split()) >= 15, f"{package.relative_to(ROOT)}: what for, what it promises, what is forbidden?"
