"""Counting what is there."""

from __future__ import annotations

import pytest

import comity


def test_what_is_counted(base: comity.Workspace) -> None:
    empty = base.stats()
    assert (empty.revision, empty.records, empty.last_commit_at) == (0, {}, None)
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    ann.put("task/b", n=1)
    ann.put("memo/a", n=1)
    ann.delete("task/b", accept=3)
    with pytest.raises(comity.NotCommitted):
        ann.set("task/none", n=1)
    answer = base.stats()
    assert (answer.revision, answer.commits, answer.events, answer.refusals) == (4, 4, 4, 1)
    assert answer.records["task"] in (1, 2)
    assert answer.last_commit_at == "2023-11-14T22:13:20Z"
    assert answer.bytes > 0
    assert answer.url == base.url
