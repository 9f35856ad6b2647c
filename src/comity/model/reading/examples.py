"""The tests of rules that a definition holds: ``[[tests]]``.

Here their form is read; whether their records, fields and codes are those of the definition
is found when it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from comity import limits
from comity.model.definition import ExampleDefinition, ExampleEvent, ExampleIntent, ExampleProposal
from comity.model.proposals import (
    Add,
    AnyChange,
    Append,
    Archive,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Put,
    Restore,
    Set,
)
from comity.model.reading.parties import Parties
from comity.model.reading.sections import Section, describe
from comity.model.values import normalise

TEST_KEYS: Final = ("name", "given", "proposal", "recent", "intents", "expect")
EVENT_KEYS: Final = ("agent", "record", "type", "age")
INTENT_KEYS: Final = ("agent", "action", "about", "plan", "age")

WITH_FIELDS: Final[dict[str, Callable[[str, dict[str, Any]], AnyChange]]] = {
    "create": Create,
    "set": Set,
    "put": Put,
    "add": Add,
    "include": Include,
    "exclude": Exclude,
    "append": Append,
}
"""Changes written as a table: record to fields."""

OF_LIFE: Final[dict[str, Callable[[str], AnyChange]]] = {"archive": Archive, "restore": Restore, "delete": Delete}
"""Changes written as a list of records."""

PROPOSAL_KEYS: Final = ("agent", "action", "about", *WITH_FIELDS, "emit", *OF_LIFE)
WITH_LISTS: Final = ("include", "exclude", "append")


def read_examples(root: Section, parties: Parties) -> tuple[ExampleDefinition, ...]:
    """Return the tests that can be read."""
    entries = list(root.listed("tests"))
    if len(entries) > limits.TESTS:
        root.problem("tests", f"{len(entries)} tests, of at most {limits.TESTS}")
    found: list[ExampleDefinition] = []
    for position, entry in enumerate(entries):
        example = _read_example(entry, parties)
        if example is None:
            continue
        if parties.unread.positions.setdefault(("tests", example.name), position) == position:
            found.append(example)
        else:
            entry.problem("name", f"there is a test {example.name!r} already")
    return tuple(found)


def _read_example(entry: Section, parties: Parties) -> ExampleDefinition | None:
    entry.allow(TEST_KEYS)
    for key in ("name", "proposal", "expect"):
        if key not in entry.table:
            entry.problems.add(entry.path, f"{key!r} is missing")
    name, proposal = entry.name("name", "name"), _read_proposal(entry.section("proposal"), parties)
    if name is None or proposal is None:
        return None
    return ExampleDefinition(
        name=name,
        proposal=proposal,
        expect=_read_expected(entry),
        given=dict(_read_records(entry.section("given"))),
        recent=tuple(_read_events(entry, parties)),
        intents=tuple(_read_intents(entry, parties)),
    )


def _read_expected(entry: Section) -> tuple[str, ...]:
    value = entry.table.get("expect", [])
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in listed) or ("expect" in entry.table and not listed):
        entry.problem("expect", f'must be "committed", "refused", "pending" or a code, not {describe(value)}')
        return ()
    return tuple(listed)


# -- the proposal


def _read_proposal(section: Section, parties: Parties) -> ExampleProposal | None:
    section.allow(PROPOSAL_KEYS)
    agent = _read_agent(section, parties)
    changes = tuple(_read_changes(section))
    if len(changes) > limits.TEST_RECORDS:
        section.problems.add(section.path, f"{len(changes)} changes, of at most {limits.TEST_RECORDS}")
    about, action = section.records("about"), section.name("action", "action")
    return None if agent is None else ExampleProposal(agent=agent, action=action, about=about, changes=changes)


def _read_agent(section: Section, parties: Parties) -> str | None:
    name = section.name("agent", "agent")
    if name is not None:
        parties.check_agent(name, section, "agent")
    elif section.table and "agent" not in section.table:
        section.problems.add(section.path, "'agent' is missing: who proposes it, or did it")
    return name


def _read_changes(section: Section) -> Iterator[AnyChange]:
    """Yield the changes of a proposal, in the order in which they are written."""
    for key in section.table:
        if key in WITH_FIELDS:
            for record, fields in _read_records(section.section(key), with_lists=key in WITH_LISTS):
                yield WITH_FIELDS[key](record, fields)
        elif key in OF_LIFE:
            yield from map(OF_LIFE[key], section.records(key))
        elif key == "emit":
            yield from _read_emitted(section.section(key))


def _read_emitted(section: Section) -> Iterator[AnyChange]:
    for record, events in section.sections(example="{ TicketOpened = {} }"):
        if section.is_record(record, record):
            for event, data in events.sections(example='{ ticket = "t1" }'):
                yield Emit(record, event, _read_values(data))


def _read_records(section: Section, *, with_lists: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each record of a table with its fields."""
    if len(section.table) > limits.TEST_RECORDS:
        section.problems.add(section.path, f"{len(section.table)} records, of at most {limits.TEST_RECORDS}")
    for record, entry in section.sections(example="{ open_tickets = 2 }"):
        if section.is_record(record, record):
            values = _read_values(entry)
            for name in [name for name, value in values.items() if with_lists and not isinstance(value, list)]:
                entry.problem(name, f"must be a list of elements, not {describe(values.pop(name))}")
            yield record, values


def _read_values(section: Section) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in section.table.items():
        try:
            values[name] = normalise(value)
        except ValueError as error:
            section.problem(name, str(error))
    return values


# -- what went before


def _read_events(entry: Section, parties: Parties) -> Iterator[ExampleEvent]:
    for event in _bounded(entry, "recent"):
        event.allow(EVENT_KEYS)
        agent, record, type_ = _read_agent(event, parties), event.records("record"), event.text("type", limit=200)
        for key in ("record", "type"):
            if key not in event.table:
                event.problems.add(event.path, f"{key!r} is missing")
        if agent is not None and len(record) == 1 and type_ is not None:
            yield ExampleEvent(agent=agent, record=record[0], type=type_, age_s=_read_age(event))


def _read_intents(entry: Section, parties: Parties) -> Iterator[ExampleIntent]:
    for intent in _bounded(entry, "intents"):
        intent.allow(INTENT_KEYS)
        agent, about = _read_agent(intent, parties), intent.records("about")
        if "about" not in intent.table:
            intent.problems.add(intent.path, "'about' is missing: the records that the intent is about")
        if agent is not None and about:
            plan = intent.text("plan", limit=limits.REASON_CHARS)
            action = intent.name("action", "action")
            yield ExampleIntent(agent=agent, about=about, action=action, plan=plan, age_s=_read_age(intent))


def _bounded(entry: Section, key: str) -> Iterator[Section]:
    entries = list(entry.listed(key))
    if len(entries) > limits.TEST_RECORDS:
        entry.problem(key, f"{len(entries)} of at most {limits.TEST_RECORDS}")
    yield from entries


def _read_age(entry: Section) -> int:
    return entry.span("age", limit_s=limits.WAIT_DAYS * 86_400) or 0
