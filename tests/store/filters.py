"""Queries and records for the differential test of S13, which every store is put to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from comity.model.filters import Condition, Order, Query, matches, page_after, select
from comity.model.records import RecordState
from comity.model.values import normalise
from comity.store.contract import Store
from comity.testing.samples import append, entry, state

T = TypeVar("T", RecordState, Query)

TEXTS = st.sampled_from(
    ["", "a", "ab", "b", "B", "1", "true", "null", "[1]", '{"a":1}', "'", '"', "\\", "é", "\ud7ff", "\ue000", "\uffff",
     "\U00010000", "\U0010ffff", "a\U0010ffff", "\u2028", "\x01", "\x7f"]
)  # fmt: skip
NUMBERS = (
    st.integers(-2, 3)
    | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2.0**53, 2.0**63, 1e300, -1e300, 5e-324, 0.1, 1.5, -0.0])
    | st.sampled_from([2**60, 2.0**60, 2**60 + 1, -(2.0**63), 2.0**63 - 1024, 2**63 - 1024, 1e22, 1e23])
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.booleans() | NUMBERS | TEXTS
VALUES = st.none() | SCALARS | st.lists(st.none() | SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=2)
FIELDS = st.sampled_from(["x", "y", "$id"])
IDS = st.sampled_from(["1", "2", "a", "ab", "B", "zz"])


def conditions() -> st.SearchStrategy[Condition]:
    def on(operators: Sequence[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
        return st.builds(Condition, FIELDS, st.sampled_from(operators), values)

    return st.one_of(
        on(["=", "!="], st.none() | SCALARS | IDS),
        on(["<", "<=", ">", ">="], NUMBERS | TEXTS),
        on(["in", "not in"], st.lists(SCALARS | IDS, max_size=4)),
        on(["^="], TEXTS),
        on(["has"], SCALARS),
    )


QUERIES = st.builds(
    Query,
    st.just("k"),
    st.lists(conditions(), max_size=2).map(tuple),
    st.lists(st.builds(Order, FIELDS, st.booleans()), max_size=3).map(tuple),
    st.integers(1, 4),
    life=st.sampled_from(["live", "any", "deleted"]),
)


def normalised(ref: str, values: dict[str, Any], life: Any) -> RecordState:
    kept = {field: plain for field, value in values.items() if (plain := normalise(value)) is not None}
    return state(ref, kept, life=life)


STATES = st.dictionaries(
    IDS,
    st.tuples(
        st.fixed_dictionaries({"x": VALUES, "y": VALUES}), st.sampled_from(["live", "live", "archived", "deleted"])
    ),
    max_size=6,
).map(lambda drawn: [normalised(f"k/{name}", values, life) for name, (values, life) in drawn.items()])


def pages(find: Any, asked: Query) -> list[list[str]]:
    """Return the ids of all pages of a query, each found from the cursor of the one before."""
    found = []
    while page := find(asked):
        found.append([one.id for one in page])
        asked = msgspec.structs.replace(asked, after=page_after(asked, page[-1]))
    return found


def of_kind(kind: str, drawn: list[T]) -> list[T]:
    return [msgspec.structs.replace(one, kind=kind) for one in drawn]


def check_means_the_same(
    store: Store, former: list[RecordState], latter: list[RecordState], asked: list[Query], *, is_indexed: bool
) -> None:
    """Commit ``former`` at revision 1 and ``latter`` at revision 2, then ask the store and Python the same."""
    append(store, entry(1, *former))
    append(store, entry(2, *latter))
    now = list({one.id: one for one in [*former, *latter]}.values())
    store.index({asked[0].kind: [["x"], ["x", "y"]]} if is_indexed else {})
    with store.snapshot() as snapshot:
        for one in asked:
            assert pages(snapshot.find, one) == pages(lambda q: select(q, now), one)
            assert snapshot.count(one) == sum(matches(one, candidate) for candidate in now)
            then = pages(lambda q: snapshot.find(q, revision=1), one)
            assert then == pages(lambda q: select(q, former), one)
            assert snapshot.count(one, revision=1) == sum(matches(one, candidate) for candidate in former)
