"""Who may see what, by the definition (S39)."""

from __future__ import annotations

import pytest

from comity.deciding.case import withheld_from
from comity.deciding.compile import Compiled, load_definition
from comity.deciding.readers import Withheld, told, told_problem
from comity.errors import InvalidDefinition
from comity.model.hidden import Hidden
from comity.model.proposals import Caller, Known

AGENTS = """
[agents]
ann  = { role = "sales" }
bob  = { role = "support" }
cara = { role = "audit" }
"""
KIND = f"""{AGENTS}
[kinds.account]
owner   = "sales"
readers = "audit"

[kinds.account.fields]
name = {{ readers = ["ann", "bob"] }}
note = {{ owner = "bob" }}
code = {{}}

[kinds.account.events.Coded]
owner = "sales"
data  = {{ code = {{}}, why = {{}}, word = {{ readers = "bob" }} }}
then  = {{ code = "event.code" }}

[kinds.open.fields]
code = {{}}
"""


def compiled(source: str) -> Compiled:
    return load_definition(source, 1)


def withheld(agent: str, known: Known = "claimed", source: str = KIND) -> Withheld:
    found = withheld_from(Caller(agent, known), compiled(source))
    assert found is not None
    return found


def test_nothing_is_limited_unless_it_says_so() -> None:
    without = compiled(f"{AGENTS}[kinds.account.fields]\ncode = {{ owner = 'ann' }}")
    assert without.readers is None
    assert withheld_from(Caller("bob"), without) is None


@pytest.mark.parametrize(
    ("agent", "hidden"),
    [("ann", {"note"}), ("bob", {"code"}), ("cara", {"name"}), ("else", {"name", "note", "code"})],
)
def test_s39_readers_and_owners_see_a_field_the_kinds_where_it_names_none(agent: str, hidden: set[str]) -> None:
    found = withheld_from(Caller(agent), compiled(KIND))
    marks = found.kind("account").marks if found is not None else {}
    assert set(marks) == hidden
    assert marks.get("code") in (None, Hidden(("audit", "sales")))
    assert found is None or found.kind("open").of("code") is None


def test_s39_what_a_kind_no_longer_declares_is_for_its_readers() -> None:
    """An older version may have declared it; other kinds' are for everyone."""
    assert withheld("bob").field("account/a", "gone") == Hidden(("audit", "sales"))
    assert withheld("bob").field("account/a", "$life") is None
    assert withheld("bob").field("open/a", "gone") is None


def test_s39_what_an_event_carries_is_for_those_who_see_what_it_makes_or_whom_it_names() -> None:
    assert set(withheld("bob").event("account", "Coded").marks) == {"code", "why"}
    assert set(withheld("cara").event("account", "Coded").marks) == {"word"}
    assert withheld("bob").event("account", "Other").of("code") is None


@pytest.mark.parametrize("known", ["os_user", "system", "workflow"])
def test_s39_who_works_on_the_base_itself_sees_all(known: Known) -> None:
    assert withheld_from(Caller("bob", known), compiled(KIND)) is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('readers = "salse"', 'neither an agent nor a role of [agents]; did you mean "sales"?'),
        ("readers = []", "an empty list says nothing"),
        ("readers = 5", "must be a name or a list of names"),
        ('reader = "sales"', "unknown key 'reader'"),
    ],
)
def test_s39_what_is_wrong_is_told_at_load(line: str, problem: str) -> None:
    for source in (f"[kinds.account]\n{line}", f"[kinds.account.fields]\ncode = {{ {line} }}"):
        with pytest.raises(InvalidDefinition) as caught:
            compiled(AGENTS + source)
        assert problem in str(caught.value)


def test_s39_the_check_can_not_run_in_shadow() -> None:
    with pytest.raises(InvalidDefinition, match="'reader' always enforces"):
        compiled('[checks]\nreader = "shadow"')


def test_s39_texts_that_are_kept_quote_no_value_that_has_readers() -> None:
    found = compiled(KIND)
    assert (told(found.readers, "account", "code", 5), told(found.readers, "open", "code", 5)) == ("not told", "5")
    expression = found.assumption("account.code == 5")
    assert "5" not in told_problem(found.readers, expression, "5 is wrong")
    assert told_problem(None, expression, "5 is wrong") == "5 is wrong"
