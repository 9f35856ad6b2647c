from __future__ import annotations

from typing import Any

import msgspec
import pytest

from comity import errors
from comity.cli import exits
from comity.model.decisions import Decision
from comity.operations import ApplyAnswer, CountAnswer, ImportAnswer, LineError, RevertAnswer, VerifyAnswer


def decision(outcome: Any) -> Decision:
    return Decision(id="p", outcome=outcome, revision=1, at=0, definition=0, next="Go on.")


def all_errors(root: type[errors.ComityError]) -> list[type[errors.ComityError]]:
    return [root, *(error for child in root.__subclasses__() for error in all_errors(child))]


@pytest.mark.parametrize("error", all_errors(errors.ComityError), ids=lambda error: error.__name__)
def test_every_error_has_a_documented_code(error: type[errors.ComityError]) -> None:
    made = error.__new__(error)
    assert exits.code_of_error(made) in exits.MEANINGS
    assert exits.code_of_error(made) != exits.OK


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (decision("committed"), 0),
        (decision("allowed"), 0),
        (decision("refused"), 1),
        (decision("pending"), 1),
        (ApplyAnswer(number=1, is_changed=False), 0),
        (ApplyAnswer(number=1, is_changed=False, decision=decision("refused")), 1),
        (RevertAnswer(decisions=(decision("committed"), decision("refused")), reverted=(), left=()), 1),
        (RevertAnswer(decisions=(), reverted=(), left=()), 0),
        (VerifyAnswer(is_clean=True, revision=0, commits=0, events=0, records=0, erased=0, head="0:"), 0),
        (VerifyAnswer(is_clean=False, revision=0, commits=0, events=0, records=0, erased=0, head="0:"), 6),
        (ImportAnswer(lines=1, committed=1, unchanged=0), 0),
        (ImportAnswer(lines=1, committed=0, unchanged=0, errors=(LineError(line=1, record=None, problem="x"),)), 6),
        (CountAnswer(count=0, revision=0, incarnation=""), 0),
    ],
)
def test_codes_of_answers(answer: Any, code: int) -> None:
    assert exits.code_of_answer(answer) == code


def test_faults_carry_what_is_needed_to_act() -> None:
    conflict = exits.fault_of(errors.Conflict(decision("refused")))
    assert (conflict.code, conflict.retry) == ("conflict", "reread")
    assert conflict.decision is not None
    unknown = exits.fault_of(errors.OutcomeUnknown("lost", proposal="p7"))
    assert msgspec.json.decode(msgspec.json.encode(exits.FaultDocument(unknown))) == {
        "error": {"code": "unknown", "message": "lost", "retry": "same", "proposal": "p7"}
    }
