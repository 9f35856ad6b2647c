"""Reports: what is counted, what it cost, what is told of a record and an agent, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.clock import format_time
from comity.errors import InvalidRequest, NotFound
from comity.model.proposals import Add, Proposal, Put, Set, Was
from comity.operations import CheckReport, ReportAnswer
from comity.testing.manual_clock import START_US, ManualClock

CRM = """
name = "crm"

[agents]
sales   = { role = "sales" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status   = { type = "string" }
campaign = { type = "string", owner = "sales" }
tickets  = { type = "integer", default = 0 }

[checks.agents.support]
ownership = "shadow"
freshness = "shadow"
"""
NEXT = iter(range(10**9))


@pytest.fixture
def crm(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    (tmp_path / "comity.toml").write_text(CRM, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml", clock=clock) as made:
        made.agent("support").put("customer/acme", status="active", reason="signed")
        yield made


def conflict(crm: comity.Workspace, *, intent: str | None = None, agent: str = "sales") -> comity.Decision:
    """Propose what rests on a value that isn't there."""
    proposal = Proposal(
        id=f"c{next(NEXT)}",
        changes=(Set("customer/acme", {"status": "at_risk"}),),
        reads=(Was("customer/acme", {"status": "long gone"}),),
        intent=intent,
    )
    return crm.agent(agent).propose(proposal)


def by_code(report: ReportAnswer) -> dict[str, CheckReport]:
    return {check.code: check for check in report.checks}


def test_what_was_refused_and_what_would_have_been_is_counted_by_check(crm: comity.Workspace) -> None:
    assert conflict(crm).outcome == "refused"
    assert conflict(crm).outcome == "refused"
    assert conflict(crm, agent="support").outcome == "committed"
    report = crm.report()
    assert (report.committed, report.stopped) == (3, 2)
    found = by_code(report)["freshness.changed"]
    assert (found.refused, found.waited, found.would, found.warned) == (2, 0, 1, 0)
    assert found.agents == {"sales": 2, "support": 1}
    assert [one.effect for one in found.examples] == ["would", "refused", "refused"]
    assert found.examples[0].subject == "customer/acme"
    assert [(one.agent, one.committed, one.refused, one.would) for one in report.agents][-1:] == [("support", 2, 0, 1)]


def test_a_proposal_that_waits_is_counted_apart(crm: comity.Workspace) -> None:
    changes = (Set("customer/acme", {"tickets": 1, "campaign": "q4"}),)
    ops = crm.agent("ops", key=crm.issue_key("ops").key)
    ops.pin("customer/acme", reason="call", ttl="1h", yields="queue")
    assert crm.agent("sales").propose(Proposal(id="w", changes=changes, accept=crm.revision)).is_pending
    report = crm.report()
    assert by_code(report)["override.pinned"].waited == 1
    assert {one.agent: one.waited for one in report.agents}["sales"] == 1


@pytest.mark.parametrize(
    ("follow", "reruns", "repairs"),
    [
        ("nothing", 0, 0),
        ("the same intent", 1, 0),
        ("a fresh intent", 1, 0),
        ("a repair", 0, 1),
        ("somebody else", 0, 0),
        ("another record", 0, 0),
    ],
)
def test_a_refused_conflict_that_is_tried_again_is_a_rerun(
    crm: comity.Workspace, follow: str, reruns: int, repairs: int
) -> None:
    conflict(crm, intent="i1")
    sales, changes = crm.agent("sales"), (Set("customer/acme", {"status": "at_risk"}),)
    match follow:
        case "the same intent":
            sales.propose(Proposal(id="n", changes=(Put("customer/new", {"status": "x"}),), intent="i1"))
        case "a fresh intent":
            sales.propose(Proposal(id="n", changes=changes, reads=(Was("customer/acme", {"status": "active"}),)))
        case "a repair":
            sales.propose(Proposal(id="n", changes=changes, intent="i1", accept=crm.revision))
        case "somebody else":
            crm.agent("support").propose(Proposal(id="n", changes=changes))
        case "another record":
            sales.put("customer/other", status="x")
        case _:
            assert follow == "nothing"
    found = by_code(crm.report())["freshness.changed"]
    assert (found.reruns, found.repairs) == (reruns, repairs)


def test_conflicts_in_shadow_would_each_have_cost_a_rerun(crm: comity.Workspace) -> None:
    conflict(crm, agent="support")
    found = by_code(crm.report())
    assert found["freshness.changed"].would_rerun == 1


def test_a_timeline_tells_decisions_in_order_with_why(crm: comity.Workspace, clock: ManualClock) -> None:
    clock.advance(seconds=60)
    crm.agent("sales").put("customer/beta", status="new")
    conflict(crm)
    steps = crm.report(record="customer/acme").timeline
    assert [(step.outcome, step.by) for step in steps] == [("committed", "support"), ("refused", "sales")]
    assert steps[0].reason == "signed"
    assert steps[0].events[0].now["status"] == "active"
    assert steps[0].at == "2023-11-14T22:13:20Z"
    assert steps[1].findings[0].moved[0].was == "long gone"


def test_overrides_of_a_record_stand_on_its_timeline_and_so_do_its_tickets(crm: comity.Workspace) -> None:
    ops = crm.agent("ops", key=crm.issue_key("ops").key)
    held = ops.pin("customer/acme", reason="call", ttl="1h", yields="queue")
    ops.pin("customer/beta", reason="no", ttl="1h")
    crm.agent("sales").propose(Proposal(id="w", changes=(Add("customer/acme", {"tickets": 1}),)))
    ops.lift(held)
    steps = crm.report(record="customer/acme").timeline
    kinds = [[event.type for event in step.events] for step in steps]
    assert ["pinned"] in kinds
    assert ["queued"] in kinds
    assert ["lifted"] in kinds
    assert kinds.count(["pinned"]) == 1


@pytest.mark.parametrize(
    ("since", "expected"),
    [(None, 2), ("1m", 1), ("2023-11-14T22:13:21Z", 1), ("2023-11-14T22:13:20Z", 2), (2, 1), ("2", 1), ("2h", 2)],
)
def test_a_report_begins_where_it_is_told_to(
    crm: comity.Workspace, clock: ManualClock, since: int | str | None, expected: int
) -> None:
    clock.advance(seconds=61)
    crm.agent("sales").put("customer/beta", status="new")
    users = [step for step in crm.report(since=since).timeline if step.by in ("sales", "support")]
    assert len(users) == expected


def test_it_is_about_one_agent(crm: comity.Workspace) -> None:
    conflict(crm)
    report = crm.report(agent="sales")
    assert (report.committed, report.stopped) == (0, 1)
    assert {step.by for step in report.timeline} == {"sales"}
    assert report.title == "crm: by sales"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"record": "customer/amce"}, "did you mean 'customer/acme'"),
        ({"agent": "slaes"}, "did you mean 'sales'"),
        ({"since": 99}, "there is no revision 99"),
    ],
)
def test_what_means_nothing_is_told_with_the_nearest_name(
    crm: comity.Workspace, arguments: dict[str, str], message: str
) -> None:
    with pytest.raises(NotFound, match=message):
        crm.report(**arguments)


