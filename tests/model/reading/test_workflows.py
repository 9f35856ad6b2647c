"""What is wrong with the text of a workflow, each told with its place."""

from __future__ import annotations

import pytest

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.reading import read_definition
from comity.model.workflows import Rest

AGENTS = """
[agents]
sales = { role = "sales" }
ops   = { role = "operations", kind = "human" }
[workflows.w]
params = { c = { ref = "customer", required = true } }
"""


def problems(text: str) -> str:
    with pytest.raises(InvalidDefinition) as raised:
        read_definition(AGENTS + text)
    return str(raised.value)


def step(rest: str) -> str:
    return f'[[workflows.w.steps]]\nname = "a"\n{rest}\n'


WORK = 'as = "sales"'
REST = '[[workflows.w.steps]]\nname = "{}"\nwait = "1s"\n'
OTHER = "[workflows.x{}]\nsteps = [{{ name = 'a', wait = '1s' }}]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a workflow has steps"),
        ('starters = ["nobody"]\n' + step(WORK), "neither an agent nor a role"),
        ('deadline = "0s"\n' + step(WORK), "longer than nothing"),
        ('deadline = "9999d"\n' + step(WORK), "is longer than"),
        ("leases = [{}]\n" + step(WORK), "'on' is missing"),
        ('leases = [{ on = "customer/{d}" }]\n' + step(WORK), "there is no parameter 'd'"),
        ('leases = [{ on = "$agent/x" }]\n' + step(WORK), "Comity's own"),
        ("[[workflows.w.steps]]\n" + WORK, "'name' is missing"),
        (step(WORK) + step(WORK), "there is a step 'a' already"),
        (step(""), "'as' is missing"),
        (step('set = { "customer/{c}" = { n = 1 } }'), "'as' is missing"),
        (step('as = "ops"'), "is a human"),
        (step('as = "nobody"'), "no agent"),
        (step(f'{WORK}\ntask = {{ to = "sales", text = "x" }}'), "a step is one of these"),
        (step('task = { to = "sales", text = "x" }\napproval = { text = "y" }'), "write a step for each"),
        (step('wait = "1s"\napproval = { text = "y" }'), "a step is one of these"),
        (step('task = { text = "x" }'), "'to' is missing"),
        (step('task = { to = "sales" }'), "'text' is missing"),
        (step('approval = { to = "sales", text = "x" }'), "only humans can approve"),
        (step('task = { to = "sales", text = "x" }\non_refusal = "retry"'), "isn't tried again"),
        (step('wait = "soon"'), "must be a span"),
        (step("wait = {}"), "'until' is missing"),
        (step(f'{WORK}\non_refusal = "never"'), "must be one of"),
        (step(f"{WORK}\nattempts = 3"), "belongs to on_refusal"),
        (step(f'{WORK}\non_refusal = "retry"\nattempts = 0'), "integer from 1"),
        (step(f'{WORK}\nset = {{ "customer/{{d}}" = {{ n = 1 }} }}'), "there is no parameter 'd'"),
        (step(f'{WORK}\nset = {{ "customer/{{c}}" = {{ n = "{{d}}" }} }}'), "there is no parameter 'd'"),
        (step(f'{WORK}\nset = {{ "customer" = {{ n = 1 }} }}'), "customer"),
        (step(f'{WORK}\ninclude = {{ "customer/{{c}}" = {{ n = 1 }} }}'), "list of elements"),
        (step(f"{WORK}\neffects = [{{}}]"), "'name' is missing"),
        (step(f"{WORK}\narchive = 7"), "must be a record"),
        (step(f"{WORK}\nsett = 7"), "unknown key 'sett'"),
        (step(f"{WORK}\nundo = {{ guard = 'true' }}"), "unknown key 'guard'"),
    ],
)
def test_problems_are_told(text: str, said: str) -> None:
    assert said in problems(text)


def test_a_problem_names_its_line_and_path() -> None:
    assert "comity.toml:9 workflows.w.steps[0].as:" in problems(step('as = "nobody"'))


def test_a_workflow_is_read_whole() -> None:
    text = AGENTS + step(
        f"""{WORK}
set    = {{ "customer/{{c}}" = {{ n = 1 }} }}
emit   = {{ "customer/{{c}}" = {{ Left = {{ why = "x" }} }} }}
delete = "visit/{{c}}"
undo   = {{ add = {{ "customer/{{c}}" = {{ n = -1 }} }} }}"""
    )
    [workflow] = read_definition(text + '[[workflows.w.steps]]\nname = "b"\nwait = { until = "true" }').workflows
    work, undo = workflow.steps[0].work, workflow.steps[0].undo
    assert work is not None
    assert [type(change).__name__ for change in work.changes] == ["Set", "Emit", "Delete"]
    assert undo is not None
    assert undo.agent == "sales"
    assert workflow.steps[1].rest == Rest(until="true")
    assert workflow.deadline_s == limits.WORKFLOW_DEADLINE_S


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("".join(REST.format(n) for n in range(limits.WORKFLOW_STEPS + 1)), "steps"),
        (f"leases = {[{'on': 'a/b'}] * (limits.WORKFLOW_LEASES + 1)}".replace(":", " =") + "\n" + step(WORK), "leases"),
        ("".join(OTHER.format(n) for n in range(limits.WORKFLOWS)), "workflows"),
        (step(f'wait = "{limits.WORKFLOW_DEADLINE_MOST_S + 1}s"'), "longer"),
        (step(f'{WORK}\non_refusal = "retry"\nattempts = {limits.WORKFLOW_ATTEMPTS_MOST + 1}'), "attempts"),
        (step(f'task = {{ to = "sales", text = "{"x" * (limits.TASK_TEXT_CHARS + 1)}" }}'), "characters"),
    ],
)  # fmt: skip
def test_bounds_of_workflows(text: str, said: str) -> None:
    assert said in problems(text)


def test_bounds_of_parameters() -> None:
    params = ", ".join(f'p{n} = {{ type = "string" }}' for n in range(limits.WORKFLOW_PARAMS + 1))
    text = f'[workflows.w]\nparams = {{ {params} }}\nsteps = [{{ name = "a", wait = "1s" }}]'
    with pytest.raises(InvalidDefinition, match="parameters"):
        read_definition(text)
    assert limits.WORKFLOW_ATTEMPTS <= limits.WORKFLOW_ATTEMPTS_MOST
