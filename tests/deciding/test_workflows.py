"""What workflows name must be there, and their agents must be allowed to do what they say."""

from __future__ import annotations

import pytest

from comity.deciding.compile import load_definition
from comity.errors import InvalidDefinition

HEAD = """
[agents]
sales   = { role = "selling" }
support = { role = "support" }

[kinds.customer]
owner = "sales"
[kinds.customer.fields]
name   = { type = "string", owner = "selling" }
status = { enum = ["active", "left"], owner = ["sales", "support"] }
seats  = { type = "integer", minimum = 0, owner = "support" }
free   = { type = "string", owner = [] }
[kinds.customer.events.Left]
owner = "support"
data  = { why = { type = "string" } }
[kinds.ticket.fields]
title = { type = "string" }

[effects.email]
kind = "customer"
data = { subject = { type = "string", required = true, maxLength = 5 } }
""".replace(", owner = [] }", " }")
ACTIONS = """
[actions.leave]
effects = []
"""
WORKFLOW = """
[workflows.w]
params = { c = { ref = "customer", required = true }, n = { type = "integer" } }
"""


def load(step: str, *, extra: str = "", workflow: str = "") -> None:
    load_definition(f'{HEAD}{extra}{WORKFLOW}{workflow}\n[[workflows.w.steps]]\nname = "a"\n{step}\n', 1)


def of(agent: str, does: str) -> str:
    return f'as = "{agent}"\n{does}'


EMAIL = 'effects = [{ name = "email", target = "customer/{c}", data = { subject = "x" } }]'


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (of("sales", 'set = { "custmer/{c}" = { name = "x" } }'), "there is no kind 'custmer'"),
        (of("sales", 'set = { "customer/{c}" = { nam = "x" } }'), "no field 'nam'"),
        (of("sales", 'set = { "customer/{c}" = { status = "gone" } }'), "status"),
        (of("support", 'set = { "customer/{c}" = { name = "x" } }'), "'support' may not write customer.name"),
        (of("sales", 'add = { "customer/{c}" = { seats = 1 } }'), "'sales' may not write customer.seats"),
        (of("sales", 'emit = { "customer/{c}" = { Left = {} } }'), "may not write customer.Left"),
        (of("support", 'emit = { "customer/{c}" = { Lft = {} } }'), "no event 'Lft'"),
        (of("support", 'archive = "customer/{c}"'), "may not write a customer's life"),
        (of("support", 'undo = { set = { "customer/{c}" = { name = "x" } } }'), "may not write customer.name"),
        (of("support", 'guard = "customer.sets == 0"'), "sets"),
        (of("support", 'guard = "customer.seats"'), "guard"),
        ('wait = { until = "customer.sets == 0" }', "sets"),
        (of("sales", 'effects = [{ name = "mail" }]'), "there is no effect 'mail'"),
        (of("sales", 'effects = [{ name = "email", target = "ticket/{c}" }]'), "concerns a record of the kind"),
        (of("sales", 'effects = [{ name = "email", target = "customer/{c}" }]'), "needs data.subject"),
        (of("sales", EMAIL.replace('"x"', '"xxxxxxx"')), "subject"),
        (of("sales", EMAIL.replace("subject", "sbject")), "carries no 'sbject'"),
        (of("sales", f"{EMAIL[:-1]}, {EMAIL.partition('[')[2]}"), "to the same target twice"),
        (of("sales", EMAIL.replace("data", 'still = "customer.sets == 0", data')), "sets"),
    ],
)
def test_problems_are_told_with_their_place(step: str, said: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        load(step)
    assert said in str(raised.value)
    assert "workflows.w.steps[0]" in str(raised.value)


@pytest.mark.parametrize(
    "step",
    [
        of("sales", 'set = { "customer/{c}" = { name = "{c}", status = "left" } }'),
        of("support", 'set = { "customer/{c}" = { seats = "{n}" } }'),
        of("support", 'emit = { "customer/{c}" = { Left = { why = "{c}" } } }'),
        of("sales", 'archive = ["customer/{c}"]'),
        of("sales", EMAIL.replace('"x"', '"Dear {c}"')),
        of("support", 'guard = "default(customer.seats, 0) == 0"'),
        'wait = { until = "default(customer.seats, 0) == 0" }',
    ],
)
def test_what_is_right_loads(step: str) -> None:
    load(step)


def test_where_actions_are_declared_a_step_has_one_that_lists_its_effects() -> None:
    with pytest.raises(InvalidDefinition, match="'action' is missing"):
        load(of("sales", EMAIL), extra=ACTIONS)
    with pytest.raises(InvalidDefinition, match="doesn't list the effect"):
        load(of("sales", EMAIL + '\naction = "leave"'), extra=ACTIONS)
    with pytest.raises(InvalidDefinition, match="there is no action"):
        load(of("sales", 'action = "lave"'), extra=ACTIONS)
    load(of("sales", 'action = "leave"'), extra=ACTIONS)


def test_leases_name_fields_that_are_there() -> None:
    with pytest.raises(InvalidDefinition, match="no field 'nam'"):
        load(of("sales", ""), workflow='leases = [{ on = "customer/{c}", fields = ["nam"] }]')
    with pytest.raises(InvalidDefinition, match="no kind 'custmer'"):
        load(of("sales", ""), workflow='leases = [{ on = "custmer/{c}" }]')


STEP = '[[workflows.w.steps]]\nname = "{}"\n{}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STEP.format("a", "") + STEP.format("b", of("sales", 'guard = "customer.seats = 1"')), "steps[1].guard: '='"),
        (
            STEP.format("a", 'wait = "soon"') + STEP.format("b", of("support", 'archive = "customer/{c}"')),
            "steps[1].arc",
        ),
        (STEP.format("a", of("sales", "effects = [{}, { name = 'mail' }]")), "steps[0].effects[1].name: there is no"),
        (
            "leases = [{}, { on = 'custmer/{c}' }]\n" + STEP.format("a", of("sales", "")),
            "leases[1].on: there is no kind",
        ),
    ],
)
def test_problems_are_told_in_their_place_where_something_before_them_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        load_definition(HEAD + WORKFLOW + text, 1)
    assert said in str(raised.value)
    assert "''" not in str(raised.value)
