"""Addresses, and what is none."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comity import limits
from comity.errors import InvalidReference
from comity.model import refs

GOOD = ["customer/acme", "$agent/ann", "a/1", "big-kind/a.b:c@d+e~f=g-h", "k_1/A"]
BAD = [
    "", "/", "a", "a/", "/a", "a/b/c", "a//b", " a/b", "a/b ", "a/b\n", "a\n/b", "1a/b", "a b/c", "a/.b", "a/-b",
    "a/..", "../a", "a/b\0", "a/ü", "ü/a", "$/a", "$$a/b", "a/b%2e", "a/b?c", "a/b#c", "a\\b",
]  # fmt: skip


@pytest.mark.parametrize("ref", GOOD)
def test_addresses(ref: str) -> None:
    assert "/".join(refs.split(ref)) == ref
    assert refs.problem_of(ref) is None


@pytest.mark.parametrize("ref", BAD)
def test_no_addresses(ref: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        refs.split(ref)
    assert str(caught.value) == refs.problem_of(ref)


@pytest.mark.parametrize("thing", [None, 1, b"a/b", ("a", "b")])
def test_what_is_no_text_is_no_address(thing: object) -> None:
    assert "by a text" in str(refs.problem_of(thing))


@given(st.text())
def test_any_text_is_an_address_or_told_why_not(text: str) -> None:
    problem = refs.problem_of(text)
    assert problem is None or len(problem) < 400
    if problem is None:
        assert text.isascii()


@pytest.mark.parametrize(
    ("fits", "beyond"),
    [("k" * limits.NAME_CHARS + "/a", "k" * (limits.NAME_CHARS + 1) + "/a"),
     ("k/" + "a" * limits.RECORD_ID_CHARS, "k/" + "a" * (limits.RECORD_ID_CHARS + 1))],
    ids=["NAME_CHARS", "RECORD_ID_CHARS"],
)  # fmt: skip
def test_limit(fits: str, beyond: str) -> None:
    assert refs.problem_of(fits) is None
    assert "at most" in str(refs.problem_of(beyond))


@given(st.integers(0, 10**15 - 1), st.integers(0, limits.EVENTS_PER_COMMIT - 1))
def test_events_have_addresses_too(revision: int, ordinal: int) -> None:
    assert refs.parse_event_id(refs.event_id(revision, ordinal)) == (revision, ordinal)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.", ".1", "1.1.1", "a.b", "-1.0", "1.-1", "1.0\n", "²."
     "0", "1.²", "1.65536", "1." + "9" * 20, "9" * 20 + ".0"],
)  # fmt: skip
def test_no_events(text: str) -> None:
    with pytest.raises(InvalidReference, match="is no event"):
        refs.parse_event_id(text)


def test_the_nearest_name() -> None:
    assert refs.nearest("custmer", ["customer", "ticket"]) == "customer"
    assert refs.nearest("zzz", ["customer"]) is None
    assert refs.nearest("x" * 10_000, ["customer"]) is None
    assert refs.is_built_in("$agent")
    assert not refs.is_built_in("agent")
