"""News as text, and the proof that they arrived."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity import limits
from comity.errors import ReadsLost
from comity.model.decisions import Decision
from comity.model.news import News, NewsItem, Presence, Receipts
from comity.model.texts import tokens

MINUTE = 60_000_000


def item(number: int = 0, **given: object) -> NewsItem:
    return NewsItem(f"customer/c{number}", f"{number}.0", "customer.updated", "support", 0, **given)  # type: ignore[arg-type]


BROKEN = item(1, now={"status": "at_risk"}, reason="escalation", is_broken=True)


@pytest.mark.parametrize(
    ("news", "text"),
    [
        (
            News(17, 2 * MINUTE, (BROKEN,)),
            "News since you last looked:\n"
            'customer/c1 status is now at_risk, by support 2 min ago: "escalation" (you read this)\n'
            "Next: look at customer/c1 again and decide again; accept=17 says that you have seen it.",
        ),
        (
            News(17, MINUTE, (item(2, now={"a": 1, "b": 2, "c": None, "d": 4}),)),
            "News since you last looked:\n"
            "customer/c2 a is now 1, b is now 2, c is now empty and 1 more, by support 1 min ago",
        ),
        (
            News(17, MINUTE, (item(3),)),
            "News since you last looked:\ncustomer/c3 customer.updated happened, by support 1 min ago",
        ),
        (
            News(17, MINUTE, (), (Presence("customer/acme", "support", 0, 3 * MINUTE, "close", "ticket 42", True),)),
            "Active here:\nsupport is active on customer/acme (close) since 1 min, for 2 min more,"
            ' and asks others to keep off: "ticket 42"',
        ),
        (
            News(
                17, 0, (), (Presence("customer/acme", "ops", 0, 2 * MINUTE, plan="audit", holds="customer/acme.tier"),)
            ),
            'Active here:\nops holds customer/acme.tier for 2 min more: "audit"',
        ),
    ],
    ids=["broken", "many fields", "no field", "presence", "pin"],
)
def test_news_say_who_did_what_when_and_what_to_do(news: News, text: str) -> None:
    assert str(news) == text


def test_what_breaks_a_read_comes_before_who_is_active_and_that_before_the_rest() -> None:
    news = News(17, MINUTE, (BROKEN, item(2, now={"a": 1})), (Presence("customer/c9", "ann", 0, 2 * MINUTE),), more=3)
    lines = str(news).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["customer/c1", "ann", "customer/c2"]
    assert lines[4] == "and 3 more"
    assert news.broken == (BROKEN,)


def test_news_that_are_none_are_false() -> None:
    assert not News(17)
    assert News(17, more=1)


def test_s17_news_take_no_more_than_the_tokens_of_an_answer() -> None:
    items = tuple(item(n, now={"status": "x" * 200}, reason="because " * 100, is_broken=n < 5) for n in range(20))
    present = tuple(Presence("customer/acme", f"agent-{n}", 0, MINUTE, "act", "plan " * 50) for n in range(20))
    news = News(10**9, MINUTE, items, present, more=99)
    assert tokens(str(news)) <= limits.ANSWER_TOKENS
    assert "more" in str(news)


def test_a_decision_prints_its_news() -> None:
    decision = Decision(
        id="p", outcome="refused", revision=17, at=0, definition=0, next="Go on.", news=News(17, MINUTE, (BROKEN,))
    )
    assert str(decision).endswith(str(decision.news))


# -- receipts


def test_s17_what_was_not_proven_is_told_again() -> None:
    receipts = Receipts()
    first, second = receipts.offer(3), receipts.offer(5)
    assert receipts.cursor == -1
    receipts.confirm(first)
    assert (receipts.cursor, receipts.offered) == (3, 5)
    receipts.confirm(first)
    assert receipts.cursor == 3
    receipts.confirm(second)
    assert receipts.cursor == 5


@pytest.mark.parametrize("count", [-1, 1, 4])
def test_s17_a_number_that_does_not_match_is_refused_as_reads_lost(count: int) -> None:
    receipts = Receipts()
    for revision in (3, 5, 5):
        receipts.offer(revision)
    receipts.confirm(2)
    with pytest.raises(ReadsLost, match=r"freshness\.reads_lost: this intent has given 3 answers"):
        receipts.confirm(count)
    assert receipts.cursor == 5


def test_s17_answers_beyond_the_bound_are_proven_only_by_the_last_of_them() -> None:
    receipts = Receipts()
    for revision in range(limits.UNPROVEN_ANSWERS + 10):
        receipts.offer(revision)
    receipts.confirm(limits.UNPROVEN_ANSWERS + 5)
    assert receipts.cursor == limits.UNPROVEN_ANSWERS - 1
    receipts.confirm(receipts.count)
    assert receipts.cursor == receipts.offered == limits.UNPROVEN_ANSWERS + 9


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
def test_s17_the_cursor_is_that_of_the_last_answer_known_to_have_arrived(steps: list[tuple[bool, int]]) -> None:
    receipts, told, head, proven = Receipts(), [-1], 0, 0
    for is_answer, number in steps:
        if is_answer:
            head += number
            assert receipts.offer(head) == len(told)
            told.append(head)
        elif proven <= proven + number < len(told):
            proven += number
            receipts.confirm(proven)
        assert receipts.cursor == told[proven]
