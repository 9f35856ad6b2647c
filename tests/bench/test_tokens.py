"""News instead of reading again: the same state for a fifth of the tokens, at most."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.tokens import SAVED_AIM, SCOPES, WAYS, Clerk, read_through, report, saved
from bench.workbench_tables import Tables, generate_tables, load_tables


@pytest.mark.parametrize("make", [load_tables, generate_tables])
def test_news_save_four_fifths_of_all_tokens_and_lead_to_the_same_state(
    tmp_path: Path, make: Callable[[], Tables]
) -> None:
    tables = make()
    again, heard = (read_through(tmp_path / way, tables, way, SCOPES[0]) for way in WAYS)
    assert saved(again, heard) >= SAVED_AIM
    assert again.records == heard.records
    assert (again.steps, again.moot, again.count.first) == (heard.steps, heard.moot, heard.count.first)
    assert heard.count.news > 0


def test_who_claims_to_know_and_has_heard_nothing_gets_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: that both ways lead to the same state says something, as not every way does."""
    monkeypatch.setattr(Clerk, "hear", lambda clerk: None)
    with pytest.raises(RuntimeError, match="didn't know what is so"):
        read_through(tmp_path / "deaf", generate_tables(), "news", SCOPES[0])


def test_the_counts_are_printed_and_saved(tmp_path: Path) -> None:
    shown = io.StringIO()
    readings = report(tmp_path, Console(file=shown, width=200), generate_tables())
    assert "generated tables" in " ".join(shown.getvalue().split())
    assert len({msgspec.json.encode(one.records, order="deterministic") for one in readings}) == 1
    rows = msgspec.json.decode((tmp_path / "tokens.json").read_bytes())
    assert [row["what"] for row in rows] == ["news, tokens read"] * 2
