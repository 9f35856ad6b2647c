"""Runs of workflows: by what ids they, their steps and their effects are known.

Each step is a proposal of its own, under an id made of the run, the step and the attempt:
whichever process makes it, however often, it is the same attempt (S7). Nobody else can have
used it up, as ids with a ``~`` are Comity's own.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final, Literal

from comity.model.built_in import WORKFLOW

Phase = Literal["step", "undo", "withdraw"]

_PROPOSAL: Final = re.compile(r"flow~(.+)~(?:step|undo|withdraw)[0-9]+~[0-9]+\Z")
_KEY_CHARS: Final = 24


def run_id(workflow: str, key: str) -> str:
    """Return the id of the run of a workflow that is started under a key: the same for the same.

    >>> run_id("offboard", "acme") == run_id("offboard", "acme")
    True
    """
    return f"{workflow}~{sha256(key.encode()).hexdigest()[:_KEY_CHARS]}"


def is_run_of(workflow: str, run: str) -> bool:
    """Tell whether a run may be called so that is one of a workflow.

    >>> is_run_of("offboard", run_id("offboard", "acme")), is_run_of("offboard", "other~1f")
    (True, False)
    """
    return run.startswith(f"{workflow}~") and run[len(workflow) + 1 :].isalnum()


def proposal_id(run: str, phase: Phase, place: int, attempt: int) -> str:
    """Return the id of the proposal that a step, or what undoes it, is.

    >>> proposal_id("offboard~1f", "step", 0, 2)
    'flow~offboard~1f~step0~2'
    """
    return f"flow~{run}~{phase}{place}~{attempt}"


def task_id(run: str, attempt: int, *, is_question: bool = False) -> str:
    """Return the id of what a run asks somebody at an attempt.

    >>> task_id("offboard~1f", 2), task_id("offboard~1f", 2, is_question=True)
    ('offboard~1f~2', 'offboard~1f~2.question')
    """
    return f"{run}~{attempt}.question" if is_question else f"{run}~{attempt}"


def run_of_task(task: str) -> str:
    """Return the run that has asked something.

    >>> run_of_task(task_id("offboard~1f", 2, is_question=True))
    'offboard~1f'
    """
    return task.rpartition("~")[0]


def prefix_of(run: str, phase: Phase) -> str:
    """Return how the ids of all proposals of a run begin, forwards or backwards."""
    return f"flow~{run}~{phase}"


def run_of(proposal: str) -> str | None:
    """Return the run that a proposal is a step of, by its id; None for any other.

    >>> run_of("flow~offboard~1f~step0~2"), run_of("p1")
    ('offboard~1f', None)
    """
    found = _PROPOSAL.match(proposal)
    return found[1] if found is not None else None


def address_of(run: str) -> str:
    """Return the address of a run, under which others wait for it as for an agent.

    >>> address_of("offboard~1f")
    '$workflow/offboard~1f'
    """
    return f"{WORKFLOW}/{run}"


def once_of(run: str, phase: Phase, step: str, once: str | None) -> str:
    """Return what tells one wish for an effect from the next: the run and its step, and never a model's words (S35)."""
    parts = [run, step] if phase == "step" else [run, step, "undo"]
    return "/".join(parts if once is None else [*parts, once])
