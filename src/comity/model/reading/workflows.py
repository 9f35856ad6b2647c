"""The workflows of a definition: ``[workflows.NAME]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

from comity import limits
from comity.model import refs, templates
from comity.model.definition import FieldDefinition, WorkflowDefinition
from comity.model.proposals import AnyChange, Effect, Emit
from comity.model.reading.examples import OF_LIFE, WITH_FIELDS, WITH_LISTS
from comity.model.reading.parties import Parties
from comity.model.reading.sections import Section, describe, quoted
from comity.model.values import normalise
from comity.model.workflows import Errand, LeaseDefinition, OnRefusal, Purpose, Rest, StepDefinition, Work

WORKFLOW_KEYS: Final = ("starters", "deadline", "params", "leases", "steps")
LEASE_KEYS: Final = ("on", "fields", "breakable_by")
WORK_KEYS: Final = ("as", "action", *WITH_FIELDS, "emit", *OF_LIFE, "effects")
ERRANDS: Final[tuple[Purpose, ...]] = ("task", "approval")
STEP_KEYS: Final = (
    "name", *WORK_KEYS, "guard", "task", "approval", "wait", "undo", "on_refusal", "attempts", "ask", "deadline",
)  # fmt: skip
EFFECT_KEYS: Final = ("name", "target", "data", "once", "hold", "still")
ON_REFUSAL: Final[tuple[OnRefusal, ...]] = get_args(OnRefusal)
BELONGS: Final[dict[str, OnRefusal]] = {"attempts": "retry", "ask": "ask"}
"""Keys that mean something for one way of taking a refusal only."""

ReadParams = Callable[[str, Section], tuple[FieldDefinition, ...]]
"""Return the parameters of something, by its name and its table."""


def read_workflows(root: Section, parties: Parties, read_params: ReadParams) -> tuple[WorkflowDefinition, ...]:
    """Return the workflows with a valid name."""
    section = root.section("workflows")
    if len(section.table) > limits.WORKFLOWS:
        section.problems.add(section.path, f"{len(section.table)} workflows, of at most {limits.WORKFLOWS}")
    entries = section.sections(example='{ steps = [{ name = "close", as = "sales" }] }')
    return tuple(
        _Reader(name, entry, parties, read_params).workflow()
        for name, entry in entries
        if entry.is_name(name, "workflow")
    )


class _Reader:
    """Read one workflow."""

    def __init__(self, name: str, entry: Section, parties: Parties, read_params: ReadParams) -> None:
        self.name = name
        self.entry = entry
        self.parties = parties
        entry.allow(WORKFLOW_KEYS)
        self.params = read_params(f"workflow {name}", entry)
        self.known = {param.name for param in self.params}

    def workflow(self) -> WorkflowDefinition:
        entry = self.entry
        if len(self.params) > limits.WORKFLOW_PARAMS:
            entry.problem("params", f"{len(self.params)} parameters, of at most {limits.WORKFLOW_PARAMS}")
        deadline_s = self.span(entry, "deadline", limits.WORKFLOW_DEADLINE_MOST_S)
        return WorkflowDefinition(
            name=self.name,
            starters=self.names(entry, "starters"),
            deadline_s=limits.WORKFLOW_DEADLINE_S if deadline_s is None else deadline_s,
            params=self.params,
            leases=tuple(self.leases()),
            steps=self.steps(),
        )

    def names(self, entry: Section, key: str) -> tuple[str, ...]:
        """Return agents or roles."""
        names = entry.names(key, "owner")
        for name in names:
            self.parties.check(name, entry, key)
        return names

    def span(self, entry: Section, key: str, limit_s: int) -> int | None:
        seconds = entry.span(key, limit_s=limit_s)
        if seconds == 0:
            entry.problem(key, "must be longer than nothing")
        return seconds

    def filled(self, entry: Section, key: str, value: Any) -> Any:
        """Return a value as it is; note the places in it for parameters that aren't there."""
        for name in templates.places_in(value):
            if name not in self.known:
                message = f"there is no parameter {name!r}; a brace of its own is written twice"
                entry.problem(key, message, given=name, choices=sorted(self.known))
        return value

    def record(self, entry: Section, key: str, value: object) -> str | None:
        """Return the address of a user's record, in which parameters may stand; None for anything else."""
        if not isinstance(value, str):
            entry.problem(key, f"must be a record such as 'customer/{{customer}}', not {describe(value)}")
            return None
        self.filled(entry, key, value)
        kind, _, id = value.partition("/")
        sample = id and templates.fill_text(id, dict.fromkeys(templates.places_in(id), "x"))
        problem = refs.problem_of(f"{kind}/{sample}")
        if problem is None and refs.is_built_in(kind):
            problem = f"{value!r} is a record of Comity's own"
        if problem is not None:
            entry.problem(key, problem)
        return value if problem is None else None

    def leases(self) -> Iterator[LeaseDefinition]:
        """Yield all of them, in their places: one that can't be read is on no record."""
        entries = list(self.entry.listed("leases"))
        if len(entries) > limits.WORKFLOW_LEASES:
            self.entry.problem("leases", f"{len(entries)} leases, of at most {limits.WORKFLOW_LEASES}")
        for lease in entries:
            lease.allow(LEASE_KEYS)
            if "on" not in lease.table:
                lease.problems.add(lease.path, "'on' is missing: the record that it holds")
            on = self.record(lease, "on", lease.table["on"]) if "on" in lease.table else None
            fields, breakable_by = lease.names("fields", "field"), self.names(lease, "breakable_by")
            yield LeaseDefinition(on=on or "", fields=fields, breakable_by=breakable_by)

    # -- steps

    def steps(self) -> tuple[StepDefinition, ...]:
        entries = list(self.entry.listed("steps"))
        if not entries:
            self.entry.problems.add(self.entry.path, "a workflow has steps: write [[workflows.NAME.steps]]")
        if len(entries) > limits.WORKFLOW_STEPS:
            self.entry.problem("steps", f"{len(entries)} steps, of at most {limits.WORKFLOW_STEPS}")
        taken: set[str] = set()
        return tuple(self.step(entry, taken) for entry in entries)

    def step(self, entry: Section, taken: set[str]) -> StepDefinition:
        """Return a step, in its place even if it can't be read: what else is wrong is told by places."""
        entry.allow(STEP_KEYS)
        name = entry.name("name", "name")
        if "name" not in entry.table:
            entry.problems.add(entry.path, "'name' is missing: it is what progress is told by")
        elif name in taken:
            entry.problem("name", f"there is a step {name!r} already")
        taken.add(name or "")
        work, errand, rest = self.own_work(entry), self.errand(entry), self.rest(entry)
        if (work is not None) + sum(key in entry.table for key in (*ERRANDS, "wait")) > 1:
            message = "a step is one of these: work ('as' …), 'task', 'approval' or 'wait'; write a step for each"
            entry.problems.add(entry.path, message)
        on_refusal: OnRefusal = entry.choice("on_refusal", ON_REFUSAL)
        self.check_refusal(entry, on_refusal, is_work=work is not None)
        return StepDefinition(
            name=name or "",
            work=work,
            errand=errand,
            rest=rest,
            undo=self.undo(entry, work),
            on_refusal=on_refusal,
            attempts=self.attempts(entry),
            ask=self.names(entry, "ask"),
            deadline_s=self.span(entry, "deadline", limits.WORKFLOW_DEADLINE_MOST_S),
        )

    def check_refusal(self, entry: Section, on_refusal: OnRefusal, *, is_work: bool) -> None:
        """Note a key that means nothing for this way of taking a refusal, and a way that means nothing here."""
        for key, needed in BELONGS.items():
            if key in entry.table and on_refusal != needed:
                entry.problem(key, f'{key!r} belongs to on_refusal = "{needed}"')
        if not is_work and on_refusal in ("wait", "retry"):
            choices = quoted(("compensate", "ask"))
            entry.problem("on_refusal", f"what somebody declined isn't tried again by itself: write {choices}")

    def attempts(self, entry: Section) -> int:
        value = entry.table.get("attempts", limits.WORKFLOW_ATTEMPTS)
        most = limits.WORKFLOW_ATTEMPTS_MOST
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
            return value
        entry.problem("attempts", f"must be an integer from 1 to {most}, not {describe(value)}")
        return limits.WORKFLOW_ATTEMPTS

    def errand(self, entry: Section) -> Errand | None:
        for purpose in ERRANDS:
            if purpose in entry.table:
                section = entry.section(purpose)
                section.allow(("to", "text"))
                to, text = self.names(section, "to"), self.text(section)
                if purpose == "approval" and not any(map(self.parties.has_human, to or (None,))):
                    section.problem("to", 'only humans can approve: declare one with kind = "human"')
                if purpose == "task" and not to:
                    section.problems.add(section.path, "'to' is missing: the agents or roles whose task it is")
                return Errand(purpose=purpose, to=to, text=text or "")
        return None

    def text(self, section: Section) -> str | None:
        text = section.text("text", limit=limits.TASK_TEXT_CHARS, needed=True)
        return self.filled(section, "text", text)

    def rest(self, entry: Section) -> Rest | None:
        if "wait" not in entry.table:
            return None
        if not isinstance(entry.table["wait"], dict):
            return Rest(for_s=self.span(entry, "wait", limits.WORKFLOW_DEADLINE_MOST_S))
        section = entry.section("wait")
        section.allow(("until",))
        return Rest(until=section.text("until", limit=limits.AGENT_EXPRESSION_CHARS, needed=True))

    # -- work

    def own_work(self, entry: Section) -> Work | None:
        """Return the work that a step is, or None for a step of another sort."""
        stray = [key for key in (*WORK_KEYS, "guard") if key in entry.table]
        if not stray:
            if not any(key in entry.table for key in (*ERRANDS, "wait")):
                entry.problems.add(entry.path, "'as' is missing: the agent in whose name it is done")
            return None
        work = self.work(entry, None)
        guard = entry.text("guard", limit=limits.AGENT_EXPRESSION_CHARS)
        return Work(agent=work.agent, changes=work.changes, effects=work.effects, action=work.action, guard=guard)

    def undo(self, entry: Section, work: Work | None) -> Work | None:
        if "undo" not in entry.table:
            return None
        section = entry.section("undo")
        section.allow(WORK_KEYS)
        return self.work(section, work)

    def work(self, entry: Section, default: Work | None) -> Work:
        agent = entry.name("as", "agent")
        if agent is not None:
            self.check_agent(agent, entry)
        elif "as" not in entry.table and default is None:
            entry.problems.add(entry.path, "'as' is missing: the agent in whose name it is done")
        return Work(
            agent=agent or (default.agent if default is not None else ""),
            changes=tuple(self.changes(entry)),
            effects=tuple(self.effects(entry)),
            action=entry.name("action", "action"),
        )

    def check_agent(self, name: str, entry: Section) -> None:
        """Note a name that is no agent's, and that of a human: nobody acts in a human's name."""
        self.parties.check_agent(name, entry, "as")
        if self.parties.is_human(name):
            entry.problem("as", f"{name!r} is a human, in whose name nobody else acts: ask for an approval instead")

    def changes(self, entry: Section) -> Iterator[AnyChange]:
        """Yield the changes, in the order in which they are written."""
        for key in entry.table:
            if key in WITH_FIELDS:
                for record, fields in self.fields(entry.section(key), with_lists=key in WITH_LISTS):
                    yield WITH_FIELDS[key](record, fields)
            elif key in OF_LIFE:
                value = entry.table[key]
                for item in value if isinstance(value, list) else [value]:
                    if (record := self.record(entry, key, item)) is not None:
                        yield OF_LIFE[key](record)
            elif key == "emit":
                for record, events in self.tables(entry.section(key), "{ Escalated = {} }"):
                    for event, data in events.sections(example='{ note = "…" }'):
                        yield Emit(record, event, self.values(data))

    def tables(self, section: Section, example: str) -> Iterator[tuple[str, Section]]:
        """Yield each record of a table with what stands there."""
        for record, entry in section.sections(example=example):
            if self.record(section, record, record) is not None:
                yield record, entry

    def fields(self, section: Section, *, with_lists: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        for record, entry in self.tables(section, '{ status = "closed" }'):
            values = self.values(entry)
            for name in [name for name, value in values.items() if with_lists and not isinstance(value, list)]:
                entry.problem(name, f"must be a list of elements, not {describe(values.pop(name))}")
            yield record, values

    def values(self, section: Section) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in section.table.items():
            try:
                values[name] = normalise(self.filled(section, name, value))
            except ValueError as error:
                section.problem(name, str(error))
        return values

    def effects(self, entry: Section) -> Iterator[Effect]:
        """Yield all of them, in their places: one that can't be read has no name."""
        for effect in entry.listed("effects"):
            effect.allow(EFFECT_KEYS)
            name = effect.name("name", "effect")
            if "name" not in effect.table:
                effect.problems.add(effect.path, "'name' is missing: the effect as it is declared")
            target = self.record(effect, "target", effect.table["target"]) if "target" in effect.table else None
            still = effect.text("still", limit=limits.AGENT_EXPRESSION_CHARS)
            hold_s = effect.span("hold", limit_s=limits.EFFECT_HOLD_S)
            data, once = self.values(effect.section("data")), effect.name("once", "name")
            yield Effect(name=name or "", target=target, data=data, once=once, hold_s=hold_s, still=still)
