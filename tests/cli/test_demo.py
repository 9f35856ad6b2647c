from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

import comity
from comity.cli.demo import grounds, is_proven, report, run, stage
from comity.cli.demo.audit import Audit
from comity.cli.demo.desk import GONE, Desk, Entry, read_journal
from comity.cli.demo.evidence import Evidence, dangling_references, lost_writes
from comity.cli.demo.script import AGENTS, SCRIPT
from comity.cli.demo.worlds import WORLDS
from comity.errors import InvalidRequest
from comity.model.decisions import Finding
from comity.operations import Refusal

RUN = "import sys, pathlib, comity.cli.demo as demo; sys.exit(demo.run(pathlib.Path({folder!r}), as_json={as_json}))"


def play(folder: Path, *, as_json: bool) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN.format(folder=str(folder), as_json=as_json)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"COLUMNS": "240"},
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
    assert counted == {"without": (1, 1, 2), "with": (0, 0, 0)}


@pytest.mark.parametrize("world", list(WORLDS))
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
    assert 'you saw active, now at_risk, by support 0 s ago: "escalation T-42"' in refused["sales"]["told"]
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


@pytest.mark.slow
def test_a_person_sees_both_runs_the_counts_the_trail_and_what_to_try(tmp_path: Path) -> None:
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
        f"comity history customer/acme --db {tmp_path}/demo/with/crm.db",
        "comity why customer/acme status",
        "comity refusals",
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
    monkeypatch.setattr(stage, "SCRIPT", [("scene", "sales", "no_such_step")])
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
