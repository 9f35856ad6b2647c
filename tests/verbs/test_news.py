"""News as an operation: for whoever keeps a cursor of their own."""

from __future__ import annotations

import pytest

import comity
from comity import limits
from comity.operations import TellNews


def test_news_of_records_between_two_revisions(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    bob.put("task/b", n=1)
    bob.add("task/a", n=1)
    bob.add("task/a", n=1)
    assert [(item.record, item.now) for item in ann.news("task/a", "task/b", since=1).items] == [
        ("task/a", {"n": 3}),
        ("task/b", {"$life": "live", "n": 1}),
    ]
    assert [item.event for item in ann.news("task/a", since=1, until=3).items] == []
    assert not ann.news("task/a", since=4)
    assert str(base.answer(TellNews(records=("task/a",), since=4))) == "No news up to revision 4."
    assert str(base.answer(TellNews(records=("task/a",), since=3))).startswith("News since you last looked:")


def test_s30_what_was_never_written_is_told_where_there_is_no_news(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/acme", n=1)
    told = ann.answer(TellNews(records=("task/acme", "task/acne")))
    assert told.unknown == ("there is no record task/acne; did you mean 'task/acme'?",)
    assert str(told) == "No news up to revision 1.\n  there is no record task/acne; did you mean 'task/acme'?"
    assert str(ann.news("task/acme")) == "No news up to revision 1."
    with pytest.raises(comity.NotFound, match="there is no kind 'tsk'; did you mean 'task'"):
        ann.news("tsk/acme")


def test_reads_that_are_named_are_told_apart(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    ann.put("task/b", n=1)
    bob.add("task/a", n=1)
    bob.add("task/b", n=1)
    request = TellNews(records=("task/a", "task/b"), since=2, read={"task/b": {"n": 2}})
    news = ann.answer(request).news
    assert [(item.record, item.is_broken) for item in news.items] == [("task/b", True), ("task/a", False)]


@pytest.mark.parametrize(
    ("request_", "error", "problem"),
    [
        (TellNews(records=("task/a",), since=2, until=1), comity.InvalidRequest, "name the earlier one as since"),
        (TellNews(records=("task",)), comity.InvalidReference, "write kind/id"),
        (TellNews(records=()), comity.InvalidRequest, "name at least one record"),
        (TellNews(records=(), arrived=("task",)), comity.InvalidReference, "write kind/id"),
        (TellNews(records=("t/a",) * (limits.READS_PER_PROPOSAL + 1)), comity.LimitExceeded, "can be looked at"),
        (TellNews(records=("task/a",), until=9), comity.NotFound, "there is no revision 9"),
    ],
)
def test_what_makes_no_sense_is_told(
    base: comity.Workspace, request_: TellNews, error: type[Exception], problem: str
) -> None:
    base.agent("ann").put("task/a", n=1)
    base.agent("ann").add("task/a", n=1)
    with pytest.raises(error, match=problem):
        base.answer(request_)
