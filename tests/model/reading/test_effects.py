"""What a definition says of effects."""

from __future__ import annotations

import pytest

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.definition import EffectDefinition
from comity.model.reading import read_definition


def effects(source: str) -> tuple[EffectDefinition, ...]:
    return read_definition(source).effects


def test_what_is_not_said_is_as_ever() -> None:
    (email,) = effects("[effects.email]\n")
    assert (email.name, email.kind, email.data, email.hold_s, email.still, email.webhook) == (
        "email",
        None,
        (),
        0,
        None,
        None,
    )
    assert (email.window_s, email.patience_s) == (limits.EFFECT_WINDOW_S, limits.EFFECT_PATIENCE_S)
    assert (email.timeout_s, email.attempts) == (limits.EFFECT_TIMEOUT_S, limits.EFFECT_ATTEMPTS)


def test_everything_may_be_said() -> None:
    source = """
[kinds.customer.fields]
status = { type = "string" }
[webhooks.crm]
url = "https://crm.example.com/"
secret_env = "HOOK"
[effects.email]
kind = "customer"
hold = "2m"
still = "customer.status == 'active'"
window = "7d"
patience = "1h"
timeout = "10s"
attempts = 3
webhook = "crm"
[effects.email.data]
subject = { type = "string", required = true }
"""
    (email,) = effects(source)
    assert (email.kind, email.hold_s, email.window_s, email.patience_s) == ("customer", 120, 7 * 86_400, 3_600)
    assert (email.timeout_s, email.attempts, email.webhook) == (10, 3, "crm")
    assert [field.name for field in email.data] == ["subject"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('hold = "2 minutes"', "effects.email.hold"),
        ('hold = "31d"', "effects.email.hold"),
        ('window = "0s"', "must be longer than nothing"),
        (f'window = "{limits.EFFECT_WINDOW_MOST_S // 86_400 + 1}d"', "effects.email.window"),
        ('timeout = "61m"', "effects.email.timeout"),
        ("attempts = 0", "must be an integer from 1 to 100"),
        (f"attempts = {limits.EFFECT_ATTEMPTS_MOST + 1}", "must be an integer from 1 to 100"),
        ("attempts = true", "must be an integer"),
        ("still = 1", "effects.email.still"),
        ('holds = "1s"', "holds"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(line: str, problem: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        read_definition(f"[effects.email]\n{line}\n")
    assert problem in str(raised.value)


def test_there_are_only_so_many() -> None:
    source = "".join(f"[effects.e{number}]\n" for number in range(limits.EFFECT_KINDS + 1))
    with pytest.raises(InvalidDefinition, match="201 effects, of at most 200"):
        read_definition(source)
