"""Workflows as they are declared: steps one after the other, and what undoes each.

Texts, addresses and values may hold places for the workflow's parameters
(:mod:`comity.model.templates`); expressions may not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from comity import limits
from comity.model.proposals import AnyChange, Effect

OnRefusal = Literal["compensate", "wait", "retry", "ask"]
"""What follows where a step is refused: what was done is undone; it is tried again once something has changed, or
after a pause, so many times; somebody is asked."""
Purpose = Literal["task", "approval", "question"]
"""What a task asks for: that something be done, or that a human agree; ``question`` is asked by Comity itself."""


class Work(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be what a step proposes in the name of an agent: changes, effects, and a condition at the head."""

    agent: str
    changes: tuple[AnyChange, ...] = ()
    effects: tuple[Effect, ...] = ()
    action: str | None = None
    guard: str | None = None


class Errand(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be what a step has somebody do: a task for agents or roles, or the approval of a human."""

    purpose: Purpose
    to: tuple[str, ...]
    text: str


class Rest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be what a step waits for: that a time is over, or that a condition holds."""

    for_s: int | None = None
    until: str | None = None


class StepDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare one step: work, an errand or a rest; ``undo`` is done where the workflow goes backwards.

    A step that isn't done after ``deadline_s`` counts as refused for good. ``attempts`` is for
    ``on_refusal = "retry"``, ``ask`` names who is asked.
    """

    name: str
    work: Work | None = None
    errand: Errand | None = None
    rest: Rest | None = None
    undo: Work | None = None
    on_refusal: OnRefusal = "compensate"
    attempts: int = limits.WORKFLOW_ATTEMPTS
    ask: tuple[str, ...] = ()
    deadline_s: int | None = None


class LeaseDefinition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Declare what a workflow holds as long as it runs; no ``fields`` stand for the whole record."""

    on: str
    fields: tuple[str, ...] = ()
    breakable_by: tuple[str, ...] = ()
