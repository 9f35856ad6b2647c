"""The tables of docs/limits.md say what ``comity.limits`` says.

Write them anew with ``python -m tests.docs.test_limits_page`` after a change there.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from comity import limits

PAGE = Path(__file__).parent.parent.parent / "docs" / "limits.md"
MARK = "<!-- bounds -->\n"
ROLE = re.compile(r"(?::\w+:)?``?")
SECTION = re.compile(r"^# (?P<title>.+)$", re.MULTILINE)


def tables() -> str:
    """Return a table per section of the module: name, value, and what its docstring adds."""
    source = Path(limits.__file__).read_text(encoding="utf-8")
    _, *parts = SECTION.split(source)
    return "".join(table(title, body) for title, body in zip(parts[::2], parts[1::2], strict=True))


def table(title: str, body: str) -> str:
    head = f"\n### {title}\n\n| bound | value | |\n|---|---|---|\n"
    return head + "".join(f"| `{name}` | {value} | {note} |\n" for name, value, note in bounds(body))


def bounds(body: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and note of each constant in a piece of the module."""
    statements = ast.parse(body).body
    for statement, following in itertools.zip_longest(statements, statements[1:]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = getattr(limits, statement.target.id)
            yield statement.target.id, f"{value:,}", note_of(following)


def note_of(statement: ast.stmt | None) -> str:
    """Return the docstring that stands behind a constant, on one line, in the words of a page."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return ROLE.sub("`", " ".join(str(statement.value.value).split()))
    return ""


def test_the_tables_are_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8").partition(MARK)[2]
    assert written == tables(), "docs/limits.md is out of date: python -m tests.docs.test_limits_page"


def test_every_bound_is_in_a_table() -> None:
    names = {name for name in vars(limits) if name.isupper()}
    assert set(re.findall(r"^\| `(\w+)`", tables(), re.MULTILINE)) == names


if __name__ == "__main__":
    text, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(text + mark + tables(), encoding="utf-8")
