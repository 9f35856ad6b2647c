from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import re
import stat
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

import comity
from comity.cli.demo import grounds, report
from comity.cli.demo.audit import Audit
from comity.cli.demo.desk import GONE, Desk, Entry, read_journal
from comity.cli.demo.evidence import Evidence, dangling_references, lost_writes
from comity.cli.demo.playing import run
from comity.cli.demo.proof import Yielding, how_they_yielded, is_proven
from comity.cli.demo.script import AGENTS, SCRIPT, Cue
from comity.cli.demo.worlds import WORLDS
from comity.errors import InvalidRequest
from comity.model.decisions import Finding
from comity.operations import Refusal

RUN = """\
import pathlib, sys
from comity.cli.demo.playing import run
sys.exit(run(pathlib.Path({folder!r}), as_json={as_json}))
"""


def play(folder: Path, *, as_json: bool, columns: int = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN.format(folder=str(folder), as_json=as_json)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"COLUMNS": str(columns)},
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo") / "comity-demo"
    done = play(folder, as_json=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, json.loads(done.stdout)


def test_each_collision_happens_without_and_none_with(played: tuple[Path, dict[str, Any]]) -> None:
    counted = {
        world: (side["emails_sent"], side["lost_updates"], side["dangling_references"])
        for world, side in played[1].items()
    }
    none = (0, 0, 0)
    assert counted == {"without": (1, 1, 2), "with": none, "yielding": none, "gated": none, "together": none}


@pytest.mark.parametrize("world", ["without", "with"])
def test_the_agents_are_three_processes_that_take_the_same_turns(
    world: str, played: tuple[Path, dict[str, Any]]
) -> None:
    events = played[1][world]["events"]
    assert len({(event["agent"], event["process"]) for event in events}) == len(AGENTS)
    assert [event["scene"] for event in events] == sorted(
        (event["scene"] for event in events), key=[cue.scene for cue in SCRIPT].index
    )
    assert {cue.agent for cue in SCRIPT} == {event["agent"] for event in events}


def test_the_mail_goes_out_only_without(played: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = played
    assert not (folder / "with" / "outbox").exists()
    (mail,) = (folder / "without" / "outbox").iterdir()
    assert message_from_bytes(mail.read_bytes())["To"] == "ceo@acme.example"


def test_refusals_name_what_moved_and_each_agent_goes_on(played: tuple[Path, dict[str, Any]]) -> None:
    events = played[1]["with"]["events"]
    refused = {event["agent"]: event for event in events if event["outcome"] == "refused"}
    assert {agent: event["codes"] for agent, event in refused.items()} == {
        "sales": ["freshness.changed"],
        "product": ["freshness.changed", "integrity.missing_target"],
        "support": ["freshness.changed", "integrity.missing_target"],
    }
    assert re.search(r'you saw active, now at_risk, by support \d+ s ago: "escalation T-42"', refused["sales"]["told"])
    afterwards = [
        (event["agent"], event["outcome"])
        for before, event in itertools.pairwise(events)
        if before["outcome"] == "refused"
    ]
    assert afterwards == [("sales", "kept_back"), ("product", "saved"), ("support", "saved")]


def test_the_base_remains_and_tells_the_same(played: tuple[Path, dict[str, Any]]) -> None:
    folder, report = played
    with comity.open(folder / "with" / "crm.db", definition=folder / "with" / "comity.toml", require=True) as ws:
        assert ws.get("customer/acme").status == "at_risk"
        assert ws.get("customer/acme").campaign is None
        assert ws.get("customer/globex").life == "deleted"
        assert ws.get("feature_request/fr-7").customer is None
        assert ws.get("conversation/c-17").life == "live"
        assert len(ws.refusals().refusals) == len(report["with"]["audit"]["refusals"]) == 3
        assert [event.event for event in ws.history("customer/acme", oldest_first=True).events] == [
            event["event"] for event in report["with"]["audit"]["events"] if event["record"] == "customer/acme"
        ]
        assert ws.verify().is_clean


# -- yielding


def test_a_rule_alone_stops_the_upsell_and_everyone_yields(played: tuple[Path, dict[str, Any]]) -> None:
    told = played[1]["yielding"]
    assert told["stopped_by"] == ["rule.support_goes_first"]
    assert (told["told_before"], told["model_calls"]) == (True, 0)
    assert told["accepted_by"] == ["support"]
    assert told["yielded_to_human"] == list(AGENTS)
    assert told["went_on"] == ["sales"]
    assert told["audit"]["verified"]


# -- the effect gate


def test_the_effect_gate_alone_stops_the_mail(played: tuple[Path, dict[str, Any]]) -> None:
    told = played[1]["gated"]
    assert told["refused_by"] == []
    assert 'now at_risk, by support: "escalation T-42"' in told["cancelled_because"]
    assert "Support has an open ticket" not in told["cancelled_because"]
    outcomes = [event["outcome"] for event in told["events"] if event["agent"] == "sales"]
    assert outcomes == ["saw", "saved", "pending", "kept_back"]


def test_all_together_each_mechanism_stops_what_comes_before_it(played: tuple[Path, dict[str, Any]]) -> None:
    told = played[1]["together"]
    assert {"freshness.changed", "rule.support_goes_first"} <= set(told["refused_by"])
    assert "Support has an open ticket" in told["cancelled_because"]
    assert [effect["state"] for effect in told["audit"]["effects"]] == ["cancelled"]
    assert told["audit"]["verified"]


def test_those_who_yield_are_four_processes(played: tuple[Path, dict[str, Any]]) -> None:
    events = played[1]["yielding"]["events"]
    assert {event["agent"] for event in events} == {*AGENTS, "ops"}
    assert len({event["process"] for event in events}) == 4


def test_sales_reads_the_news_before_it_is_refused(played: tuple[Path, dict[str, Any]]) -> None:
    sales = [event for event in played[1]["yielding"]["events"] if event["agent"] == "sales"]
    assert [event["outcome"] for event in sales] == ["saw", "told", "told", "refused", "told", "refused", "saved"]
    assert sales[1]["told"] == 'news: status is now at_risk, by support: "escalation T-42"'
    assert sales[2]["codes"] == sales[3]["codes"] == ["rule.support_goes_first"]
    assert "customer.open_tickets == 0" in sales[3]["told"]
    assert "(rule.support_goes_first) is over" in sales[4]["told"]


def test_what_was_offered_names_both(played: tuple[Path, dict[str, Any]]) -> None:
    with comity.open(played[0] / "yielding" / "crm.db") as ws:
        event = ws.why("customer/acme", "open_tickets").event
        assert event is not None
        assert (event.by, event.accepted_by) == ("product", ("support",))
        assert not ws.overrides().overrides
        assert ws.agent("sales").inbox().items


def test_only_its_owner_can_read_the_human_s_key(played: tuple[Path, dict[str, Any]]) -> None:
    file = Path(played[1]["yielding"]["key_file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with comity.open(played[0] / "yielding" / "crm.db") as ws:
        assert ws.agent("ops", key=file.read_text(encoding="utf-8")).name == "ops"


@pytest.mark.slow
def test_its_timeline_fits_on_one_screen(tmp_path: Path) -> None:
    printed = play(tmp_path / "demo", as_json=False, columns=80).stdout.splitlines()
    chapter = printed[next(number for number, line in enumerate(printed) if line.startswith("With rules")) :]
    chapter = chapter[: next(number for number, line in enumerate(chapter) if line.startswith("With an effect gate"))]
    assert len(chapter) <= 45
    assert not [line for line in chapter if len(line) > 80 and "--db" not in line]


# -- as a whole


@pytest.mark.slow
def test_a_person_sees_all_runs_the_counts_the_trail_and_what_to_try(tmp_path: Path) -> None:
    done = play(tmp_path / "demo", as_json=False)
    assert done.returncode == 0, done.stdout + done.stderr
    in_order = [
        "Without Comity",
        "✗ sent an e-mail because of status=active, by then at_risk",
        "With Comity",
        "■ refused: status: you saw active, now at_risk, by support",
        "✓ no e-mail",
        "What came of it",
        "The audit trail",
        "StatusChanged customer/acme: status active → at_risk",
        "log, records and hash chain agree",
        "With rules",
        "● news: status is now at_risk, by support",
        "■ refused: Support has an open ticket with this customer.",
        "◆ waits for the owner: Support",
        'by ops: "on a call".',
        f"comity why customer/acme open_tickets --db {tmp_path}/demo/yielding/crm.db",
        "comity report --record customer/acme",
        "comity inbox list --as sales",
    ]
    places = [done.stdout.find(text) for text in in_order]
    assert -1 not in places, done.stdout
    assert places == sorted(places)


@pytest.mark.slow
def test_it_can_be_played_again_in_its_own_folder(played: tuple[Path, dict[str, Any]]) -> None:
    folder, first = played
    (folder / "notes.txt").write_text("mine")
    second = json.loads(play(folder, as_json=True).stdout)
    assert (folder / "notes.txt").read_text() == "mine"
    assert [event["did"] for event in second["with"]["events"]] == [event["did"] for event in first["with"]["events"]]


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "precious.txt").write_text("mine")
    with pytest.raises(InvalidRequest, match="--folder"):
        run(tmp_path)
    with pytest.raises(InvalidRequest, match="isn't a folder"):
        run(tmp_path / "with" / "precious.txt")
    assert (tmp_path / "with" / "precious.txt").read_text() == "mine"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequest, match="--folder"):
        run(tmp_path / "file" / "demo")


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with grounds.taken(tmp_path), pytest.raises(InvalidRequest, match="another demo is being played"):
        run(tmp_path)
    with grounds.taken(tmp_path):
        assert (tmp_path / grounds.MARK).read_text().startswith("Made by")


def test_the_longest_words_stay_whole_on_a_narrow_terminal() -> None:
    refused = Refusal(
        proposal="p",
        at="2026-11-24T07:35:40.063123Z",
        agent="product",
        revision=5,
        records=("feature_request/fr-7",),
        findings=(Finding("freshness.changed", "m"), Finding("integrity.missing_target", "m")),
        reason="asked for by a former customer",
    )
    told = "feature_request/fr-7.customer: customer/globex is deleted."
    entries = (msgspec.structs.replace(entry("product", {}), outcome="refused", told=told),)
    console = Console(file=io.StringIO(), width=80)
    report.tell_audit(console, Audit(events=(), refusals=(refused,), verified=True))
    report.tell_run(console, "with", Evidence(0, 0, 0, entries, {}))
    words = console.file.getvalue().split()  # type: ignore[attr-defined]
    assert {"integrity.missing_target", "feature_request/fr-7:", "feature_request/fr-7.customer:", "customer"} <= {
        *words
    }


def test_a_failing_agent_ends_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = dataclasses.replace(WORLDS["without"], script=[Cue("scene", "sales", "no_such_step")])
    monkeypatch.setitem(WORLDS, "without", broken)
    assert run(tmp_path / "demo") == 1
    assert "no_such_step" in capsys.readouterr().err


# -- counting


def entry(agent: str, wrote: dict[str, Any], seen: dict[str, Any] | None = None) -> Entry:
    return Entry(
        at=0,
        scene="",
        agent=agent,
        process=1,
        did="",
        record="c/1",
        outcome="saved",
        seen={"c/1": seen or {}},
        wrote={"c/1": wrote},
    )


@pytest.mark.parametrize(
    ("entries", "records", "lost"),
    [
        ([entry("a", {"x": 1})], {"c/1": {"x": 1}}, []),
        ([entry("a", {"x": 1})], {"c/1": {"x": 2}}, [(0, 0)]),
        ([entry("a", {"x": 1}), entry("b", {"x": 2}, {"x": 1})], {"c/1": {"x": 2}}, []),
        ([entry("a", {"x": 1}), entry("b", {"x": 2}, {"x": 0})], {"c/1": {"x": 2}}, [(0, 1)]),
        ([entry("a", {"x": 1}), entry("b", {"y": 2}, {"x": 0})], {"c/1": {"x": 1, "y": 2}}, []),
        ([entry("a", {"x": 1}), entry("b", {"$life": GONE})], {}, []),
        ([entry("a", {"$life": GONE})], {"c/1": {}}, [(0, 0)]),
        ([entry("a", {"$life": GONE}), entry("b", {"$life": "live"}, {"$life": GONE})], {"c/1": {}}, []),
        ([entry("a", {"$life": GONE}), entry("b", {"$life": "live"})], {"c/1": {}}, [(0, 1)]),
    ],
)
def test_lost_writes(entries: list[Entry], records: dict[str, dict[str, Any]], lost: list[tuple[int, int]]) -> None:
    assert [(write.entry, by) for write, by in lost_writes(entries, records)] == lost


@pytest.mark.parametrize(
    ("records", "dangling"),
    [
        ({"interaction/i": {"conversation": "c"}, "conversation/c": {}}, []),
        ({"interaction/i": {"conversation": "c"}}, [("interaction/i", "conversation/c")]),
        ({"interaction/i": {"conversation": None}, "feature_request/f": {}}, []),
    ],
)
def test_dangling_references(records: dict[str, dict[str, Any]], dangling: list[tuple[str, str]]) -> None:
    assert list(dangling_references(records)) == dangling


def test_the_journal_keeps_its_lines_in_order(tmp_path: Path) -> None:
    desk = Desk("sales", tmp_path)
    desk.scene = "a scene"
    desk.note("reads", "c/1", "saw", "x=1")
    desk.note("writes", "c/1", "saved", "saved", wrote={"c/1": {"x": 2}})
    first, second = read_journal(tmp_path)
    assert (first.did, first.told, first.scene, second.wrote) == ("reads", "x=1", "a scene", {"c/1": {"x": 2}})


def evidence(*, emails: int, lost: int, dangling: int, outcome: str = "saved") -> Evidence:
    entries = tuple(
        Entry(at=0, scene="", agent=agent, process=number, did="", record="", outcome=outcome)  # type: ignore[arg-type]
        for number, agent in enumerate(AGENTS)
    )
    return Evidence(emails, lost, dangling, entries, {})


@pytest.mark.parametrize(
    ("without", "coordinated", "verified", "expected"),
    [
        (evidence(emails=0, lost=1, dangling=1), evidence(emails=0, lost=0, dangling=0), True, False),
        (evidence(emails=1, lost=0, dangling=1), evidence(emails=0, lost=0, dangling=0), True, False),
        (evidence(emails=1, lost=1, dangling=1), evidence(emails=1, lost=0, dangling=0), True, False),
        (evidence(emails=1, lost=1, dangling=1), evidence(emails=0, lost=0, dangling=1), True, False),
        (
            evidence(emails=1, lost=1, dangling=1),
            evidence(emails=0, lost=0, dangling=0, outcome="refused"),
            True,
            False,
        ),
        (evidence(emails=1, lost=1, dangling=1), evidence(emails=0, lost=0, dangling=0), False, False),
    ],
)
def test_what_does_not_prove_the_point(
    without: Evidence, coordinated: Evidence, verified: bool, expected: bool
) -> None:
    audit = Audit(events=(), refusals=(), verified=verified)
    assert is_proven({"without": without, "with": coordinated}, audit) is expected


PROVEN = Yielding(("rule.support_goes_first",), True, 0, ("support",), AGENTS, ("sales",))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"stopped_by": ()}, False),
        ({"stopped_by": ("freshness.changed", "rule.support_goes_first")}, False),
        ({"told_before": False}, False),
        ({"model_calls": 1}, False),
        ({"accepted_by": ()}, False),
        ({"yielded_to_human": ("sales", "support")}, False),
        ({"went_on": ()}, False),
    ],
)
def test_what_does_not_prove_that_they_yielded(changed: dict[str, Any], expected: bool) -> None:
    assert msgspec.structs.replace(PROVEN, **changed).is_proven is expected


def test_a_run_in_which_nobody_yields_proves_nothing() -> None:
    nothing = how_they_yielded(evidence(emails=0, lost=0, dangling=0), Audit(events=(), refusals=(), verified=True))
    assert nothing == Yielding((), False, 0, (), (), ())
    assert not nothing.is_proven
