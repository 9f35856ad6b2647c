"""Proposals made by hand, and what is looked at in their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comity
from comity.coordinator import Submission, submit
from comity.errors import ComityError
from comity.model.decisions import Decision
from comity.model.proposals import (
    Caller,
    Proposal,
)

Change = Callable[[comity.Agent], object]
NEXT = iter(range(10**9))


def propose(agent: comity.Agent, *changes: Any, reads: tuple[Any, ...] = (), **options: Any) -> Decision:
    return agent.propose(Proposal(id=f"p{next(NEXT)}", changes=changes, reads=reads, **options))


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


def moved(decision: Decision) -> list[tuple[str, Any, Any]]:
    return [(one.field, one.was, one.now) for finding in decision.refusals for one in finding.moved]


SALES, SUPPORT = Caller("sales"), Caller("support")


def ask(id: str, *changes: Any, caller: Caller = SALES, reads: tuple[Any, ...] = (), dry: bool = False) -> Submission:
    return submit(Proposal(id=id, changes=changes, reads=reads), caller, dry=dry)


def decisions(answers: list[Decision | ComityError]) -> list[Decision]:
    assert all(isinstance(answer, Decision) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Decision)]
