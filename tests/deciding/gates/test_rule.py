"""Do the rules let this action happen now?"""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.deciding.gates import rule as gate
from comity.deciding.gates.rule import judge
from comity.deciding.view import FindNeed, RecentNeed
from comity.model.proposals import Archive, Caller, Create, Delete, Emit, Set
from tests.deciding.cases import state
from tests.deciding.gates.rule_cases import (
    HUMANS_FIRST,
    PRODUCT_DEFERS,
    SET_BUSY,
    SET_CALM,
    SUPPORT_FIRST,
    UPSELL,
    happened,
    intent,
    rule,
    world,
)

# -- the three of the mission


def test_support_goes_before_sales_while_a_ticket_is_open() -> None:
    given = world(SUPPORT_FIRST)
    (finding,) = given.findings(judge, SET_BUSY, **UPSELL)
    assert (finding.code, finding.severity, finding.subject) == ("rule.support_goes_first", "defer", "customer/busy")
    assert finding.message == "Support has an open ticket with this customer."
    assert finding.remedy == "Try again when customer.open_tickets == 0; support goes first."
    hash_ = finding.data.pop("hash")
    assert len(hash_) == 12
    assert finding.data == {
        "rule": "support goes first",
        "to": "support",
        "until": "customer.open_tickets == 0",
        "until_subject": "customer/busy",
        "priority": 5,
    }
    assert given.codes(judge, SET_CALM, **UPSELL) == []
    assert given.codes(judge, SET_BUSY, action="tidy_up") == []
    assert given.codes(judge, SET_BUSY, caller=Caller("support"), **UPSELL) == []


def test_product_defers_to_support_during_an_escalation() -> None:
    given = world(PRODUCT_DEFERS)
    product = Caller("product")
    assert given.codes(judge, SET_BUSY, caller=product) == []
    given.happened = [happened("customer/busy", "Escalated")]
    (finding,) = given.findings(judge, SET_BUSY, caller=product)
    assert (finding.severity, finding.data["expires_s"]) == ("queue", 7_200)
    assert given.codes(judge, SET_CALM, caller=product) == []
    assert given.codes(judge, SET_BUSY) == []
    given.happened = [happened("customer/busy", "Escalated", age_s=660)]
    assert given.codes(judge, SET_BUSY, caller=product) == []
    given.happened = [happened("customer/busy", "Escalated", agent="product")]
    assert given.codes(judge, SET_BUSY, caller=product) == []


def test_everyone_defers_to_a_human_who_was_there_or_announced_it() -> None:
    given = world(HUMANS_FIRST)
    assert given.codes(judge, SET_BUSY) == []
    given.happened = [happened("customer/busy", "customer.updated", "ops")]
    assert given.codes(judge, SET_BUSY) == ["rule.a_person_is_at_it"]
    assert given.codes(judge, SET_CALM) == []
    announced = world(HUMANS_FIRST, others=[intent("i1", "ops", "customer/calm", plan="call them")])
    assert announced.codes(judge, SET_CALM) == ["rule.a_person_is_at_it"]
    assert announced.codes(judge, SET_BUSY) == []
    assert announced.codes(judge, SET_CALM, caller=Caller("ops")) == []


# -- subjects

