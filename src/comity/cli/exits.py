"""Exit codes, and how an error is told: once, on the standard error, in words or as JSON."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from comity.errors import (
    ComityError,
    DefinitionChanged,
    InvalidRequest,
    NotCommitted,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    Retry,
    StoreError,
)
from comity.model.decisions import Decision
from comity.operations import (
    ApplyAnswer,
    CancelAnswer,
    EraseAnswer,
    ImportAnswer,
    RecordAnswer,
    RevertAnswer,
    RuleTestsAnswer,
    SplitAnswer,
    VerifyAnswer,
)

OK: Final = 0
NOT_COMMITTED: Final = 1
INVALID: Final = 2
NOT_FOUND: Final = 3
NOT_PERMITTED: Final = 4
STORE: Final = 5
PROBLEMS: Final = 6
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

MEANINGS: Final[dict[int, str]] = {
    OK: "done",
    NOT_COMMITTED: "a proposal was refused, or met a conflict, whatever check it was, or a test of rules failed:"
    " the answer says why",
    INVALID: "the call itself is wrong",
    NOT_FOUND: "a record, revision, kind or file that isn't there",
    NOT_PERMITTED: "nobody may act under this name: the agent is unknown, or the key isn't its own",
    STORE: "the store failed; nothing was half-done",
    PROBLEMS: "a verification found problems, lines of an import were not taken, or a schema isn't up to date",
    INTERRUPTED: "interrupted (Ctrl-C)",
    BROKEN_PIPE: "the reader of the output went away",
}

_BY_ERROR: Final[tuple[tuple[type[ComityError], int], ...]] = (
    (NotCommitted, NOT_COMMITTED),
    (DefinitionChanged, NOT_COMMITTED),
    (InvalidRequest, INVALID),
    (NotFound, NOT_FOUND),
    (NotPermitted, NOT_PERMITTED),
    (OutcomeUnknown, STORE),
    (StoreError, STORE),
)


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Be an error as JSON tells it."""

    code: str
    message: str
    retry: Retry
    decision: Decision | None = None
    proposal: str | None = None


class FaultDocument(msgspec.Struct, frozen=True):
    """Be the one JSON document on the standard error."""

    error: Fault


def code_of_error(error: ComityError) -> int:
    """Return the exit code of an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), NOT_COMMITTED)


def fault_of(error: ComityError) -> Fault:
    """Return an error as JSON tells it."""
    return Fault(
        code=error.code,
        message=str(error),
        retry=error.retry,
        decision=error.decision if isinstance(error, NotCommitted) else None,
        proposal=error.proposal if isinstance(error, OutcomeUnknown) else None,
    )


def code_of_answer(answer: Any) -> int:
    """Return the exit code of an answer."""
    match answer:
        case Decision():
            return OK if answer.is_allowed else NOT_COMMITTED
        case ApplyAnswer(decision=Decision() as decision):
            return OK if decision.is_allowed else NOT_COMMITTED
        case RevertAnswer() | SplitAnswer():
            return OK if all(decision.is_allowed for decision in answer.decisions) else NOT_COMMITTED
        case EraseAnswer():
            is_pending = answer.decision.is_committed and not answer.is_done
            return OK if answer.decision.is_allowed and not is_pending else NOT_COMMITTED
        case CancelAnswer():
            return NOT_COMMITTED if answer.left else OK
        case RuleTestsAnswer():
            return NOT_COMMITTED if answer.failed else OK
        case VerifyAnswer():
            return OK if answer.is_clean else PROBLEMS
        case ImportAnswer():
            return PROBLEMS if answer.errors else OK
        case RecordAnswer(life="absent"):
            return NOT_FOUND
        case _:
            return OK
