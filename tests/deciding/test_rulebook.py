"""Which rules are looked at, and in which chunks."""

from __future__ import annotations

import pytest

from comity.deciding.compile import load_definition
from comity.deciding.rulebook import CHUNK, PARTS, Chunk, Rulebook
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
    chunks = groups[0].chunks
    assert [(len(chunk.rules), chunk.is_fetching) for chunk in chunks] == [(CHUNK + 2, False), (1, True)]
    assert [(len(part.rules), part.is_fetching) for part in chunks[0].parts] == [(CHUNK, False), (2, False)]


def test_chunks_of_many_rules_are_asked_together() -> None:
    book = book_of(*[f"customer.n == {number}" for number in range(PARTS * CHUNK + CHUNK + 1)])
    ((group,),) = [book.select(AgentDefinition(name="a", role="a"), None, None)]
    assert [[len(part.rules) for part in chunk.parts] for chunk in group.chunks] == [[CHUNK] * PARTS, [CHUNK, 1]]
    for chunk in group.chunks:
        assert chunk.rules == tuple(rule for part in chunk.parts for rule in part.rules)
        assert holding(chunk) == {number for part in chunk.parts for number in holding(part)}


def holding(chunk: Chunk) -> set[int]:
    return {number for number in range(100) if chunk.gist.holds({"customer": {"n": number}})}


def test_of_chunks_only_those_parts_are_left_that_may_apply() -> None:
    roles = ["saless"] * CHUNK + ["supports"] * CHUNK + ["saless"]
    book = book_of(*[f"agent.role == '{role}' && customer.n == {number}" for number, role in enumerate(roles)])
    for agent, sizes in (("sales", [[CHUNK, 1]]), ("support", [[CHUNK - 1, 1]]), ("product", [])):
        groups = book.select(AgentDefinition(name=agent, role=f"{agent}s"), None, None)
        assert [[len(part.rules) for part in chunk.parts] for group in groups for chunk in group.chunks] == sizes
    alone = book_of(*[f"action.name == '{name}' && customer.n > 0" for name in ["a"] * CHUNK + ["b"]])
    ((group,),) = [alone.select(AgentDefinition(name="a", role="a"), "b", None)]
    (chunk,) = group.chunks
    assert (len(chunk.rules), chunk.parts) == (1, ())


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
