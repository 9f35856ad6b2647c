"""Which rules are looked at, and in which chunks."""

from __future__ import annotations

import pytest

from comity.deciding.compile import load_definition
from comity.deciding.rulebook import CHUNK, Rulebook
from comity.model.definition import AgentDefinition

CRM = """
[kinds.customer.fields]
n = { type = "integer", default = 0 }
[kinds.note.fields]
customer = { ref = "customer" }
"""


def book_of(*whens: str) -> Rulebook:
    rules = (f'[[rules]]\nname = "{number}"\nwhen = "{when}"\nthen = "warn"\n' for number, when in enumerate(whens))
    return load_definition(CRM + "".join(rules), 1).rules


def selected(book: Rulebook, agent: str = "sales", action: str | None = None, kind: str | None = None) -> set[str]:
    groups = book.select(AgentDefinition(name=agent, role=f"{agent}s"), action, kind)
    return {rule.definition.name for group in groups for chunk in group.chunks for rule in chunk.rules}


DEMANDS = [
    ("agent.id == 'sales'", True),
    ("'support' == agent.id", False),
    ("customer.n > 0 && agent.role == 'supports'", False),
    ("agent.role in ['supports', 'saless']", True),
    ("agent.role in ['supports']", False),
    ("agent.kind == 'human'", False),
    ("action.name == 'send'", True),
    ("action.name == 'call'", False),
    ("(customer.n > 0 && action.kind == 'x') && agent.id == 'sales'", False),
    ("agent.id == 'support' || customer.n > 0", True),
    ("!(agent.id == 'sales')", True),
    ("agent.id != 'sales'", True),
    ("agent.id in [agent.role]", True),
]


@pytest.mark.parametrize(("when", "is_looked_at"), DEMANDS)
def test_a_rule_that_demands_another_agent_or_action_is_not_looked_at(when: str, is_looked_at: bool) -> None:
    book = book_of(when)
    assert bool(selected(book, action="send", kind="outreach")) is is_looked_at


def test_agents_and_actions_that_no_rule_demands_are_all_the_same() -> None:
    book = book_of("agent.id == 'sales'", "action.name == 'send'")
    known = [book.select(AgentDefinition(name=name, role="x"), None, None) for name in ("a", "b", "c")]
    assert known == [()] * 3
    assert book._select.cache_info().misses == 1
    assert selected(book, "sales") == {"0"}
    assert selected(book, "a", "send") == {"1"}


def test_rules_come_in_chunks_by_kinds_and_by_what_they_look_up() -> None:
    cheap = [f"customer.n > {number}" for number in range(CHUNK + 1)]
    book = book_of(
        *cheap, "note.customer == 'x'", "customer.n > 5 && size(recent) > 0", "customer != null && size(recent) > 1"
    )
    groups = book.select(AgentDefinition(name="a", role="a"), None, None)
    assert [group.kinds for group in groups] == [("customer",), ("note",)]
    sizes = [(len(chunk.rules), chunk.is_fetching) for chunk in groups[0].chunks]
    assert sizes == [(CHUNK, False), (2, False), (1, True)]


def test_the_gist_of_a_chunk_holds_if_that_of_any_rule_does() -> None:
    book = book_of("customer.n == 1", "customer.n == 2 && size(recent) > 0", "customer.n == 3")
    ((group,),) = [book.select(AgentDefinition(name="a", role="a"), None, None)]
    (chunk,) = group.chunks
    assert [chunk.gist.holds({"customer": {"n": number}}) for number in range(5)] == [False, True, True, True, False]


def test_a_gist_sees_all_that_its_rules_name_of_records_in_lists() -> None:
    book = book_of(
        "customer != null && recent.exists(e, e.agent == 'x')", "customer != null && recent.exists(e, e.type == 'y')"
    )
    ((group,),) = [book.select(AgentDefinition(name="a", role="a"), None, None)]
    (chunk,) = group.chunks
    for agent, type_, holds in (("x", "-", True), ("-", "y", True), ("-", "-", False)):
        roots = {"customer": {"n": 0}, "recent": [{"agent": agent, "type": type_}]}
        assert chunk.gist.holds(roots) is holds
