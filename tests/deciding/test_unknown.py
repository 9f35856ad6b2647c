"""What a proposal is about, but isn't there."""

from __future__ import annotations

from typing import Any

import pytest

from comity.deciding.gates.shape import judge
from comity.model.proposals import AnyChange, Create, Set
from comity.model.records import RecordState
from tests.deciding.cases import World, state

KINDS = """
[kinds.customer.fields]
n = { type = "integer", default = 0 }
"""
RULE = """
[[rules]]
name = "r"
when = "customer.n > 5"
then = "refuse"
"""
SHADOW = RULE + 'mode = "shadow"\n'
ALLOW = 'undeclared = "allow"\n'
STATES = (
    state("customer/acme", n=1),
    state("customer/kept", "archived", n=1),
    state("customer/gone", "deleted"),
    state("memo/a", n=1),
)

CASES: list[tuple[str, str, str, tuple[AnyChange, ...], list[str]]] = [
    ("it is there", KINDS + RULE, "customer/acme", (), []),
    ("archived, it is still there", KINDS + RULE, "customer/kept", (), []),
    ("misspelt, where a rule may stop it", KINDS + RULE, "customer/acmee", (), ["shape.unknown_subject"]),
    ("deleted", KINDS + RULE, "customer/gone", (), ["shape.unknown_subject"]),
    ("it is made by the proposal", KINDS + RULE, "customer/new", (Create("customer/new"),), []),
    ("beside a change", KINDS + RULE, "customer/x", (Set("customer/acme", {"n": 2}),), ["shape.unknown_subject"]),
    ("all rules are in shadow", KINDS + SHADOW, "customer/acmee", (), ["shape.unknown_subject?"]),
    ("no rule", KINDS, "customer/acmee", (), ["shape.unknown_subject?"]),
    ("no such kind", KINDS + RULE, "custommer/acme", (), ["shape.unknown_kind"]),
    ("no such built-in kind", KINDS + RULE, "$custommer/acme", (), ["shape.unknown_kind"]),
    ("undeclared kinds are allowed", ALLOW + KINDS + RULE, "memo/b", (), ["shape.unknown_subject?"]),
    ("the first of an undeclared kind", ALLOW + KINDS + RULE, "note/b", (), ["shape.new_kind?"]),
    ("nothing is declared", "", "memo/b", (), ["shape.unknown_subject?"]),
    ("one of Comity's own", KINDS + RULE, "$intent/i", (), []),
]


@pytest.mark.parametrize(("source", "about", "changes", "codes"), [row[1:] for row in CASES], ids=[r[0] for r in CASES])
def test_s28_what_it_is_about_must_be_there(
    source: str, about: str, changes: tuple[AnyChange, ...], codes: list[str]
) -> None:
    assert World(*STATES, source=source).codes(judge, *changes, about=(about,)) == codes


def message(*states: RecordState, **proposal: Any) -> list[str]:
    return [finding.message for finding in World(*states, source=KINDS + RULE).findings(judge, **proposal)]


def test_the_nearest_record_is_named_wherever_it_stands_among_many() -> None:
    many = [state(f"customer/{letter}{number}") for letter in "bcz" for number in range(100)]
    assert message(*many, state("customer/initech"), about=("customer/intech",)) == [
        "There is no customer/intech that this could be about; did you mean 'customer/initech'?"
    ]
    assert message(*STATES, about=("customer/zzz",)) == ["There is no customer/zzz that this could be about."]
    assert message(*STATES, about=("customer/gone",)) == [
        "There is no customer/gone any more that this could be about."
    ]


def test_each_absent_record_is_told_and_each_unknown_kind_once() -> None:
    about = ("customer/x", "memo/a", "custommer/a", "custommer/b", "customer/x")
    assert World(*STATES, source=KINDS + RULE).codes(judge, about=about) == [
        "shape.unknown_subject",
        "shape.unknown_kind",
    ]
