"""Is what a proposal wants done outside well-formed, declared, and allowed under its action?"""

from __future__ import annotations

import pytest

from comity import limits
from comity.deciding.gates import shape
from comity.model.proposals import Effect
from tests.deciding.cases import World, state

SOURCE = """
[kinds.customer.fields]
status = { type = "string" }

[actions.sell]
effects = ["email"]
[actions.serve]

[effects.email]
kind = "customer"
[effects.email.data]
subject = { type = "string", required = true, maxLength = 10 }
count   = { type = "integer" }

[effects.ring]
"""
ACME = "customer/acme"
DATA = {"subject": "Hi"}

CASES: list[tuple[str, Effect, str, str]] = [
    ("as declared", Effect("email", ACME, DATA), "sell", ""),
    (
        "with more",
        Effect("email", ACME, {**DATA, "count": 2}, once="x", hold_s=1.5, still="customer.status != null"),
        "sell",
        "",
    ),
    ("no name", Effect("e mail", ACME, DATA), "sell", "shape.invalid_effect"),
    ("too long a name", Effect("e" * (limits.NAME_CHARS + 1), ACME), "sell", "shape.invalid_effect"),
    ("unknown", Effect("emial", ACME, DATA), "sell", "shape.unknown_effect"),
    ("under another action", Effect("email", ACME, DATA), "serve", "shape.unlisted_effect"),
    ("that no action lists", Effect("ring"), "sell", "shape.unlisted_effect"),
    ("no target", Effect("email", None, DATA), "sell", "shape.invalid_effect"),
    ("no address", Effect("email", "acme", DATA), "sell", "shape.invalid_effect"),
    ("another kind", Effect("email", "ticket/1", DATA), "sell", "shape.invalid_effect"),
    ("Comity's own", Effect("email", "$agent/sales", DATA), "sell", "shape.invalid_effect"),
    ("no subject", Effect("email", ACME, {}), "sell", "shape.required"),
    ("an empty subject", Effect("email", ACME, {"subject": None}), "sell", "shape.required"),
    ("too long a subject", Effect("email", ACME, {"subject": "x" * 11}), "sell", "shape.invalid_value"),
    ("another type", Effect("email", ACME, {**DATA, "count": "two"}), "sell", "shape.invalid_value"),
    ("an unknown field", Effect("email", ACME, {**DATA, "sbject": "x"}), "sell", "shape.unknown_field"),
    ("held for too long", Effect("email", ACME, DATA, hold_s=limits.EFFECT_HOLD_S + 1), "sell", "shape.invalid_effect"),
    ("held for less than nothing", Effect("email", ACME, DATA, hold_s=-1), "sell", "shape.invalid_effect"),
    ("an empty once", Effect("email", ACME, DATA, once=""), "sell", "shape.invalid_effect"),
    (
        "too long a once",
        Effect("email", ACME, DATA, once="x" * (limits.ONCE_CHARS + 1)),
        "sell",
        "shape.invalid_effect",
    ),
    ("a once that can't be kept", Effect("email", ACME, DATA, once="\0"), "sell", "shape.invalid_effect"),
    ("no expression", Effect("email", ACME, DATA, still="customer.statsu == 'a'"), "sell", "shape.invalid_effect"),
]


@pytest.mark.parametrize(("effect", "action", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_s27_what_may_be_wanted(effect: Effect, action: str, expected: str) -> None:
    world = World(state(ACME, status="active"), source=SOURCE)
    found = world.codes(shape.judge, effects=(effect,), action=action)
    assert [code for code in found if not code.endswith("?")] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ((Effect("fax"), Effect("fax", once="2")), []),
        ((Effect("fax"), Effect("fax")), ["shape.invalid_effect"]),
        (tuple(Effect("fax", once=str(n)) for n in range(limits.EFFECTS_PER_PROPOSAL + 1)), ["shape.too_large"]),
        ((Effect("fax", data={"text": "x" * limits.EFFECT_BYTES}),), ["shape.too_large"]),
    ],
    ids=["two", "the same twice", "too many", "too large"],
)
def test_how_many_and_how_much_may_be_wanted(effects: tuple[Effect, ...], expected: list[str]) -> None:
    assert World(source="").codes(shape.judge, effects=effects) == expected
