"""Every error that Comity raises, as one tree, and how to act on each.

    ComityError
    ├── NotCommitted            a proposal was decided, and not committed; carries the decision
    │   ├── Conflict            something that it read has changed (the ``freshness`` check refused)
    │   ├── Refused             another check refused it
    │   └── Pending             it waits: in a queue, for an owner or for a human
    ├── InvalidRequest          the call itself is wrong; correct it
    │   ├── InvalidReference    not a ``kind/id``
    │   ├── InvalidQuery        a filter, an order or a cursor that can't be understood
    │   ├── InvalidDefinition   a definition with problems; names them all, each with its place
    │   ├── InvalidExpression   a CEL expression with a problem, with its position
    │   └── LimitExceeded       larger than a bound of ``comity.limits``
    ├── NotFound                a record, revision, event, kind, field or file that isn't there
    ├── NotPermitted            the caller may not do this
    │   ├── UnknownAgent        no such agent is declared; names the nearest one
    │   └── InvalidSignature    a webhook isn't from whom it claims to be from
    ├── DefinitionChanged       the definition given differs from the one in the base
    ├── OutcomeUnknown          the answer was lost; ask again with the same id
    ├── ReadsLost               an intent goes on from answers that its agent doesn't have; read again
    ├── CursorLost              the base was restored: the feed doesn't go on from this cursor; start again
    ├── ConsumerTaken           somebody else reads under this consumer's name; wait until they leave
    ├── NotDone                 a gated call has no value: it is held, or the same was wanted before
    ├── Undeliverable           raised by a handler of an effect: no other try would help
    └── StoreError              the store failed; nothing was half-done
        ├── StoreUnavailable    busy, locked or unreachable: try again
        ├── StoreFull           no room left on the disk
        ├── StoreDamaged        not a Comity base, or a damaged one
        └── StoreUnsupported    a library or a schema that this version can't work with

A refusal is an answer, not a fault: ``propose()`` returns it as a value, and only the
short forms (``with agent.edit(...)``, ``agent.put(...)``) raise it. ``retry`` tells what
a repeat can bring: ``"never"`` (correct the call first), ``"reread"`` (look again, decide
again), ``"same"`` (the very same call is safe and may succeed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from comity.model.decisions import Decision

Retry = Literal["never", "reread", "same"]


class ComityError(Exception):
    """Be the root of all errors of Comity.

    ``code`` is stable and meant for programs; the text is meant for people and models.
    """

    code: ClassVar[str] = "error"
    retry: Retry = "never"


class NotCommitted(ComityError):
    """Carry a decision that didn't commit.

    ``decision`` holds the findings, what changed, and the next moves.
    """

    code = "not_committed"

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.decision = decision

    def __str__(self) -> str:
        return self.decision.explain()


class Conflict(NotCommitted):
    """Tell that something which the proposal relied on has changed since it was read."""

    code = "conflict"
    retry = "reread"


class Refused(NotCommitted):
    """Tell that a check refused the proposal; ``retry`` is what its findings leave open."""

    code = "refused"

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.retry = decision.retry


class Pending(NotCommitted):
    """Tell that the proposal waits for its turn, for an owner or for a human."""

    code = "pending"
    retry = "same"


class InvalidRequest(ComityError):
    """Tell that a call is wrong in itself, whatever the base holds."""

    code = "invalid"


class InvalidReference(InvalidRequest):
    """Tell that a text is no ``kind/id``."""

    code = "invalid_reference"


class InvalidQuery(InvalidRequest):
    """Tell that a filter, an order or a cursor can't be understood."""

    code = "invalid_query"


class InvalidDefinition(InvalidRequest):
    """Name every problem of a definition at once.

    ``problems`` is a tuple of lines such as ``comity.toml:12 kinds.customer.owner: …``.
    """

    code = "invalid_definition"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class InvalidExpression(InvalidRequest):
    """Tell what is wrong with a CEL expression, and where.

    ``position`` is the offset in characters, or None where the whole is meant.
    """

    code = "invalid_expression"

    def __init__(self, message: str, *, position: int | None = None, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.position = position
        self.hint = hint


class LimitExceeded(InvalidRequest):
    """Tell that something is larger than a bound of :mod:`comity.limits`."""

    code = "limit_exceeded"


class NotFound(ComityError):
    """Tell that what was asked for isn't there."""

    code = "not_found"


class NotPermitted(ComityError):
    """Tell that the caller may not do this, and who may."""

    code = "not_permitted"


class UnknownAgent(NotPermitted):
    """Tell that no agent of this name is declared."""

    code = "unknown_agent"


class InvalidSignature(NotPermitted):
    """Tell that a webhook isn't known to be from whom it claims: don't act on it."""

    code = "invalid_signature"


class DefinitionChanged(ComityError):
    """Tell that the definition given and the one in the base differ."""

    code = "definition_changed"


class OutcomeUnknown(ComityError):
    """Tell that an answer was lost on its way.

    Proposing again with the id in ``proposal`` is always safe: the same id is the same
    attempt, and gets the answer that the first one got. It is empty for a request to a server
    that has no id: look whether that was done before repeating it.
    """

    code = "unknown"
    retry = "same"

    def __init__(self, message: str, *, proposal: str) -> None:
        super().__init__(message)
        self.proposal = proposal


class ReadsLost(ComityError):
    """Tell that an intent can't go on from where its agent is: what it read was lost, or was never shown (S17).

    Open a new intent, and read again.
    """

    code = "reads_lost"
    retry = "reread"


class Undeliverable(ComityError):
    """Tell, from a handler, that an effect can't be done and no other try would help: it is put aside."""

    code = "undeliverable"


class NotDone(ComityError):
    """Tell that a gated call hasn't been done by its caller, so that there is no value: it is held, or taken.

    The text says how its effect stands, and what to do.
    """

    code = "not_done"


class CursorLost(ComityError):
    """Tell that the feed doesn't go on from a cursor: the base was restored, and its log is another one since (S1).

    Start again from the beginning, or from a revision that is known to be the same in both
    lives; ``revision`` is that of the last commit.
    """

    code = "cursor_lost"

    def __init__(self, message: str, *, revision: int) -> None:
        super().__init__(message)
        self.revision = revision


class ConsumerTaken(ComityError):
    """Tell that somebody else reads as this consumer: wait until they leave, or until they are gone for a while."""

    code = "consumer_taken"
    retry = "same"


class StoreError(ComityError):
    """Tell that the store failed. Nothing was half-done."""

    code = "store_error"


class StoreUnavailable(StoreError):
    """Tell that the store is busy, locked or unreachable for now."""

    code = "store_unavailable"
    retry = "same"


class StoreFull(StoreError):
    """Tell that the disk has no room left. Make room, then repeat the same call."""

    code = "store_full"
    retry = "same"


class StoreDamaged(StoreError):
    """Tell that a file isn't a Comity base, or is damaged."""

    code = "store_damaged"


class StoreUnsupported(StoreError):
    """Tell that a library or a schema version can't be worked with."""

    code = "store_unsupported"


class UnreadDecision(Warning):
    """Warn that the answer of ``propose()`` was dropped without a look at it."""


class UnproposedChanges(Warning):
    """Warn that an intent was dropped with changes that it never proposed."""


class SecretMissing(Warning):
    """Warn that a process is to deliver by webhook and lacks the secret: it leaves these to others."""


class EffectUndeclared(Warning):
    """Warn that a process has a handler for an effect that the definition doesn't declare, or not yet."""


class DefinitionDiffers(Warning):
    """Warn that ``open()`` was given a definition that isn't the one in the base."""
