from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from comity.cli.rendering.harmless import Harmless, clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Ünïcödé 😀", "plain Ünïcödé 😀"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\tc\x07", "a\\rb\\tc\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202edrow", "\\u202edrow"),
        ("\u200b\ufeff", "\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_signs_that_steer_are_shown_as_their_escapes(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_what_is_clean_can_be_printed(text: str) -> None:
    cleaned = clean(text)
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in cleaned.replace("\n", ""))
    assert clean(cleaned) == cleaned
    cleaned.encode()


def test_colours_of_ours_stay_and_those_of_others_do_not() -> None:
    table = Table()
    table.add_column("\x1b[2J")
    table.add_row(Text("\x1b[31mred", style="green"))
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="standard", no_color=False, width=60).print(Harmless(table))
    shown = stream.getvalue()
    assert "\x1b[32m" in shown
    assert "\\x1b[31mred" in shown
    assert "\x1b[31m" not in shown
    assert "\x1b[2J" not in shown
