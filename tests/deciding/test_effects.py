"""Keys of meaning, and what holds a release up, stops its deadline, or ends it."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding import effects
from comity.deciding.compile import compile_definition
from comity.model.decisions import Finding, Moved
from comity.model.proposals import Effect, Proposal
from comity.model.reading import read_definition
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, state

MAIL = Effect("mail", "customer/acme", {"text": "Hi"})


def key(effect: Effect = MAIL, **proposal: str) -> str:
    return effects.ref_of(effect, Proposal(**{"id": "p1", **proposal}))[1]  # type: ignore[arg-type]


def test_s35_a_key_is_made_of_effect_target_and_intent_and_of_no_words() -> None:
    assert key() == key(Effect("mail", "customer/acme", {"text": "Good day"}, still="x", hold_s=9))
    assert key(intent="i1") == key(id="p2", intent="i1")
    assert key(Effect("mail", "customer/acme", once="i1")) == key(intent="i1")
    others = [key(), key(id="p2"), key(intent="i1"), key(Effect("fax", "customer/acme")), key(Effect("mail"))]
    assert len({*others, key(Effect("mail", "customer/beta"))}) == 6


def test_what_is_not_declared_has_the_settings_of_all() -> None:
    compiled = compile_definition(read_definition("[effects.call]\nstill = 'true'\nattempts = 2\n"), 1)
    assert effects.declared("mail", compiled).attempts == limits.EFFECT_ATTEMPTS
    assert effects.declared("call", compiled).attempts == 2
    assert effects.stills(Effect("call", still="1 == 1"), compiled) == ["true", "1 == 1"]
    assert effects.stills(MAIL, compiled) == []


def found(*codes: str) -> list[Finding]:
    """Return findings: those with a ``?`` warn, those with a ``~`` defer."""
    severities = {"?": "warn", "~": "defer"}
    return [Finding(code.rstrip("?~"), code, severity=severities.get(code[-1], "refuse")) for code in codes]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("findings", "is_held_up"),
    [
        (found("override.frozen"), True),
        (found("override.pinned", "lease.held"), True),
        (found("identity.paused", "rule.r~"), True),
        (found("lease.held"), True),
        (found("rule.r~"), True),
        (found("rule.r"), False),
        (found("freshness.changed", "override.frozen"), False),
        (found("override.pinned?", "rule.r~"), True),
    ],
)
def test_s34_what_may_pass_holds_up_and_everything_else_ends(findings: list[Finding], is_held_up: bool) -> None:
    assert effects.is_held_up(findings) == is_held_up


def test_why_not_is_told_in_the_order_of_weight() -> None:
    moved = Moved("customer/acme", "status", "active", "at_risk", "support", 0, "e1", "escalation")
    changed = Finding("freshness.changed", "It has changed.", "customer/acme", moved=(moved,))
    told = effects.why_not([*found("rule.r~", "x?"), changed])
    assert told.index("status was active, now at_risk") < told.index("rule.r")
    assert "x?" not in told


def test_s24_that_it_is_held_up_is_written_only_when_that_is_new() -> None:
    def halted(held_up: str | None, *codes: str) -> object:
        return effects.halting(state("$effect/e", held_up=held_up), found(*codes))

    assert halted(None, "lease.held") == {"held_up": "lease.held"}
    assert halted("lease.held", "lease.held") is None
    assert halted("a freeze", "override.frozen") == {"held_up": "override.frozen"}


def test_a_retry_begins_in_the_present_life_of_the_base() -> None:
    change = effects.retrying(state("$effect/e", patience_s=60), "second", NOW_US)
    assert change.event == "retried"
    assert change.data == {"incarnation": "second", "expires_at": format_time(NOW_US + 60 * SECOND_US)}


def test_what_a_proposal_wants_is_told_in_a_few_sentences() -> None:
    def wanted(number: int, **values: Any) -> RecordState:
        kept: dict[str, Any] = {"effect": "mail", "state": "held", "proposal": "p1", "release_at": "soon", **values}
        return state(f"$effect/e{number}", **kept)

    assert effects.told_of([], "p1") is None
    assert effects.told_of([wanted(1, proposal="p2")], "p1") is None
    one = effects.told_of([wanted(1, target="customer/acme")], "p1")
    assert one == "mail to customer/acme is held until soon; it is judged again then."
    many = effects.told_of([wanted(number) for number in range(5)], "p1") or ""
    assert many.endswith("And 2 more.")
