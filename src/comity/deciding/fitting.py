"""Whether a record fits a definition: what ``apply`` scans for before it changes what judges (S26)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from comity.deciding.compile import Compiled
from comity.deciding.readers import Readers
from comity.model import refs
from comity.model.records import RecordState
from comity.model.texts import suggestion

UNFIT: Final = "its value isn't what is declared"
"""Of a value that has readers: all that is said of it (S39)."""


def misfits(state: RecordState, compiled: Compiled, readers: Readers | None) -> Iterator[str]:
    """Yield what of a record a definition would not let be: its kind, a field, a value, one that is missing.

    ``readers`` are those of the definition in force: values that have any, now or then, aren't quoted.
    """
    if not state.exists or refs.is_built_in(state.kind):
        return
    kind = compiled.kind(state.kind)
    if kind is None:
        if compiled.has_declared_kinds and compiled.definition.undeclared == "refuse":
            yield f'{state.ref}: its kind isn\'t declared (declare it, or set undeclared = "allow")'
        return
    for name, value in state.values.items():
        field = kind.fields.get(name)
        if field is None:
            yield f"{state.ref}.{name}: no such field is declared{suggestion(refs.nearest(name, kind.fields))}"
            continue
        is_told = not field.readers and (readers is None or not readers.has_readers(state.kind, name))
        for problem in field.problems(value):
            yield f"{state.ref}.{name}: {problem if is_told else UNFIT}"
    for name in kind.required:
        if name not in state.values:
            yield f"{state.ref}.{name}: required, and empty"
