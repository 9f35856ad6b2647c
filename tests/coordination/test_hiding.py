"""What leaves for a reader (S39): every answer of the table is made of shapes that are masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from comity.coordination.hiding import MASKS, hide
from comity.deciding.case import withheld_from
from comity.deciding.compile import load_definition
from comity.deciding.readers import Withheld
from comity.model.decisions import Decision, Finding, Moved
from comity.model.filters import Condition, query
from comity.model.hidden import Hidden
from comity.model.news import News, NewsItem
from comity.model.proposals import Caller, QueryRead, Undo
from comity.operations import OPERATIONS, Difference, Operation, RecordAnswer

COMPILED = load_definition(
    """
[agents]
sales = { role = "sales" }
spy   = { role = "spy" }

[kinds.item.fields]
name = {}
code = { owner = "sales", readers = ["sales"] }

[kinds.plain.fields]
code = {}
""",
    1,
)


def _withheld() -> Withheld:
    found = withheld_from(Caller("spy"), COMPILED)
    assert found is not None
    return found


WITHHELD = _withheld()
MARK = Hidden(("sales",))

OPEN: dict[type, str] = {
    Condition: "masked with the search that it is of",
    Undo: "holds revisions",
}
"""The shapes that hold values, or what looks like them, and have no mask of their own; and why."""


def shapes(kind: inspect.Type, seen: set[type]) -> Iterator[inspect.StructType]:
    """Yield the structs that an answer may hold, at any depth."""
    match kind:
        case inspect.StructType():
            if kind.cls not in seen:
                seen.add(kind.cls)
                yield kind
                for field in kind.fields:
                    yield from shapes(field.type, seen)
        case inspect.UnionType():
            for each in kind.types:
                yield from shapes(each, seen)
        case inspect.TupleType():
            for each in kind.item_types:
                yield from shapes(each, seen)
        case inspect.VarTupleType() | inspect.ListType():
            yield from shapes(kind.item_type, seen)
        case inspect.DictType():
            yield from shapes(kind.value_type, seen)
        case inspect.Metadata():
            yield from shapes(kind.type, seen)
        case _:
            return


def holds_anything(kind: inspect.Type) -> bool:
    """Tell whether values of any type may be there."""
    match kind:
        case inspect.AnyType():
            return True
        case inspect.UnionType():
            return any(map(holds_anything, kind.types))
        case inspect.VarTupleType() | inspect.ListType():
            return holds_anything(kind.item_type)
        case inspect.DictType():
            return holds_anything(kind.value_type)
        case inspect.Metadata():
            return holds_anything(kind.type)
        case _:
            return False


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_s39_what_holds_values_in_an_answer_is_masked(row: Operation) -> None:
    for shape in shapes(inspect.type_info(row.answer), set()):
        if any(holds_anything(field.type) for field in shape.fields):
            assert shape.cls in MASKS or shape.cls in OPEN, f"{row.name}: {shape.cls.__name__} holds values"


def test_s39_walking_reaches_every_depth_it_can_hold() -> None:
    """Masks are found in tuples and in structs; a dict or a list of structs in an answer would be passed over."""
    for row in OPERATIONS:
        for shape in shapes(inspect.type_info(row.answer), set()):
            for field in shape.fields:
                kind = field.type
                inner = kind.value_type if isinstance(kind, inspect.DictType) else None
                inner = kind.item_type if isinstance(kind, inspect.ListType) else inner
                assert not isinstance(inner, inspect.StructType), f"{shape.cls.__name__}.{field.name}"


def record(kind: str, **values: Any) -> RecordAnswer:
    return RecordAnswer(record=f"{kind}/a", version=1, life="live", values=values, revision=1, incarnation="i")


def test_s39_a_record_has_marks_for_all_that_is_hidden() -> None:
    assert hide(WITHHELD, record("item", name="n", code=1)).values == {"name": "n", "code": MARK}
    assert hide(WITHHELD, record("item", name="n")).values == {"name": "n", "code": MARK}


def test_s39_what_holds_nothing_hidden_is_the_very_same() -> None:
    plain = record("plain", code=1)
    assert hide(WITHHELD, plain).values == {"code": 1}
    decision = Decision(id="d", outcome="committed", revision=1, at=1, definition=1, next="Go on.")
    assert hide(WITHHELD, decision) is decision
    assert hide(WITHHELD, None) is None


def test_s39_findings_news_and_differences() -> None:
    moved = Moved("item/a", "code", 1, 2, "sales", 1, "3.0")
    blind = Finding("freshness.blind_write", "m", "item/a", data={"now": {"code": 1, "name": "n"}, "revision": 3})
    item = NewsItem("item/a", "3.0", "item.updated", "sales", 1, now={"code": 2}, is_broken=True)
    decision = Decision(
        id="d",
        outcome="refused",
        revision=3,
        at=1,
        definition=1,
        next="Look again.",
        findings=(Finding("freshness.changed", "m", "item/a", moved=(moved,)), blind),
        news=News(3, 1, (item,)),
    )
    hidden = hide(WITHHELD, decision)
    assert (hidden.findings[0].moved[0].was, hidden.findings[0].moved[0].now) == (MARK, MARK)
    assert hidden.findings[1].data == {"now": {"code": MARK, "name": "n"}, "revision": 3}
    assert hidden.news is not None
    assert hidden.news.items[0] == msgspec.structs.replace(item, now={"code": MARK}, is_broken=False)
    assert "code: you saw hidden, now hidden, by sales" in hidden.explain()
    assert hide(WITHHELD, Difference(record="item/a", field="code", was=1, now=None)).now == MARK


def test_s39_what_a_search_asked_for() -> None:
    read = QueryRead(query("item", "code = 5", "name = n", order=["code"]), 3, members=("a",))
    assert [one.value for one in hide(WITHHELD, read).query.where] == [MARK, "n"]


def test_s39_what_a_search_among_pins_asked_for() -> None:
    read = QueryRead(query("$override", "value = 5", "reason = r"), 3, members=("o",))
    assert [one.value for one in hide(WITHHELD, read).query.where] == [MARK, "r"]


def test_s39_a_pin_that_does_not_say_of_what_is_hidden() -> None:
    """The difference of a single field of a built-in record doesn't tell which field of which record it pins."""
    for name, value in (("value", 5), ("reason", "r")):
        one = hide(WITHHELD, Difference(record="$override/o", field=name, was=None, now=value))
        assert (one.now == MARK) is (name == "value")
