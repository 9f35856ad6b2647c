"""Each checker finds what it is for: a fault planted in the product, or in what a run wrote down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from comity.deciding.gates import freshness, lease, override, ownership, queue
from comity.deciding.pipeline import AFTER_DRAFT
from comity.feed import read_bite as read_true_bite
from comity.model.events import Event
from comity.testing.simulation import CHECKERS, History, examine, stage

SEEDS = range(7_000, 7_040)
"""A fault that these don't meet isn't looked for well enough."""

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def play() -> Iterator[Callable[[int], History]]:
    with stage() as play:
        yield play


@pytest.fixture(scope="module")
def history(play: Callable[[int], History]) -> History:
    """Return the first run in which an e-mail arrived and a workflow was done."""
    return next(history for history in map(play, SEEDS) if history.received and history.happened["$workflow done"])


def without(gate: Any) -> Plant:
    """Plant the fault of a check that is never asked."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        left = tuple(one for one in AFTER_DRAFT if one is not gate.judge)
        assert len(left) == len(AFTER_DRAFT) - 1
        patch.setattr("comity.deciding.pipeline.AFTER_DRAFT", left)

    return plant


def release_blindly(patch: pytest.MonkeyPatch) -> None:
    """Have effects released without a look at what they rest on."""

    def release_of(proposal: Any, *_: Any) -> Any:
        return msgspec.structs.replace(proposal, changes=(), reads=(), action="price", effects=())

    patch.setattr("comity.coordinator.releases.release_of", release_of)


def forget_keys(patch: pytest.MonkeyPatch) -> None:
    """Have each wish for an effect get a key of its own, whatever it means."""
    numbers = iter(range(1_000_000))
    patch.setattr("comity.deciding.effects.key_of", lambda name, *_, **__: f"{name}~{next(numbers)}")


def expire_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("comity.coordination.duties.Duties._tell_expired", lambda self, most: 0)


def tell_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("comity.workspace.session.tell_intent", lambda engine, glance, read: None)


def skip_items(patch: pytest.MonkeyPatch) -> None:
    """Have the feed leave out what is last in a page of several."""

    def read_bite(snapshot: Any, selection: Any, after: int, limit: int) -> Any:
        bite = read_true_bite(snapshot, selection, after, limit)
        return msgspec.structs.replace(bite, items=bite.items[:-1]) if len(bite.items) > 1 else bite

    patch.setattr("comity.verbs.feed.read_bite", read_bite)


PLANTED: dict[str, tuple[Plant, str]] = {
    "a read isn't checked again": (without(freshness), "updates"),
    "leases aren't looked at": (without(lease), "leases"),
    "owners aren't looked at": (without(ownership), "owners"),
    "overrides aren't looked at": (without(override), "overrides"),
    "who comes late isn't sent to the end of the line": (without(queue), "lines"),
    "effects are released blindly": (release_blindly, "releases"),
    "each wish has a key of its own": (forget_keys, "deliveries"),
    "nothing expires": (expire_nothing, "waits"),
    "nobody is told anything": (tell_nothing, "news"),
    "the feed leaves something out": (skip_items, "feed"),
}
"""What is broken in the product, and who has to notice."""


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_in_the_product_is_found(
    fault: str, play: Callable[[int], History], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, checker = PLANTED[fault]
    plant(monkeypatch)
    assert any(examine(play(seed), [checker]) for seed in SEEDS), f"{checker} noticed nothing"


def lose_a_commit(history: History) -> History:
    """Take the last acknowledged commit out of the log."""
    entries = history.log.entries
    acknowledged = {one.decision.revision for one in history.asked if one.decision and one.decision.events}
    last = max(revision for revision in acknowledged)
    left = tuple(entry for entry in entries if entry[0].revision != last)
    return msgspec.structs.replace(history, log=msgspec.structs.replace(history.log, entries=left))


def answer_otherwise(history: History) -> History:
    """Have one proposal answered once more, as another commit."""
    first = next(one for one in history.asked if one.proposal and one.decision and one.decision.is_committed)
    assert first.decision is not None
    again = msgspec.structs.replace(
        first, decision=msgspec.structs.replace(first.decision, revision=first.decision.revision + 1)
    )
    return msgspec.structs.replace(history, asked=[*history.asked, again])


def show_falsely(history: History) -> History:
    """Have somebody shown a value that never was."""
    shown = msgspec.structs.replace(history.shown[0], values={**history.shown[0].values, "name": "Nobody"})
    return msgspec.structs.replace(history, shown=[shown, *history.shown[1:]])


def send_again(history: History) -> History:
    """Have an e-mail arrive once more, under the same try."""
    return msgspec.structs.replace(history, received=[*history.received, history.received[0]])


def send_unasked(history: History) -> History:
    """Have an e-mail arrive that nobody wanted."""
    stray = msgspec.structs.replace(history.received[0], key="email~nobody")
    return msgspec.structs.replace(history, received=[*history.received, stray])


def leave_out_a_step(history: History) -> History:
    """Take what the last step of each workflow did out of the log, as if it had only been said to be done."""
    entries = tuple(
        (commit, tuple(event for event in events if not _files(event))) for commit, events in history.log.entries
    )
    return msgspec.structs.replace(history, log=msgspec.structs.replace(history.log, entries=entries))


def _files(event: Event) -> bool:
    return event.type == "renewal.updated" and event.payload is not None and "filed" in event.payload.was


WRITTEN_DOWN: dict[str, tuple[Callable[[History], History], str]] = {
    "a commit is lost": (lose_a_commit, "updates"),
    "one id has two answers": (answer_otherwise, "answers"),
    "somebody is shown what never was": (show_falsely, "answers"),
    "an e-mail is sent twice": (send_again, "deliveries"),
    "an e-mail is sent that nobody wanted": (send_unasked, "deliveries"),
    "a step of a workflow is left out": (leave_out_a_step, "workflows"),
}
"""What a run would have written down if something else had been broken, and who has to notice."""


@pytest.mark.parametrize("fault", WRITTEN_DOWN)
def test_a_fault_in_what_happened_is_found(fault: str, history: History) -> None:
    tamper, checker = WRITTEN_DOWN[fault]
    assert not examine(history, [checker])
    assert examine(tamper(history), [checker])


def test_every_checker_is_shown_to_find_something() -> None:
    assert {checker for _, checker in (*PLANTED.values(), *WRITTEN_DOWN.values())} == set(CHECKERS)