SUBJECTS: list[tuple[str, str, tuple[Any, ...], dict[str, Any], list[str | None]]] = [
    ("of a record written", "customer.open_tickets > 0", (SET_BUSY,), {}, ["customer/busy"]),
    ("of a record named", "customer.open_tickets > 0", (), {"about": ("customer/busy",)}, ["customer/busy"]),
    ("of what a record written refers to", "customer.open_tickets > 0", (Set("ticket/t1", {"level": "low"}),), {},
     ["customer/busy"]),
    ("of what a record named refers to", "customer.open_tickets > 0", (), {"about": ("ticket/t1",)}, ["customer/busy"]),
    ("of what it will refer to", "customer.open_tickets > 0", (Set("ticket/t2", {"customer": "busy"}),), {},
     ["customer/busy"]),
    ("of what it referred to before", "customer.open_tickets > 0", (Set("ticket/t1", {"customer": "calm"}),), {},
     ["customer/busy"]),
    ("of each in a list of references", "customer.open_tickets > 0",
     (Create("ticket/t3", {"watchers": ["calm", "busy"]}),), {}, ["customer/busy"]),
    ("of what is referred to two hops away", "customer.open_tickets > 0", (Set("note/n1", {"text": "y"}),), {}, []),
    ("no subject of its kind", "ticket.level == 'high'", (SET_BUSY,), {}, []),
    ("of a record that it creates", "customer.open_tickets > 0", (Create("customer/new", {"open_tickets": 1}),), {},
     ["customer/new"]),
    ("with the defaults of what it creates", "customer.open_tickets == 0", (Create("customer/new", {}),), {},
     ["customer/new"]),
    ("of an archived record", "customer.open_tickets > 0", (), {"about": ("customer/kept",)}, ["customer/kept"]),
    ("not of a deleted one", "customer.open_tickets > 0", (), {"about": ("customer/gone",)}, []),
    ("not of one that never was", "customer.open_tickets >= 0", (), {"about": ("customer/none",)}, []),
    ("values as they are before", "customer.open_tickets > 0", (Set("customer/busy", {"open_tickets": 0}),), {},
     ["customer/busy"]),
    ("values after", "customer != null && after.open_tickets == 0", (Set("customer/busy", {"open_tickets": 0}),), {},
     ["customer/busy"]),
    ("values before and after", "customer != null && before.open_tickets != after.open_tickets", (SET_BUSY,), {}, []),
    ("gone after", "customer.open_tickets > 0 && after == null", (Delete("customer/busy"),), {}, ["customer/busy"]),
    ("archived after", "customer.open_tickets > 0 && after != null", (Archive("customer/busy"),), {},
     ["customer/busy"]),
    ("not there before", "customer != null && before == null", (Create("customer/new", {}),), {}, ["customer/new"]),
    ("two kinds at once", "customer.open_tickets > 0 && ticket.level == 'low'", (SET_BUSY,), {"about": ("ticket/t2",)},
     ["customer/busy"]),
    ("two kinds, one lacking", "customer.open_tickets > 0 && note.text == 'x'", (SET_BUSY,), {}, []),
    ("no kind", "action.name == 'tidy_up'", (SET_BUSY, SET_CALM), {"action": "tidy_up"}, [None]),
    ("nothing changed", "action.name == 'tidy_up'", (), {"action": "tidy_up"}, [None]),
    ("the first of several", "customer.status == 'active'", (SET_CALM, SET_BUSY), {}, ["customer/calm"]),
    ("by id", "customer.id == 'calm'", (SET_CALM, SET_BUSY), {}, ["customer/calm"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("when", "changes", "proposal", "subjects"), [row[1:] for row in SUBJECTS], ids=[row[0] for row in SUBJECTS]
)
def test_s28_a_rule_is_judged_on_each_subject_of_its_kinds(
    when: str, changes: tuple[Any, ...], proposal: dict[str, Any], subjects: list[str | None]
) -> None:
    found = world(rule(when)).findings(judge, *changes, **proposal)
    assert [one.subject for one in found] == subjects


def test_s28_one_rule_gives_one_finding_and_the_strongest() -> None:
    """That a rule can't be judged on one subject counts more than that it defers on another."""
    given = world(rule("customer.tags[0] == 'vip'", "defer"), others=[state("customer/vip", tags=["vip"])])
    about = ("customer/vip", "customer/calm")
    (finding,) = given.findings(judge, about=about)
    assert (finding.severity, finding.subject) == ("refuse", "customer/calm")
    (finding,) = given.findings(judge, about=about[:1])
    assert (finding.severity, finding.subject) == ("defer", "customer/vip")


def test_findings_come_in_the_order_of_the_definition() -> None:
    rules = [rule("customer.open_tickets > 0", name=f"r{number}") for number in range(25)]
    rules.insert(12, rule("agent.id == 'sales'", "warn", name="middle"))
    codes = world(*rules).codes(judge, SET_BUSY)
    assert codes == [*(f"rule.r{n}" for n in range(12)), "rule.middle?", *(f"rule.r{n}" for n in range(12, 25))]


MANY: list[tuple[int, str, str]] = [
    (3, "customer.open_tickets > 0", "rule.r3"),
    (70, "customer.open_tickets / (customer.open_tickets - 2) > 0", "rule.r70"),
    (71, "customer.open_tickets > 1", "rule.r71"),
    (130, "customer.tags[0] == 'vip'", "rule.r130"),
]
"""Of many rules those that find something: two hold, and two can't be judged."""


def test_of_many_rules_each_that_applies_or_can_not_be_judged_is_found() -> None:
    whens = [f"customer.open_tickets > {number + 10}" for number in range(140)]
    for number, when, _ in MANY:
        whens[number] = when
    given = world(*[rule(when, "warn", name=f"r{number}") for number, when in enumerate(whens)])
    found = given.findings(judge, SET_BUSY)
    assert [one.code for one in found] == [code for *_, code in MANY]
    assert ["problem" in one.data for one in found] == [False, True, False, True]


def test_of_many_rules_each_that_could_not_be_judged_once_it_is_done_is_found() -> None:
    whens = [f"customer.open_tickets > {number + 10}" for number in range(140)]
    whens[99] = "1 / (customer.open_tickets - 8) > 3"
    whens[100] = "1 / (customer.open_tickets - 8) == 0 && customer.status == 'x'"
    given = world(*[rule(when, "defer", name=f"r{number}") for number, when in enumerate(whens)])
    found = given.findings(judge, Set("customer/busy", {"open_tickets": 8}))
    assert [one.code for one in found] == ["rule.r99", "rule.r100"]
    assert all(one.message.startswith("Once this is done, the rule ") for one in found)
    assert given.codes(judge, Set("customer/busy", {"open_tickets": 7})) == []


# -- what happens around

AROUND: list[tuple[str, str, list[str]]] = [
    ("related records", "customer != null && related.ticket.exists(t, t.level == 'high')", ["customer/busy"]),
    ("how many", "customer != null && size(related.ticket) == 1", ["customer/busy"]),
    ("filtered twice", "customer != null && related.ticket.filter(t, t.level != null).exists(u, u.id == 't1')",
     ["customer/busy"]),
    ("none like that", "customer != null && related.ticket.exists(t, t.level == 'low')", []),
    ("events by type", "customer != null && recent.exists(e, e.type == 'Escalated')", ["customer/busy"]),
    ("events by fields", "customer != null && recent.exists(e, 'status' in e.fields)", ["customer/busy"]),
    ("existence is no field", "customer != null && recent.exists(e, size(e.fields) > 1)", []),
    ("events by age", "customer != null && recent.exists(e, e.age < duration('90s') && e.agent == 'support')",
     ["customer/busy"]),
    ("events by record", "customer != null && recent.all(e, e.role == 'support' && e.record == 'customer/busy')",
     ["customer/busy"]),
    ("own events don't count", "customer != null && recent.exists(e, e.agent == 'sales')", []),
    ("old events don't count", "customer != null && recent.exists(e, e.type == 'old')", []),
    ("intents by action", "customer != null && intents.exists(i, i.action == 'send_upsell')", ["customer/busy"]),
    ("intents by plan", "customer != null && intents.exists(i, i.plan != null && i.plan.contains('call'))",
     ["customer/busy"]),
    ("intents by age", "customer != null && intents.exists(i, i.age < duration('6s') && i.kind == 'agent')",
     ["customer/busy"]),
    ("own intents don't count", "customer != null && intents.exists(i, i.agent == 'sales')", []),
    ("expired intents don't count", "customer != null && intents.exists(i, i.agent == 'product')", []),
    ("without a kind, on all subjects", "recent.exists(e, e.type == 'Escalated') && size(intents) == 1",
     ["customer/busy"]),
    ("two of them", "customer != null && size(recent) == 1 && size(related.ticket) == 1", ["customer/busy"]),
]  # fmt: skip


@pytest.mark.parametrize(("when", "subjects"), [row[1:] for row in AROUND], ids=[row[0] for row in AROUND])
def test_rules_see_what_happens_around_a_subject(when: str, subjects: list[str]) -> None:
    others = [
        intent("i1", "support", "customer/busy", action="send_upsell", plan="call them"),
        intent("i2", "sales", "customer/busy"),
        intent("i3", "product", "customer/busy", expires_s=0),
    ]
    given = world(rule(when), others=others)
    given.happened = [
        happened("customer/busy", "Escalated", "support", 60, "status", "$life"),
        happened("customer/busy", "Escalated", "sales"),
        happened("customer/busy", "old", "support", limits.RECENT_S),
    ]
    assert [one.subject for one in given.findings(judge, SET_BUSY)] == subjects


def test_what_a_rule_does_not_name_is_not_looked_up() -> None:
    given = world(rule("customer.open_tickets > 9 && recent.exists(e, true) && size(related.ticket) > 9"))
    given.codes(judge, SET_BUSY)
    assert given.asked == []
    asked = world(rule("customer != null && recent.exists(e, true)"), rule("size(recent) > 9", name="again"))
    asked.codes(judge, SET_BUSY)
    assert [type(need) for need in asked.asked] == [RecentNeed]


def test_each_around_is_looked_up_once_a_subject() -> None:
    rules = [
        rule("customer != null && related.ticket.exists(t, t.level == 'x')"),
        rule("customer != null && size(related.ticket) > 5", name="again"),
    ]
    given = world(*rules)
    given.codes(judge, SET_BUSY)
    assert [type(need) for need in given.asked] == [FindNeed, FindNeed]


# -- outcomes

OUTCOMES: list[tuple[dict[str, Any], str, str]] = [
    ({"then": "warn"}, "warn", "Go on with care."),
    ({"then": "defer"}, "defer", "Try again later."),
    ({"then": "defer", "to": "support"}, "defer", "Try again later; support goes first."),
    ({"then": "queue", "until": "customer.open_tickets == 0"}, "queue",
     "Wait in line: it is judged again when customer.open_tickets == 0."),
    ({"then": "offer", "to": "support"}, "offer", "Offer it to support, who may accept it."),
    ({"then": "ask"}, "ask", "Ask a human to approve it."),
    ({"then": "ask", "to": "ops"}, "ask", "Ask ops to approve it."),
    ({"then": "refuse"}, "refuse", "Propose something else: this rule doesn't yield."),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "severity", "remedy"), OUTCOMES)
def test_each_outcome_says_what_to_do(keys: dict[str, Any], severity: str, remedy: str) -> None:
    (finding,) = world(rule("customer.open_tickets > 0", **keys)).findings(judge, SET_BUSY)
    assert (finding.severity, finding.remedy) == (severity, remedy)
    assert finding.message == "The rule 'r' applies: customer.open_tickets > 0"


@pytest.mark.parametrize("then", ["warn", "defer", "refuse"])
def test_s22_a_rule_in_shadow_only_tells(then: str) -> None:
    (finding,) = world(rule("customer.open_tickets > 0", then, mode="shadow")).findings(judge, SET_BUSY)
    assert (finding.severity, finding.data["shadow"]) == ("warn", then)
    (finding,) = world(rule("customer.tags[0] == 'x'", then, mode="shadow")).findings(judge, SET_BUSY)
    assert finding.severity == "warn"


def test_the_hash_of_a_rule_is_that_of_its_wording() -> None:
    def hash_of(**keys: Any) -> str:
        (finding,) = world(rule("customer.open_tickets > 0", **keys)).findings(judge, SET_BUSY)
        return str(finding.data["hash"])

    assert hash_of() == hash_of()
    assert len({hash_of(), hash_of(why="Because."), hash_of(then="ask"), hash_of(priority=1)}) == 4


# -- what can't be judged


@pytest.mark.parametrize(
    ("then", "severity"), [("warn", "warn"), ("defer", "refuse"), ("ask", "refuse"), ("refuse", "refuse")]
)
def test_s29_what_can_not_be_judged_does_not_pass(then: str, severity: str) -> None:
    (finding,) = world(rule("customer.tags[3] == 'x'", then)).findings(judge, SET_BUSY)
    assert (finding.code, finding.severity, finding.subject) == ("rule.r", severity, "customer/busy")
    assert finding.message.startswith("The rule 'r' can't be judged: ")


def test_one_rule_that_fails_does_not_hide_the_others() -> None:
    rules = [rule("customer.tags[3] == 'x'"), rule("customer.open_tickets > 0", name="s"), rule("1 > 2", name="t")]
    assert world(*rules).codes(judge, SET_BUSY) == ["rule.r", "rule.s"]


def test_limit_rule_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RULE_COMBINATIONS", 3)
    others = [state(f"customer/n{number}") for number in range(4)]
    given = world(rule("customer.open_tickets > 5"), others=others)
    about = tuple(one.ref for one in others)
    assert given.codes(judge, about=about[:3]) == []
    (finding,) = given.findings(judge, about=about)
    assert (finding.code, finding.severity) == ("shape.too_broad", "refuse")
    assert "'r'" in finding.message


def test_limit_recent_events_and_recent_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more happened than may be looked at, only what holds of the newest is sure."""
    monkeypatch.setattr(limits, "RECENT_EVENTS", 3)
    given = world(rule("customer != null && recent.exists(e, e.type == 'Escalated')"))
    given.happened = [happened("customer/busy", "other")] * 3
    assert given.codes(judge, SET_BUSY) == []
    given.happened = [happened("customer/busy", "other")] * 4
    assert given.codes(judge, SET_BUSY) == ["shape.too_broad"]
    given.happened = [happened("customer/busy", "Escalated"), *given.happened]
    assert given.codes(judge, SET_BUSY) == ["rule.r"]
    given.happened = [happened("customer/busy", "Escalated", age_s=limits.RECENT_S - 1)]
    assert given.codes(judge, SET_BUSY) == ["rule.r"]
    given.happened = [happened("customer/busy", "Escalated", age_s=limits.RECENT_S)]
    assert given.codes(judge, SET_BUSY) == []


def test_limit_related_records() -> None:
    bound = limits.RELATED_RECORDS
    tickets = [state(f"ticket/n{number}", customer="calm") for number in range(bound)]
    given = world(rule("customer != null && related.ticket.exists(t, t.level == 'high')"), others=tickets[1:])
    assert given.codes(judge, SET_CALM) == []
    given = world(rule("customer != null && related.ticket.exists(t, t.level == 'high')"), others=tickets)
    assert given.codes(judge, SET_CALM) == ["shape.too_broad"]


def test_limit_intents_per_subject() -> None:
    bound = limits.INTENTS_PER_SUBJECT
    others = [intent(f"i{number}", "support", "customer/calm") for number in range(bound + 1)]
    source = rule("customer != null && intents.exists(i, i.agent == 'product')")
    assert world(source, others=others[1:]).codes(judge, SET_CALM) == []
    assert world(source, others=others).codes(judge, SET_CALM) == ["shape.too_broad"]


# -- Comity's own records


def test_s24_rules_do_not_judge_what_is_comitys_own() -> None:
    given = world(rule("1 == 1"))
    own = Emit("$agent/sales", "key_revoked")
    assert given.codes(judge, own) == []
    assert given.codes(judge, own, SET_CALM) == ["rule.r"]
    assert given.codes(judge, about=("customer/calm",)) == ["rule.r"]


def test_s24_records_of_comity_are_no_subjects() -> None:
    given = world(rule("size(recent) == 0"))
    given.findings(judge, Emit("$agent/sales", "key_revoked"), SET_CALM)
    assert [need.ref for need in given.asked if isinstance(need, RecentNeed)] == [("customer", "calm")]


def test_a_workspace_without_rules_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "Subjects", None)
    assert world().codes(judge, SET_BUSY) == []
    assert world(rule("agent.role == 'support'")).codes(judge, SET_BUSY) == []
