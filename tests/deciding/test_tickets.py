"""What a proposal waits for, under which ticket, and what an answer is evidence for."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding import tickets
from comity.model.decisions import Decision, Finding
from comity.model.proposals import Add, AnyChange, Archive, Caller, Emit, Proposal, Set
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World

HOUR_US = 3_600 * SECOND_US
CONTENT = b"\x01\x02"
OPEN: dict[str, Any] = {
    "proposal": "p1",
    "content": CONTENT.hex(),
    "agent": "sales",
    "known": "claimed",
    "state": "waiting",
    "to": ["support"],
    "findings": ["ownership.other_domain|customer/acme.status|offer||support"],
    "expires_at": format_time(NOW_US + HOUR_US),
}


def finding(severity: Any = "offer", subject: str | None = "customer/acme.status", **data: Any) -> Finding:
    return Finding("ownership.other_domain", "It isn't yours.", subject, severity, data=data)


def ticket(kind: str = "$handoff", **values: Any) -> RecordState:
    life = "live" if values.get("state", "waiting") == "waiting" else "archived"
    return RecordState(kind, "p1", 1, life, 1, 1, {**OPEN, **values}, {})


def wait(*findings: Finding, **proposal: Any) -> tickets.Waiting:
    return tickets.wait(Proposal(id="p1", **proposal), Caller("sales"), CONTENT, findings, [], NOW_US)


# -- opening


@pytest.mark.parametrize(
    ("severity", "waits_for", "ticket_ref", "event"),
    [
        ("offer", "owner", "$handoff/p1", "offered"),
        ("ask", "human", "$approval/p1", "asked"),
        ("queue", "queue", "$queue/p1", "queued"),
    ],
)
def test_s20_what_is_waited_for_names_the_ticket(severity: str, waits_for: str, ticket_ref: str, event: str) -> None:
    waiting = wait(finding(severity), finding("warn"))
    assert (waiting.waits_for, waiting.ticket, waiting.change.event) == (waits_for, ticket_ref, event)
    assert waiting.change.data["content"] == CONTENT.hex()


def test_an_id_with_a_slash_makes_a_ticket_that_no_other_proposal_can_have() -> None:
    assert tickets.ticket_id("a/b") == "a~b"


ADDRESSEES: list[tuple[str, list[dict[str, Any]], list[str], int]] = [
    ("one owner", [{"owners": ["support"]}], ["support"], 1),
    ("a rule's word", [{"to": "support"}], ["support"], 1),
    ("those who own both", [{"owners": ["sales", "support"]}, {"owners": ["support"]}], ["support"], 2),
    ("anyone and somebody", [{}, {"to": "kim"}], ["kim"], 2),
    ("nobody owns both: first come", [{"owners": ["support"]}, {"owners": ["legal"]}], ["support"], 1),
    (
        "what fits the first",
        [{"owners": ["a", "b"]}, {"owners": ["c"]}, {"owners": ["b", "c"]}],
        ["b"],
        2,
    ),
]


@pytest.mark.parametrize(("data", "to", "count"), [row[1:] for row in ADDRESSEES], ids=[row[0] for row in ADDRESSEES])
def test_one_answer_settles_what_the_same_people_may_answer(
    data: list[dict[str, Any]], to: list[str], count: int
) -> None:
    found = [finding(subject=f"customer/acme.f{number}", **one) for number, one in enumerate(data)]
    opened = wait(*found).change.data
    assert opened["to"] == to
    assert len(opened["findings"]) == count


def test_a_turn_waits_for_all_who_are_named_alike() -> None:
    opened = wait(finding("queue", to=["a", "b"]), finding("queue", "x/y", to=["a"]), finding("queue", "x/z")).change
    assert (opened.data["to"], len(opened.data["findings"])) == (["a", "b"], 1)


def test_limit_ticket_findings() -> None:
    bound = limits.TICKET_FINDINGS
    found = [finding(subject=f"customer/acme.f{number}", owners=["support"]) for number in range(bound + 1)]
    assert len(wait(*found[:bound]).change.data["findings"]) == bound
    assert len(wait(*found).change.data["findings"]) == bound


def test_limit_ticket_subjects() -> None:
    subjects = [("customer", f"c{number}") for number in range(limits.TICKET_SUBJECTS + 1)]
    waiting = tickets.wait(Proposal(id="p1"), Caller("sales"), CONTENT, [finding()], subjects, NOW_US)
    assert len(waiting.change.data["subjects"]) == limits.TICKET_SUBJECTS


DAY = 86_400
LONGEST = limits.WAIT_DAYS * DAY
EXPIRIES: list[tuple[str, list[dict[str, Any]], dict[str, Any], int]] = [
    ("nobody says", [{}], {}, limits.WAIT_S),
    ("the rule says", [{"expires_s": 2 * DAY}], {}, 2 * DAY),
    ("two rules say", [{"expires_s": 2 * DAY}, {"expires_s": 60}], {}, 60),
    ("the proposer says longer than usual", [{}], {"wait_s": DAY}, DAY),
    ("the proposer says shorter than the rule", [{"expires_s": DAY}], {"wait_s": 30}, 30),
    ("the proposer says longer than the rule", [{"expires_s": 60}], {"wait_s": DAY}, 60),
    ("the proposer says until when", [{}], {"wait_until": NOW_US + 7_200 * SECOND_US}, 7_200),
    ("it is worth nothing later", [{}], {"not_after": NOW_US + 5 * SECOND_US}, 5),
    ("longer than allowed", [{"expires_s": 2 * LONGEST}], {}, LONGEST),
    ("the proposer says longer than allowed", [{}], {"wait_until": NOW_US + 2 * LONGEST * SECOND_US}, LONGEST),
]


@pytest.mark.parametrize(
    ("data", "proposal", "seconds"), [row[1:] for row in EXPIRIES], ids=[row[0] for row in EXPIRIES]
)
def test_every_wait_has_a_deadline(data: list[dict[str, Any]], proposal: dict[str, Any], seconds: int) -> None:
    found = [finding("ask", f"x/{number}", **one) for number, one in enumerate(data)]
    assert wait(*found, **proposal).expires == NOW_US + seconds * SECOND_US


def test_a_deadline_that_is_past_is_past_at_once() -> None:
    assert wait(finding(), wait_until=5).expires == NOW_US + 1


ESCALATIONS: list[tuple[str, list[dict[str, Any]], int | None, list[str] | None]] = [
    ("never", [{}], None, None),
    ("to a role, after the usual time", [{"escalate_to": "managers"}], limits.ESCALATION_S, ["managers"]),
    ("to any human", [{"escalate_after_s": 60}], 60, []),
    ("two rules that agree", [{"escalate_to": "a", "escalate_after_s": 60}, {"escalate_to": ["a"]}], 1_800, ["a"]),
    ("two rules that differ", [{"escalate_to": "a"}, {"escalate_to": "b"}], None, None),
    ("only one of two rules", [{"escalate_to": "a"}, {}], None, None),
]


@pytest.mark.parametrize(
    ("data", "seconds", "to"), [row[1:] for row in ESCALATIONS], ids=[row[0] for row in ESCALATIONS]
)
def test_others_may_approve_only_where_all_rules_say_so(
    data: list[dict[str, Any]], seconds: int | None, to: list[str] | None
) -> None:
    opened = wait(*(finding("ask", f"x/{number}", **one) for number, one in enumerate(data))).change.data
    at = None if seconds is None else format_time(NOW_US + seconds * SECOND_US)
    assert (opened.get("escalates_at"), opened.get("escalates_to")) == (at, to)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ((), "no change of a record"),
        ((Set("customer/acme", {"status": "x", "name": "y"}),), "set customer/acme (status, name)"),
        ((Archive("customer/acme"), Add("a/b", {"n": 1})), "archive customer/acme; add a/b (n)"),
        ((Emit("ticket/1", "Closed"),), "emit Closed on ticket/1"),
        (tuple(Archive(f"a/{n}") for n in range(9)), "; ".join(f"archive a/{n}" for n in range(8)) + " and 1 more"),
    ],
)
def test_a_summary_names_what_would_be_done(changes: tuple[AnyChange, ...], told: str) -> None:
    assert tickets.summary_of(changes) == told


# -- evidence


def test_s21_evidence_is_of_code_subject_rule_and_addressees() -> None:
    one = finding(owners=["support"], hash="h1")
    keys = {
        key
        for other in (
            one,
            finding(owners=["support"], hash="h2"),
            finding(owners=["legal"], hash="h1"),
            finding("ask", owners=["support"], hash="h1"),
            finding("refuse", owners=["support"], hash="h1"),
            finding(subject="customer/acme.name", owners=["support"], hash="h1"),
            Finding("rule.x", "m", "customer/acme.status", "offer", data=one.data),
        )
        for key in tickets.keys_of(other)
    }
    assert len(keys) == 7


def test_s21_evidence_is_of_each_subject_on_which_a_rule_was_met() -> None:
    one, both = finding("ask", "customer/a"), finding("ask", "customer/a", met=["customer/a", "customer/b"])
    assert tickets.keys_of(both)[:1] == tickets.keys_of(one)
    assert len(tickets.keys_of(both)) == 2
    bound = limits.TICKET_FINDINGS
    broad = finding("ask", met=[f"customer/c{number}" for number in range(bound)])
    assert len(wait(broad, finding("ask", "customer/more")).change.data["findings"]) == bound


def test_s21_evidence_is_read_from_the_tickets_of_just_this_proposal() -> None:
    answered = ticket(state="accepted", satisfied=["a"])
    given = World(answered, ticket("$approval", state="approved", satisfied=["b"]), RecordState("$queue", "p2"))
    asked = [("p1", CONTENT), ("p1", b"other"), ("p2", CONTENT)]
    found = [given.ask(lambda view, one=one: tickets.evidence_of(*one, view)) for one in asked]
    assert found == [{"a", "b"}, frozenset(), frozenset()]


def test_s21_who_consented_is_named() -> None:
    given = World(ticket(state="accepted", consenting=["support", "legal"], answer="fine"))
    (found,) = given.ask(lambda view: tickets.consents_to("p1", CONTENT, view))
    assert (found.code, found.severity, found.data) == ("ticket.accepted", "warn", {"by": ["support", "legal"]})
    assert found.message == 'Accepted by support, legal: "fine"'
    assert given.ask(lambda view: tickets.consents_to("p1", b"other", view)) == []


def test_what_reads_otherwise_by_now_is_told_from_what_is_new() -> None:
    reworded = finding(owners=["legal"])
    new = Finding("rule.x", "m", "customer/acme", "ask")
    assert tickets.outdated(ticket(), [reworded, new, finding("warn")]) == [reworded]


# -- what became of it


def pending() -> Decision:
    return Decision(id="p1", outcome="pending", revision=1, at=NOW_US, definition=1, next="")


def live(*states: RecordState) -> Decision:
    return World(*states).ask(lambda view: tickets.live_decision(pending(), CONTENT, view))


def test_s7_a_repeat_finds_the_ticket_that_is_open_now() -> None:
    decision = live(ticket(state="accepted"), ticket("$approval", to=["ops"]))
    assert (decision.outcome, decision.waits_for, decision.ticket) == ("pending", "human", "$approval/p1")
    assert "ops" in decision.next


ENDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("declined", {"state": "declined", "closed_by": "support", "answer": "no"}, "ticket.declined", 'by support: "no"'),
    ("withdrawn", {"state": "withdrawn", "closed_by": "sales"}, "ticket.withdrawn", "was withdrawn by sales."),
    ("told to have expired", {"state": "expired"}, "ticket.expired", "expired unanswered"),
    ("expired", {"expires_at": format_time(NOW_US)}, "ticket.expired", "expired unanswered"),
]


@pytest.mark.parametrize(("values", "code", "told"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_s7_a_repeat_finds_how_it_ended(values: dict[str, Any], code: str, told: str) -> None:
    decision = live(ticket(**values))
    assert (decision.outcome, [one.code for one in decision.findings]) == ("refused", [code])
    assert told in decision.findings[0].message
    assert decision.next


def test_a_ticket_of_other_content_is_none_of_its_business() -> None:
    assert live(ticket(content="ff")).outcome == "pending"


@pytest.mark.parametrize(
    ("kind", "state"), [("$handoff", "accepted"), ("$approval", "approved"), ("$queue", "released")]
)
def test_s7_an_answer_in_favour_is_no_end(kind: str, state: str) -> None:
    """What came of it is told by what was committed, never by the ticket."""
    assert live(ticket(kind, state=state)).outcome == "pending"
    over = live(ticket(kind, state=state), ticket("$approval" if kind == "$handoff" else "$handoff", state="withdrawn"))
    assert (over.outcome, [one.code for one in over.findings]) == ("refused", ["ticket.withdrawn"])


@pytest.mark.parametrize(
    ("state", "counts"),
    [("waiting", True), ("accepted", True), ("declined", False), ("withdrawn", False), ("expired", False)],
)
def test_s21_what_was_answered_counts_until_the_ticket_is_closed_otherwise(state: str, counts: bool) -> None:
    given = World(ticket(state=state, satisfied=["a"], consenting=["support"]))
    assert given.ask(lambda view: tickets.evidence_of("p1", CONTENT, view)) == ({"a"} if counts else frozenset())
    assert bool(given.ask(lambda view: tickets.consents_to("p1", CONTENT, view))) == counts
