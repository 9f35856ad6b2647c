"""The words of answers: short, on one line each, telling what to do."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from comity import limits
from comity.model.decisions import Decision, Finding, Moved
from comity.model.texts import explain_decision, explain_moved, listed, quote, show, suggestion, tokens

NASTY = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="!?.,;:-_()[]{}\"'", max_size=400),
    st.text(alphabet="é漢🙂\u202e\x1b\n\t ", max_size=400),
    st.just("x" * 2_000),
)
VALUES = st.one_of(
    NASTY, st.none(), st.integers(), st.lists(NASTY, max_size=3), st.dictionaries(NASTY, st.integers(), max_size=3)
)
MOVED = st.builds(
    Moved, record=NASTY, field=NASTY, was=VALUES, now=VALUES, by=NASTY, at=st.integers(0, 10**15), event=st.just("1.0"),
    reason=st.none() | NASTY,
)  # fmt: skip
FINDINGS = st.builds(
    Finding, code=NASTY, message=NASTY, subject=st.none() | NASTY,
    severity=st.sampled_from(["warn", "refuse", "ask"]), remedy=st.none() | NASTY,
    moved=st.lists(MOVED, max_size=6).map(tuple), unchanged=st.lists(NASTY, max_size=8).map(tuple),
)  # fmt: skip
DECISIONS = st.builds(
    Decision, id=st.just("p"), outcome=st.sampled_from(["committed", "refused", "pending", "allowed"]),
    revision=st.integers(0, 10**12), at=st.integers(0, 10**16), definition=st.just(1), next=NASTY,
    records=st.dictionaries(NASTY, st.integers(1, 10**9), max_size=6),
    findings=st.lists(FINDINGS, max_size=8).map(tuple),
)  # fmt: skip


@given(DECISIONS)
@example(Decision(id="p", outcome="refused", revision=1, at=0, definition=1, next="!" * 500))
def test_limit_answer_tokens(decision: Decision) -> None:
    """Whatever is in it, a decision fits into a prompt, and says at the end what to do."""
    text = explain_decision(decision)
    assert tokens(text) <= limits.ANSWER_TOKENS
    assert text.splitlines()
    assert "Next: " in text


def test_a_conflict_is_told_from_the_reader_s_side() -> None:
    moved = Moved("customer/acme", "status", "active", "at_risk", "support", 0, "2.0", "escalation T-42")
    finding = Finding(
        "freshness.changed", "customer/acme has changed.", "customer/acme", remedy="Decide again.", moved=(moved,),
        unchanged=("health",),
    )  # fmt: skip
    decision = Decision(
        id="p", outcome="refused", revision=2, at=120_000_000, definition=1, next="Decide again.", findings=(finding,)
    )
    assert decision.explain() == (
        "customer/acme has changed since you read it.\n"
        'status: you saw active, now at_risk, by support 2 min ago: "escalation T-42"\n'
        "Unchanged: health.\n"
        "Next: Decide again."
    )


@pytest.mark.parametrize(
    ("was", "now", "text"),
    [
        ("live", "deleted", "it was live when you read it, now deleted, by support 0 s ago"),
        ("absent", "live", "it was absent when you read it, now live, by support 0 s ago"),
    ],
)
def test_existence_that_moved_is_told_in_words(was: str, now: str, text: str) -> None:
    moved = Moved("customer/acme", "$life", was, now, "support", 0, "2.0")
    assert explain_moved(moved, 0) == text
    finding = Finding("freshness.changed", "", "customer/acme", moved=(moved,), unchanged=("$life", "status"))
    decision = Decision(id="p", outcome="refused", revision=2, at=0, definition=1, next="Look.", findings=(finding,))
    assert text in decision.explain()
    assert "$life" not in str(decision)


def test_what_does_not_fit_is_counted() -> None:
    findings = tuple(Finding(f"guard.g{number}", "x " * 12) for number in range(20))
    text = explain_decision(
        Decision(id="p", outcome="refused", revision=1, at=0, definition=1, next="Mend it.", findings=findings)
    )
    kept = text.count("guard.g")
    assert 0 < kept < 20
    assert text.endswith(f"and {20 - kept} more\nNext: Mend it.")


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("status", 2), ("you saw active", 4), ("a.b", 3), ("  ", 0), ("é", 1), ("{}[]", 4), ("1234567890", 3),
     ("漢字です", 4), ("naïve", 3), ("a_bc", 1)],
)  # fmt: skip
def test_tokens(text: str, count: int) -> None:
    assert tokens(text) == count


@given(NASTY)
def test_what_others_wrote_is_one_quoted_line(text: str) -> None:
    quoted = quote(text)
    assert quoted[0] == quoted[-1] == '"'
    assert quoted.count('"') == 2
    assert len(quoted) <= limits.QUOTE_CHARS + 2
    assert quoted.isprintable(), repr(quoted)


def test_limit_quote_chars() -> None:
    bound = limits.QUOTE_CHARS
    assert quote("x" * bound) == f'"{"x" * bound}"'
    assert quote("x" * (bound + 1)) == f'"{"x" * (bound - 1)}…"'


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "empty"), ("at_risk", "at_risk"), ("two words", '"two words"'), ("", '""'), (1.5, "1.5"), (True, "true"),
     ([1], "[1]"), ({"a": None}, '{"a":null}'), ("x" * 40, "x" * 31 + "…"), ("a\nb", '"a\\nb"')],
)  # fmt: skip
def test_values_are_shown_bare_or_as_json(value: Any, shown: str) -> None:
    assert show(value) == shown


def test_lists_are_cut_and_counted() -> None:
    assert listed([]) == ""
    assert listed(["a", "b", "c"], 3) == "a, b, c"
    assert listed(["a", "b", "c"], 1) == "a and 2 more"
    assert suggestion(None) == ""
    assert suggestion("status") == "; did you mean 'status'?"


def test_why_a_proposal_waits_is_cut_rather_than_left_out() -> None:
    condition = " && ".join(f"customer.field_{number} == {number}" for number in range(20))
    finding = Finding("rule.wait_for_it", f"The rule 'wait for it' applies: {condition}", severity="queue")
    waiting = Decision(
        id="p",
        outcome="pending",
        revision=1,
        at=0,
        definition=1,
        ticket="$queue/q1",
        findings=(finding,),
        next="It waits for its turn until 2030-01-01T00:00:00Z: wait for $queue/q1, or withdraw it.",
    )
    text = waiting.explain()
    assert "rule.wait_for_it: The rule 'wait for it' applies:" in text
    assert "more" not in text
    assert tokens(text) <= limits.ANSWER_TOKENS
