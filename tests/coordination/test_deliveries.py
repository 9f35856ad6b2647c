"""One try to have an effect done, and what came of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from comity import Delivery, limits
from comity.coordination.deliveries import Tried, attempt, attempt_async, delivery_of, heard
from comity.errors import InvalidRequest, Undeliverable
from comity.model.records import RecordState
from comity.outbound import Answer, Unanswered

DELIVERY = Delivery(
    key="email~1",
    effect="email",
    target=None,
    data={},
    agent="sales",
    action=None,
    reason=None,
    wanted_at="2026-11-24T10:00:00Z",
    attempt=1,
    is_uncertain=False,
)


def test_a_handler_gets_what_is_known_of_an_effect() -> None:
    values = {"effect": "email", "agent": "sales", "wanted_at": "2026-11-24T10:00:00Z", "attempts": 1}
    assert delivery_of(RecordState("$effect", "email~1", values=values)) == DELIVERY


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, None),
        ("sent", "sent"),
        ({"id": 7}, '{"id":7}'),
        (object, "<class 'object'>"),
        ("\0\udc80", "?"),
        ("x" * (limits.EFFECT_ANSWER_CHARS + 1), "x" * limits.EFFECT_ANSWER_CHARS),
    ],
)
def test_what_it_returns_is_kept_as_a_text(value: Any, answer: str | None) -> None:
    assert attempt(lambda _: value, DELIVERY) == Tried(answer=answer, value=value)


class Mute(Exception):
    """Be an error that can't even be asked what it says."""

    def __str__(self) -> str:
        raise RuntimeError


def fail(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("error", "told", "is_final", "is_uncertain"),
    [
        (ValueError("engaged"), "ValueError: engaged", False, True),
        (ValueError(), "ValueError: ValueError", False, True),
        (Mute(), "Mute: Mute", False, True),
        (Undeliverable("no such number"), "no such number", True, False),
    ],
)
def test_what_it_raises_is_a_try_that_failed(error: Exception, told: str, is_final: bool, is_uncertain: bool) -> None:
    async def fail_later(_: Delivery) -> None:
        fail(error)

    expected = Tried(error=told, exception=error, is_final=is_final, is_uncertain=is_uncertain)
    assert attempt(lambda _: fail(error), DELIVERY) == expected
    assert asyncio.run(attempt_async(fail_later, DELIVERY)) == expected


def test_an_interrupt_is_no_try_that_failed() -> None:
    with pytest.raises(KeyboardInterrupt):
        attempt(lambda _: fail(KeyboardInterrupt()), DELIVERY)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Answer(200, "delivered", None, "ok"), Tried(answer="200 ok")),
        (Answer(503, "later", 7.0, ""), Tried(error="the receiver of webhook crm put it off: 503", retry_after_s=7.0)),
        (
            Answer(410, "refused", None, "gone"),
            Tried(error="the receiver of webhook crm refused it: 410 gone", is_final=True),
        ),
        (Unanswered("no such host", False), Tried(error="webhook crm: no such host")),
        (Unanswered("it timed out", True), Tried(error="webhook crm: it timed out", is_uncertain=True)),
    ],
)
def test_what_a_receiver_answers_is_told_apart(outcome: Answer | Unanswered, expected: Tried) -> None:
    assert heard(Tried(value=outcome), "crm") == expected


def test_what_was_never_sent_is_certain() -> None:
    tried = Tried(error="the variable HOOK is empty", exception=InvalidRequest("HOOK"), is_uncertain=True)
    assert not heard(tried, "crm").is_uncertain


def test_an_answer_that_cannot_even_be_shown_is_no_failure() -> None:
    class Detached:
        def __repr__(self) -> str:
            raise RuntimeError("detached")

    tried = attempt(lambda _: Detached(), DELIVERY)
    assert (tried.error, tried.answer) == (None, "a Detached")
