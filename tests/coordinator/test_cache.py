"""The records that a coordinator holds in memory."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from comity.coordinator.cache import RecordCache
from comity.testing.samples import state

NAMES = st.sampled_from("abcdef")


@given(st.lists(st.tuples(NAMES, st.integers(0, 3_000)), max_size=40))
def test_the_bytes_counted_are_those_of_what_is_held(puts: list[tuple[str, int]]) -> None:
    cache = RecordCache(5_000)
    for name, size in puts:
        cache.put(("task", name), state(f"task/{name}", {"x": "y" * size}))
        cache.shrink()
        assert cache.bytes <= 5_000
    fresh = RecordCache(5_000)
    fresh.update(cache.states)
    assert fresh.bytes == cache.bytes


def test_the_oldest_leave_first() -> None:
    cache = RecordCache(1_500)
    for name in "abcd":
        cache.put(("task", name), state(f"task/{name}", {"n": 1}))
    cache.shrink()
    assert [name for _, name in cache.states] == ["b", "c", "d"]


def test_only_what_is_held_is_corrected() -> None:
    cache = RecordCache(10_000)
    cache.put(("task", "a"), state("task/a", {"n": 1}))
    cache.correct([state("task/a", {"n": 2}), state("task/b", {"n": 2})])
    assert {name: held.values for (_, name), held in cache.states.items()} == {"a": {"n": 2}}
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)
