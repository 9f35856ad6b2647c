"""What ``print`` shows of effects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from comity.operations import CancelAnswer, EffectAnswer, EffectsAnswer, LeftEffect, RunAnswer

HELD = EffectAnswer(
    effect="$effect/email~1",
    name="email",
    state="held",
    agent="sales",
    proposal="p1",
    revision=3,
    once="i1",
    wanted_at="2026-11-24T10:00:00Z",
    release_at="2026-11-24T10:00:02Z",
    target="customer/acme",
    reason="Q4",
    attempts_most=8,
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "held until 2026-11-24T10:00:02Z; it is judged again then"),
        ({"held_up": "A freeze."}, "held up: A freeze."),
        (
            {"attempts": 2, "error": "engaged", "is_uncertain": True},
            "tried 2 of 8 times, again at 2026-11-24T10:00:02Z: engaged A try may have arrived unheard.",
        ),
        ({"state": "sending", "attempts": 1}, "being sent, try 1 of 8"),
        ({"state": "delivered", "closed_at": "now", "answer": "17"}, "delivered at now: 17"),
        ({"state": "delivered", "closed_at": "now", "is_uncertain": True}, "delivered at now"),
        ({"state": "cancelled", "closed_by": "ops", "answer": "no"}, "cancelled by ops: no"),
        ({"state": "aside", "attempts": 8, "error": "engaged"}, "put aside after 8 of 8 tries: engaged"),
        ({"is_suspect": True}, "suspect: wanted before the base was restored, so it may have been sent;"),
    ],
)
def test_an_effect_tells_how_it_stands(changes: dict[str, Any], told: str) -> None:
    text = str(msgspec.structs.replace(HELD, **changes))
    assert text.startswith('$effect/email~1: email to customer/acme, wanted by sales ("Q4"): ' + told)


def test_effects_are_counted() -> None:
    lines = str(EffectsAnswer(effects=(HELD, HELD), is_cut=True)).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("2 effects", "  and more", 4)


def test_what_was_cancelled_is_counted_and_what_was_not_named() -> None:
    answer = CancelAnswer(cancelled=("a",), left=(LeftEffect(effect="$effect/b", why="It is being sent."),))
    assert str(answer) == "Cancelled 1 effect.\n  left: $effect/b: It is being sent."


def test_a_run_tells_when_the_next_one_is_due() -> None:
    assert str(RunAnswer(delivered=2, next_at="soon")).endswith("The next one is due at soon.")
