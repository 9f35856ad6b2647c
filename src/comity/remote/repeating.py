"""Asking again: what is safe to repeat is, for a while, until an answer comes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from time import monotonic, sleep
from typing import Final

import msgspec

from comity import limits, operations
from comity.errors import ComityError, OutcomeUnknown, StoreUnavailable
from comity.operations import BY_REQUEST, Request
from comity.remote.wire import Broken, NotSent, Reply, Wire

_FIRST_REST_S: Final = 0.02
_LONGEST_REST_S: Final = 1.0
_BUSY: Final = 429
_SAME: Final = (
    operations.WithdrawIntent,
    operations.Acknowledge,
    operations.Confirm,
    operations.RenewLease,
    operations.ReleaseLease,
    operations.Unwatch,
    operations.ResetConsumer,
    operations.ForgetConsumer,
    operations.Split,
)
"""The requests that are the same attempt, or bring about the same, however often they are made."""
_NAMED: Final[Mapping[type[Request], str]] = {
    operations.Announce: "intent",
    operations.Consume: "holder",
    operations.TakeLease: "hold",
    operations.Start: "key",
}
"""The requests that are one attempt where they name something of their caller's."""


class Attempt(msgspec.Struct, frozen=True):
    """Be a request with what it takes to repeat it: its id, if it has one, and whether it may be at all."""

    request: Request
    id: str
    is_repeatable: bool


def attempt_of(request: Request, make_id: Callable[[], str]) -> Attempt:
    """Return a request under an id, which is made where it could have one and has none (S7)."""
    if isinstance(request, operations.Propose):
        return Attempt(request, request.proposal.id, True)
    if isinstance(request, operations.Split):
        return Attempt(request, request.proposal.id, True)
    if "id" in request.__struct_fields__:
        if getattr(request, "id", None) is None:
            request = msgspec.structs.replace(request, id=make_id())
        return Attempt(request, getattr(request, "id", ""), True)
    naming = _NAMED.get(type(request))
    if naming is not None:
        return Attempt(request, "", getattr(request, naming) is not None)
    return Attempt(request, "", isinstance(request, _SAME) or BY_REQUEST[type(request)].permission == "read")


def rests() -> Iterator[float]:
    """Yield how long to rest before each further attempt, in seconds: longer each time, and never all at once."""
    rest = _FIRST_REST_S
    while True:
        yield rest * (0.5 + random.random() / 2)
        rest = min(rest * 2, _LONGEST_REST_S)


class Repeating:
    """Exchange requests over a wire, again where that is safe, for ``limits.REMOTE_RETRY_S``."""

    def __init__(self, wire: Wire, headers: Mapping[str, str]) -> None:
        self._wire = wire
        self._headers = {**headers, "Content-Type": "application/json"}

    def ask(self, attempt: Attempt, body: bytes, patience_s: float = 0.0) -> Reply:
        """Return the reply to a request of the table.

        Raises StoreUnavailable where nothing was done, OutcomeUnknown where it may have been.
        """
        path = f"/operations/{BY_REQUEST[type(attempt.request)].name}"
        until, is_sent = monotonic() + limits.REMOTE_RETRY_S, False
        for rest_s in rests():
            try:
                reply = self._wire.exchange(
                    "POST", path, self._headers, body, patience_s=patience_s, fresh=not attempt.is_repeatable
                )
                if reply.status != _BUSY or monotonic() >= until:
                    return reply
                rest_s = _told_rest(reply, rest_s)
            except NotSent as error:
                if monotonic() >= until:
                    raise self._given_up(attempt, error, is_sent=is_sent) from None
            except Broken as error:
                is_sent = True
                if not attempt.is_repeatable or monotonic() >= until:
                    raise self._given_up(attempt, error, is_sent=True) from None
            sleep(rest_s)
        raise AssertionError  # pragma: no cover - rests never end

    def _given_up(self, attempt: Attempt, error: Exception, *, is_sent: bool) -> ComityError:
        name, why = BY_REQUEST[type(attempt.request)].name, f"{str(error) or type(error).__name__}"
        if not is_sent or BY_REQUEST[type(attempt.request)].permission == "read":
            return StoreUnavailable(f"{self._wire.address} can't be reached, and nothing was done: {why}")
        if attempt.id:
            again = f"ask again with the same id, {attempt.id}"
        else:
            again = "look whether it was done before you ask again"
        return OutcomeUnknown(f"the answer to '{name}' was lost ({why}): {again}", proposal=attempt.id)


def _told_rest(reply: Reply, rest_s: float) -> float:
    told = reply.retry_after or ""
    return max(rest_s, min(float(told), limits.REMOTE_RETRY_S)) if told.isdecimal() else rest_s
