from __future__ import annotations

from pathlib import Path

from comity.cli.reference import reference
from comity.operations import OPERATIONS

PAGE = Path(__file__).parent.parent.parent / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: python -m comity.cli.reference > docs/cli.md"


def test_every_command_is_on_the_page() -> None:
    page = reference()
    for operation in OPERATIONS:
        assert f"### comity {' '.join(operation.command)}\n" in page
    for name in ("init", "demo", "version", "watch"):
        assert f"### comity {name}\n" in page
