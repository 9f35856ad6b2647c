"""``comity watch``: the feed as it comes, for people and for programs."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

import comity
from comity.cli.rendering.feeding import timeline
from comity.cli.watching import show_live
from tests.cli.conftest import Run


def test_everything_that_was_is_shown_and_where_to_go_on(crm: Run) -> None:
    shown = crm("watch", "--no-follow")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert [line.split()[0] for line in lines if line[:1].isdigit()] == ["1", "2", "3", "4"]
    assert '"escalation T-42"' in shown.out
    assert "    customer.updated customer/acme  status: active → at_risk" in lines
    assert lines[-1].startswith("Go on with --after ")
    after = lines[-1].removeprefix("Go on with --after ")
    assert crm("watch", "--no-follow", "--after", after).out.splitlines() == [lines[-1]]


def test_filters_are_those_of_the_feed(crm: Run) -> None:
    words = ("watch", "--no-follow", "--json", "--kind", "ticket", "--kind", "customer", "--agent", "support")
    items = [json.loads(line) for line in crm(*words).out.splitlines()]
    assert [(item["revision"], item["agent"]) for item in items] == [(3, "support"), (4, "support")]
    assert items[1]["events"][0]["now"] == {"status": "at_risk"}


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--after", "nothing"), 2), (("--after", "99"), 1), (("--record", "x"), 2), (("--limit", "1"), 2), (("x",), 2)],
)
def test_what_is_wrong_is_told(crm: Run, words: tuple[str, ...], code: int) -> None:
    told = crm("watch", "--no-follow", *words)
    assert (told.code, told.out) == (code, "")
    assert told.err.startswith("error: ")


def test_signs_that_steer_the_terminal_are_shown_as_what_they_are(crm: Run) -> None:
    crm("put", "customer/evil", "name=\x1b[31mred", "--reason", "\x1b]0;title", "--as", "sales")
    assert "\x1b" not in crm("watch", "--no-follow").out


def test_it_follows_until_it_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with comity.open(path) as ws:
        sales = ws.agent("sales")
        sales.put("customer/acme", n=0)
        child = subprocess.Popen(
            [sys.executable, "-m", "comity", "watch", "--json", "--after", "start", "--db", str(path)],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert child.stdout is not None
        seen = [json.loads(child.stdout.readline())["revision"]]
        for number in range(3):
            sales.add("customer/acme", n=1)
            seen.append(json.loads(child.stdout.readline())["revision"])
            assert seen[-1] == number + 2
        child.send_signal(signal.SIGINT)
        assert child.communicate()[0] == ""
        assert child.returncode == 0


# -- the view on a terminal


def terminal(height: int = 8) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=110, height=height, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_view_shows_the_last_items_that_a_terminal_has_room_for(tmp_path: Path) -> None:
    console = terminal()
    with comity.open(tmp_path / "crm.db") as ws:
        for number in range(9):
            ws.agent("sales").put(f"customer/c{number}", n=number, reason="as told")
        feed = ws.feed("start", follow=False)
        show_live(feed, console)
        last = shown(console).rpartition("rev")[2]
        assert [f"customer/c{number}" in last for number in range(9)] == [False] * 5 + [True] * 4
        assert f"Up to {feed.cursor}" in last


def test_the_view_is_renewed_while_it_waits(tmp_path: Path) -> None:
    console = terminal()
    with comity.open(tmp_path / "crm.db") as ws, comity.open(tmp_path / "crm.db") as other:
        feed = ws.feed("start")
        watching = threading.Thread(target=show_live, args=(feed, console))
        watching.start()
        other.agent("sales").put("customer/acme", n=1)
        while "customer/acme" not in shown(console):
            assert watching.is_alive()
        feed.close()
        watching.join()


def test_an_item_of_many_events_takes_one_line(tmp_path: Path) -> None:
    console = terminal()
    with comity.open(tmp_path / "crm.db") as ws:
        with ws.agent("sales").intent() as intent:
            for number in range(3):
                intent.create(f"customer/c{number}", text="long " * 40)
        console.print(timeline(list(ws.feed("start", follow=False)), "x:1"))
    lines = [line for line in shown(console).splitlines() if "customer/c0" in line]
    assert len(lines) == 1
    assert "and 2 more" in lines[0]