def test_a_moment_that_is_none_is_told(crm: comity.Workspace) -> None:
    with pytest.raises(InvalidRequest, match="is no span such as 7d, no RFC 3339 time"):
        crm.report(since="yesterday")


def test_what_is_left_out_is_told(crm: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        crm.agent("sales").put(f"customer/c{number}", status="x")
        conflict(crm)
    monkeypatch.setattr(limits, "REPORT_DECISIONS", 3)
    monkeypatch.setattr(limits, "REPORT_STEPS", 2)
    report = crm.report()
    assert (report.committed, report.stopped, len(report.timeline)) == (3, 3, 2)
    told = " ".join(report.cut)
    assert "5 commits up to revision 5" in told
    assert "only the latest 3 answers" in told
    assert "the latest 2 of 6 decisions" in told
    assert crm.report(since=crm.revision - 1).cut == (report.cut[1], "The timeline shows the latest 2 of 4 decisions.")


def test_commits_of_a_record_or_an_agent_are_found_however_old_they_are(
    crm: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        crm.agent("sales").put(f"customer/c{number}", status="x")
    monkeypatch.setattr(limits, "REPORT_DECISIONS", 3)
    monkeypatch.setattr(limits, "HISTORY_PAGE", 1)
    acme = crm.report(record="customer/acme")
    assert [step.by for step in acme.timeline] == ["support"]
    assert "only those that changed customer/acme were looked at" in acme.cut[0]
    support = crm.report(agent="support")
    assert [step.records for step in support.timeline] == [("customer/acme",)]
    assert "only those by support were looked at" in support.cut[0]


def test_large_commits_are_cut_on_the_timeline(crm: comity.Workspace) -> None:
    changes = tuple(Put(f"customer/c{number}", {"status": "x"}) for number in range(30))
    crm.agent("sales").propose(Proposal(id="many", changes=changes))
    report = crm.report()
    assert len(report.timeline[-1].events) == 20
    assert "Of large commits the timeline shows the first 20 events." in report.cut


def test_a_page_is_written_beside_and_never_over_the_workspace(crm: comity.Workspace, tmp_path: Path) -> None:
    target = tmp_path / "incident.html"
    report = crm.report(record="customer/acme", html=target)
    assert report.html == str(target)
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(InvalidRequest, match="belongs to the workspace itself"):
        crm.report(html=tmp_path / "crm.db")
    with pytest.raises(InvalidRequest):
        crm.report(html=tmp_path / "nowhere" / "incident.html")


def test_a_report_is_of_store_time(crm: comity.Workspace) -> None:
    assert crm.report().until == format_time(START_US)


def test_what_waits_is_counted_once_and_not_with_its_ticket_again(tmp_path: Path, clock: ManualClock) -> None:
    rule = '\n[[rules]]\nname = "ask"\nwhen = "customer != null"\nthen = "ask"\n'
    (tmp_path / "asking.toml").write_text(CRM + rule, encoding="utf-8")
    with comity.open(tmp_path / "asking.db", definition=tmp_path / "asking.toml", clock=clock) as base:
        decision = base.agent("support").propose(Proposal(id="p", changes=(Put("customer/acme", {"tickets": 1}),)))
        assert decision.is_pending
        found = by_code(base.report())["rule.ask"]
    assert (found.waited, found.refused, found.would, found.warned) == (1, 0, 0, 0)
