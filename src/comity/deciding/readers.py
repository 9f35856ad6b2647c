"""Who may see which values (S39): asked of the compiled definition, for an agent or for a text that many will see.

Rules, guards and what follows from events use every value, as they run inside. What leaves for
an agent is masked by :class:`Withheld`; what is put into words and kept (findings, alerts) names
no value that has readers, to nobody, as nobody knows then who will look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

from comity import limits
from comity.deciding.expressions import Expression
from comity.deciding.expressions.types import variable_name
from comity.deciding.fields import CompiledField
from comity.model.built_in import EFFECT, OVERRIDE, WORKFLOW
from comity.model.definition import AgentDefinition
from comity.model.hidden import UNTOLD, Hidden
from comity.model.texts import show

SEES_ALL: Final = frozenset({"os_user", "system", "workflow"})
"""How those are known who work on the base itself: who may open the file, and Comity's own duties."""

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Names = frozenset[str]
Marks = Mapping[str, Hidden]
_NONE: Final[Marks] = {}


@dataclass(frozen=True, slots=True)
class Limited:
    """Be a thing that holds values: which of these have readers; ``rest`` are those of values that aren't declared."""

    readers: Mapping[str, Names]
    declared: Names
    rest: Names = frozenset()

    def __bool__(self) -> bool:
        return bool(self.readers or self.rest)


def limited(fields: Mapping[str, CompiledField], rest: Names = frozenset()) -> Limited:
    """Return which of declared values have readers."""
    readers = {name: field.readers for name, field in fields.items() if field.readers}
    return Limited(readers, frozenset(fields), rest)


