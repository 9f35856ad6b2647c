"""Every block of code in the README and the documentation runs, and shows what the page says it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from comity.errors import ComityError
from tests.docs.pages import Block, Page, blocks, command_environment, shows

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_NOT_RUN = 8


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", command_environment()["PATH"])
    Page(path, tmp_path).run()


def test_few_blocks_are_not_run() -> None:
    reasons = [
        f"{path.relative_to(ROOT)}:{block.line}: {block.not_run}"
        for path in PAGES
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.not_run is not None
    ]
    print("\n".join(reasons))
    assert len(reasons) <= MOST_NOT_RUN, "\n".join(reasons)


def write_page(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return Page(path, folder)


def test_blocks_know_their_line_language_and_comment() -> None:
    text = '# A\n\n```python\nx = 1\n```\n<!-- not run: needs a server -->\n\n  ```sh title="a.sh"\n  $ true\n  ```\n'
    assert list(blocks(text)) == [
        Block("python", "python", "x = 1\n", 3),
        Block("sh", 'sh title="a.sh"', "$ true\n", 8, not_run="needs a server"),
    ]


def test_a_comment_counts_for_the_next_block_only() -> None:
    text = "<!-- not run: one -->\n```sh\n$ false\n```\n\n```sh\n$ true\n```\n"
    assert [block.not_run for block in blocks(text)] == ["one", None]


def test_blocks_share_names_folder_and_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = write_page(
        tmp_path,
        "```python\nn = 41\n```\n```python\nprint('n is', n + 1)\nopen('n.txt', 'w').close()\n```\n"
        "<!-- output -->\n```text\nn is …2\n```\n```pycon\n>>> n\n41\n```\n"
        '```csv title="a.csv"\nid\n7\n```\n'
        "```console\n$ ls *.txt *.csv\na.csv\nn.txt\n$ cat a.csv\n7\n$ exit 3  # exit 3\n```\n",
    )
    assert page.run() == 6


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nraise ValueError('wrong')\n```\n", "wrong"),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```\n", "page.md:5 shows"),
        ("```pycon\n>>> 1\n2\n```\n", "Expected:"),
        ("```pycon\nno prompt\n```\n", "no line begins with >>>"),
        ("```console\n$ exit 1\n```\n", "exit 1: exit 1"),
        ("```console\n$ true  # exit 1\n```\n", "exit 0"),
        ("```console\n$ echo one\ntwo\n```\n", "page.md:1 shows"),
        ("```sh\nno prompt\n```\n", "no line begins with"),
        ("```json\n{\n```\n", "line 2 column 1"),
        ("```toml\na =\n```\n", "at line 1"),
        ("```toml\n# comity.toml\nkindz = 1\n```\n", "kindz"),
        ("```brainfuck\n+\n```\n", "'brainfuck'"),
        ("```\nno language\n```\n", "what is a block of ''"),
        ("```python\nnever closed\n", "never closed"),
    ],
)
def test_what_is_wrong_on_a_page_is_found(text: str, complaint: str, tmp_path: Path) -> None:
    page = write_page(tmp_path, text)
    with pytest.raises((AssertionError, ValueError, ComityError), match=re.escape(complaint)):
        page.run()


@pytest.mark.parametrize(
    ("expected", "printed", "is_shown"),
    [
        ("", "anything", True),
        ("a  b", "x\na b\ny", True),
        ("a\nc", "a\nb\nc", True),
        ("c\na", "a\nb\nc", False),
        ("a … c", "a b c", True),
        ("a …", "b a c", False),
        ("…\nlast", "first\nlast", True),
        ("a.c", "abc", False),
    ],
)
def test_shows(expected: str, printed: str, is_shown: bool) -> None:
    assert shows(expected, printed) is is_shown
