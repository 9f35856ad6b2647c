"""Deliveries: one try to have an effect done, by a handler in Python or by a webhook, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import Clock, parse_time
from comity.errors import InvalidRequest, Undeliverable
from comity.model.codec import encode
from comity.model.definition import WebhookDefinition
from comity.model.records import RecordState
from comity.outbound import Answer, CloudEvent, Outcome, Unanswered, send, source_of

_TYPE: Final = "comity.effect"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Be what a handler gets: an effect that has just been released.

    ``key`` is made of meaning and the same at every try, so that whoever receives it can
    drop repeats (S35); ``attempt`` counts the tries, this one included. ``is_uncertain`` tells
    that an earlier one may have arrived unheard.
    """

    key: str
    effect: str
    target: str | None
    data: dict[str, Any]
    agent: str
    action: str | None
    reason: str | None
    wanted_at: str
    attempt: int
    is_uncertain: bool


Handler = Callable[[Delivery], object]
"""Do an effect. What it returns is kept as the answer; raising is a try that failed.

:class:`comity.Undeliverable` tells that no other try would help.
"""


class Tried(msgspec.Struct, frozen=True):
    """Be what came of a try: an answer, or an error.

    ``value`` is what a handler returned, as it is. ``retry_after_s`` is how long the
    receiver wants to be left alone.
    """

    answer: str | None = None
    value: Any = None
    error: str | None = None
    exception: BaseException | None = None
    is_final: bool = False
    is_uncertain: bool = False
    retry_after_s: float | None = None


def delivery_of(effect: RecordState) -> Delivery:
    """Return what a handler gets of an effect that has been released."""
    values = effect.values
    return Delivery(
        key=effect.id,
        effect=values["effect"],
        target=values.get("target"),
        data=values.get("data") or {},
        agent=values["agent"],
        action=values.get("action"),
        reason=values.get("reason"),
        wanted_at=values["wanted_at"],
        attempt=values["attempts"],
        is_uncertain=values.get("is_uncertain") or False,
    )


def attempt(handler: Handler, delivery: Delivery) -> Tried:
    """Return what came of handing an effect to a handler. A try that is cut off by the system isn't one that failed."""
    try:
        value = handler(delivery)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is told, and tried again
        return _failed(error)
    return _unbegun(value) or Tried(answer=_shown(value), value=value)


def _unbegun(value: object) -> Tried | None:
    """Return that a handler has handed back what somebody would have to await: here nobody does."""
    if not isinstance(value, Awaitable):
        return None
    is_unbegun = isinstance(value, Coroutine)
    if is_unbegun:
        value.close()
    told = "nothing was done" if is_unbegun else "nobody knows what comes of it"
    error = f"its handler returned an awaitable, so {told}: give a function that calls asyncio.run"
    return Tried(error=error, is_uncertain=not is_unbegun)


async def attempt_async(handler: Callable[[Delivery], Awaitable[object]], delivery: Delivery) -> Tried:
    """Return the same of a handler that is awaited."""
    try:
        value = await handler(delivery)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is told
        return _failed(error)
    return Tried(answer=_shown(value), value=value)


def _failed(error: Exception) -> Tried:
    """Return a try that failed. It may have done its work before; unless it says otherwise only its receiver knows."""
    if isinstance(error, Undeliverable):
        return Tried(error=_text_of(error), exception=error, is_final=True)
    return Tried(error=f"{type(error).__name__}: {_text_of(error)}", exception=error, is_uncertain=True)


def by_webhook(webhook: WebhookDefinition, source: str, clock: Clock) -> Handler:
    """Return a handler that sends effects to a webhook of the definition, signed, as CloudEvents.

    ``source`` names the workspace. An effect's key is the message's id.
    """

    def deliver(delivery: Delivery) -> object:
        event = CloudEvent(
            id=delivery.key,
            source=source_of(source),
            type=f"{_TYPE}.{delivery.effect}",
            subject=delivery.target or "",
            at=parse_time(delivery.wanted_at),
            data=msgspec.to_builtins(delivery),
        )
        return send(webhook, event, environment=os.environ, now_us=clock.wall_us())

    return deliver


def heard(tried: Tried, webhook: str) -> Tried:
    """Return what a try by webhook comes to: its receiver may have refused, or asked for another time."""
    outcome: Outcome | Any = tried.value
    if isinstance(outcome, Unanswered):
        return Tried(error=_clean(f"webhook {webhook}: {outcome.message}"), is_uncertain=outcome.may_have_arrived)
    if isinstance(outcome, Answer):
        said = f"{outcome.status} {outcome.text}".strip()
        if outcome.is_delivered:
            return Tried(answer=_clean(said))
        is_refused = outcome.verdict == "refused"
        error = _clean(f"the receiver of webhook {webhook} {'refused it' if is_refused else 'put it off'}: {said}")
        return Tried(error=error, is_final=is_refused, retry_after_s=outcome.retry_after_s)
    if isinstance(tried.exception, InvalidRequest):
        return msgspec.structs.replace(tried, is_uncertain=False)
    return tried


def missing_secrets(webhook: WebhookDefinition) -> list[str]:
    """Return the environment variables that a webhook's secrets are to be in, and that hold nothing."""
    return [name for name in webhook.secret_env if not os.environ.get(name)]


def webhooks_of(webhooks: tuple[WebhookDefinition, ...]) -> Mapping[str, WebhookDefinition]:
    """Return the webhooks of a definition by their names."""
    return {webhook.name: webhook for webhook in webhooks}


def _text_of(error: Exception) -> str:
    """Return what an error says: it is somebody else's class, so that even asking it may raise."""
    try:
        return _clean(str(error)) or type(error).__name__
    except Exception:  # noqa: BLE001 - the try has failed, whatever its error is like
        return type(error).__name__


def _shown(value: object) -> str | None:
    """Return what a handler returned as a short text; None for nothing."""
    if value is None:
        return None
    if isinstance(value, str):
        return _clean(value)
    for shown in (lambda: encode(value).decode(), lambda: repr(value)):
        try:
            return _clean(shown())
        except Exception:  # noqa: BLE001 - it is done, whatever its answer is like
            continue
    return f"a {type(value).__name__}"


def _clean(text: str) -> str:
    """Return a text as it can be kept: none of what is no character, and not too long."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[: limits.EFFECT_ANSWER_CHARS]