@dataclass(frozen=True, slots=True)
class Concealed:
    """Be what is withheld of one thing that holds values: a mark for each, and one for what isn't declared."""

    marks: Marks
    declared: Names
    rest: Hidden | None

    def of(self, name: str) -> Hidden | None:
        """Return what stands for a value, or None where it may be seen."""
        mark = self.marks.get(name)
        if mark is None and self.rest is not None and name not in self.declared and not name.startswith("$"):
            return self.rest
        return mark

    def mask(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values with marks instead of those that are withheld."""
        return {name: self.of(name) or value for name, value in values.items()}


SEEN: Final = Concealed(_NONE, frozenset(), None)
"""What nothing is withheld of."""

Address = tuple[str, ...]
"""A kind, a kind with one of its events, or of what else holds values its sort, its name, and what it calls them."""
Sort = Literal["kinds", "effects", "workflows"]
"""What holds values."""
_APART: Final = 3
"""The length of the address of what is neither a kind's nor an event's."""


_CARRYING: Final[Mapping[tuple[str, str], Sort]] = {
    (OVERRIDE, "value"): "kinds",
    (EFFECT, "data"): "effects",
    (EFFECT, "still"): "kinds",
    (WORKFLOW, "params"): "workflows",
}
"""The fields of Comity's own kinds that carry users' values, with the sort of these."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Know what one agent may not see; ``names`` are what the values are called."""

    things: Mapping[Address, Concealed]
    names: Names

    def kind(self, kind: str) -> Concealed:
        """Return what is withheld of a kind's records."""
        return self.things.get((kind,), SEEN)

    def event(self, kind: str, event: str) -> Concealed:
        """Return what is withheld of the data that a named event carries."""
        return self.things.get((kind, event), SEEN)

    def effect(self, name: str) -> Concealed:
        """Return what is withheld of an effect's data."""
        return self.things.get(("effects", name, "data"), SEEN)

    def workflow(self, name: str) -> Concealed:
        """Return what is withheld of what a workflow was started with."""
        return self.things.get(("workflows", name, "params"), SEEN)

    def field(self, record: str, field: str) -> Hidden | None:
        """Return what stands for a field of a record, or None where it may be seen."""
        return self.kind(record.partition("/")[0]).of(field)

    def asked(self, kind: str, field: str) -> Hidden | None:
        """Return what stands for a field that is asked about, of a user's kind or of one that carries users' values."""
        sort = _CARRYING.get((kind, field))
        return self.kind(kind).of(field) if sort is None else self.some(sort)

    def source(self, text: str) -> str:
        """Return a condition that somebody wrote, unless it may quote a value that is withheld."""
        return str(Hidden(())) if self.names & _words(text) else text

    def some(self, sort: Sort) -> Hidden | None:
        """Return a mark if anything is withheld of a sort: for a value that doesn't say what it is of."""
        marks = [
            mark
            for address, thing in self.things.items()
            if (address[0] == sort if len(address) == _APART else len(address) == 1 and sort == "kinds")
            for mark in (*thing.marks.values(), *([thing.rest] if thing.rest is not None else []))
        ]
        return Hidden(tuple(sorted({name for mark in marks for name in mark.readers}))) if marks else None


class Readers:
    """Know the readers of all values that have any."""

    def __init__(self, things: Mapping[Address, Limited]) -> None:
        self._things = things
        self._anybody = _withheld({address: _concealed(one, lambda _: True) for address, one in things.items()})
        self._kinds = frozenset(variable_name(address[0]) for address in things if len(address) == 1)
        self.withheld_from: Callable[[AgentDefinition], Withheld | None] = lru_cache(limits.AGENTS)(self._withheld_from)

    def _withheld_from(self, agent: AgentDefinition) -> Withheld | None:
        """Return what an agent may not see; None for nothing."""
        own = {agent.name, agent.role}
        hidden = {address: _concealed(one, own.isdisjoint) for address, one in self._things.items()}
        kept = {address: one for address, one in hidden.items() if one.marks or one.rest}
        return _withheld(kept) if kept else None

    def has_readers(self, kind: str, field: str) -> bool:
        """Tell whether a field is limited to some."""
        return self._anybody.kind(kind).of(field) is not None

    def concern(self, expression: Expression) -> bool:
        """Tell whether an expression looks at values that may be limited to some."""
        return any(name in self._anybody.names or name in self._kinds for _, name in expression.reads)

    def source(self, text: str) -> str:
        """Return a condition that an agent wrote, for a text that is kept."""
        return text if self._anybody.names.isdisjoint(_words(text)) else f"what is {UNTOLD}, as it may quote a value"


def _withheld(things: Mapping[Address, Concealed]) -> Withheld:
    return Withheld(things, frozenset(name for one in things.values() for name in one.marks))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


def _concealed(one: Limited, is_shut_out: Callable[[Names], bool]) -> Concealed:
    def mark(readers: Names) -> Hidden | None:
        return Hidden(tuple(sorted(readers))) if readers and is_shut_out(readers) else None

    marks = {name: found for name, readers in one.readers.items() if (found := mark(readers)) is not None}
    return Concealed(marks, one.declared, mark(one.rest))


def with_readers(
    data: Mapping[str, CompiledField],
    then: Mapping[str, Expression],
    fields: Mapping[str, CompiledField],
    owners: Names,
    rest: Names,
) -> dict[str, CompiledField]:
    """Return the data of an event with its readers.

    Unless it names its own they are those of every field that is made of it, and else those of
    its kind; whoever may emit the event is one of them.
    """
    found: dict[str, CompiledField] = {}
    for name, one in data.items():
        readers = one.readers or _fed(name, then, fields) or rest
        found[name] = replace(one, readers=readers | owners) if readers else one
    return found


def _fed(name: str, then: Mapping[str, Expression], fields: Mapping[str, CompiledField]) -> Names:
    """Return who sees all the fields that are made of a part of an event; none where everyone does."""
    made = [fields[field].readers for field in then.keys() & fields.keys() if ("event", name) in then[field].reads]
    some = [readers for readers in made if readers]
    return frozenset.intersection(*some) if some else frozenset()


# -- in words


def told(readers: Readers | None, kind: str, field: str, value: Any) -> str:
    """Return a field's value for a text that is kept, unless it has readers."""
    return UNTOLD if readers is not None and readers.has_readers(kind, field) else show(value)


def told_source(readers: Readers | None, source: str) -> str:
    """Return a condition that an agent wrote for a text that is kept, unless it may quote values that have readers."""
    return source if readers is None else readers.source(source)


def told_problem(readers: Readers | None, expression: Expression, problem: object) -> str:
    """Return why an expression can't be judged, unless that may quote values that have readers."""
    concerned = readers is not None and readers.concern(expression)
    return "of values that have readers, and that are not told here" if concerned else str(problem)
