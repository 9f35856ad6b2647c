"""What an intent remembers: what was read through it, and what it is going to propose."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, KeysView, Mapping, Sequence
from typing import Any, Final, TypeGuard

import msgspec

from comity.errors import InvalidRequest, UnproposedChanges
from comity.model.filters import Query
from comity.model.news import WHOLE
from comity.model.proposals import AnyChange, AnyRead, Effect, Put, QueryRead, Read, Set, Was
from comity.model.records import LIFE
from comity.model.texts import listed
from comity.workspace.changes import NO_OPTIONS, Options

_NOTHING: Final[Mapping[str, Any]] = {}


class _Seen(msgspec.Struct, eq=False, gc=False):
    """Be what was read of one record: per field the latest revision, and how far the whole was at hand.

    ``revision`` is the latest, and that of all of it unless it ``is_mixed``; ``life`` is the one at
    which its existence alone was noted.
    """

    fields: dict[str, int] = {}
    revision: int = -1
    life: int = -1
    at_hand: int = -1
    shown: int = -1
    is_mixed: bool = False

    def note(self, fields: Sequence[str], revision: int) -> None:
        """Note fields as seen at a revision; without any, existence."""
        if revision != self.revision:
            self.is_mixed = self.revision >= 0
            self.revision = max(self.revision, revision)
        if not fields and self.life < revision:
            self.life = revision
        noted = self.fields
        for name in fields:
            if noted.get(name, -1) < revision:
                noted[name] = revision

    def reads(self, record: str) -> Iterator[Read]:
        """Yield what was seen at several revisions, or shown as a whole."""
        by_revision: dict[int, list[str]] = {} if self.life < 0 else {self.life: []}
        for name, revision in self.fields.items():
            by_revision.setdefault(revision, []).append(name)
        for revision, names in by_revision.items():
            yield Read(record, revision, tuple(names), whole=revision <= self.at_hand, touched=True)
        if self.shown >= 0:
            yield Read(record, self.shown, None, whole=True)


class Memory(msgspec.Struct, eq=False):
    """Collect reads, changes and effects; be asked for the proposal that they make.

    It is what the handles of an intent report to (:class:`comity.workspace.records.Collector`).
    ``ended`` says why it takes no more changes, once that is so; ``is_asked`` that all changes
    were judged at least once, ``is_proposed`` that they were proposed. Changes that never were
    judged, and that nothing withdrew, are warned about when it is dropped. ``arrived`` are the records
    that were found or are going to be changed; whoever has taken notice of them clears it.
    """

    ended: str | None = None
    is_asked: bool = False
    is_proposed: bool = False
    changes: list[AnyChange] = []
    effects: list[Effect] = []
    arrived: list[str] = []
    _seen: dict[str, _Seen] = {}
    _queries: list[QueryRead] = []
    _was: dict[str, dict[str, Any]] = {}
    _pending: dict[str, dict[str, Any]] = {}

    def __del__(self) -> None:
        if self.is_collecting and not self.is_asked and self.ended is None and not sys.is_finalizing():
            changed = listed(list(dict.fromkeys(change.record for change in self.changes)), 3)
            wanted = listed(list(dict.fromkeys(effect.name for effect in self.effects)), 3)
            parts = [f"changes of {changed}"] if changed else []
            named = " and ".join([*parts, f"effects ({wanted})"] if wanted else parts)
            warnings.warn(
                f"an intent was dropped with {named} that it never proposed: use 'with', or call propose()",
                UnproposedChanges,
                stacklevel=2,
            )

    def resume(self, seen: Mapping[str, Mapping[str, int]], queries: Sequence[QueryRead]) -> None:
        """Forget everything, and remember these reads: per record its fields, ``*`` for all, each with its revision."""
        self.ended, self.is_asked, self.is_proposed = None, False, False
        for held in (self.changes, self.effects, self.arrived, self._seen, self._was, self._pending):
            held.clear()
        self._queries = list(queries)
        for record, fields in seen.items():
            for name, revision in fields.items():
                self.hold(record, revision, () if name == WHOLE else (name,))
                if name == WHOLE:
                    self.note(record, revision, None)

    # -- reads

    def hold(self, record: str, revision: int, fields: Sequence[str] = ()) -> None:
        """Note that a record was handed out, whole or as these fields, which then count: whoever hands it out knows."""
        seen = self._seen.get(record)
        if seen is None:
            whole = -1 if fields else revision
            self._seen[record] = _Seen(dict.fromkeys(fields, revision), revision, whole, whole)
            return
        seen.note(fields, revision)
        if not fields and seen.at_hand < revision:
            seen.at_hand = revision

    def note(self, record: str, revision: int, fields: Sequence[str] | None, *, whole: bool = True) -> None:
        """Note that fields were used, or every one (None), of a record that was at hand as a ``whole`` or in part."""
        seen = self._seen.get(record) or self._meet(record)
        if whole and seen.at_hand < revision:
            seen.at_hand = revision
        if fields is None:
            seen.shown = max(seen.shown, revision)
        seen.note(fields or (), revision)

    def use(self, record: str, revision: int, field: str, *, whole: bool) -> Mapping[str, Any]:
        """Note that one field of a record at hand was used; return the values that are going to be set there."""
        seen = self._seen.get(record) or self._meet(record)
        if whole and seen.at_hand < revision:
            seen.at_hand = revision
        if seen.revision == revision:
            seen.fields[field] = revision
        else:
            seen.note((field,), revision)
        return self._pending.get(record, _NOTHING)

    def _meet(self, record: str) -> _Seen:
        seen = self._seen[record] = _Seen()
        self.arrived.append(record)
        return seen

    def has_seen(self, record: str) -> bool:
        """Tell whether a record was read."""
        return record in self._seen

    @property
    def seen(self) -> KeysView[str]:
        """Return the records that were read."""
        return self._seen.keys()

    def seen_fields(self) -> dict[str, dict[str, int]]:
        """Return per record the fields that were read, each with its revision; ``*`` for all. Any thread may ask."""
        found: dict[str, dict[str, int]] = {}
        for record, seen in dict(self._seen).items():
            found[record] = fields = dict(seen.fields)
            if seen.life >= 0:
                fields[LIFE] = seen.life
            if seen.shown >= 0:
                fields[WHOLE] = seen.shown
        return found

    def searched(self, query: Query, revision: int, members: Sequence[str]) -> None:
        """Note the answer to a search."""
        self._queries.append(QueryRead(query, revision, tuple(members)))

    def counted(self, query: Query, revision: int, count: int) -> None:
        """Note the answer to a count."""
        self._queries.append(QueryRead(query, revision, None, count))

    def reads(self) -> tuple[AnyRead, ...]:
        """Return everything that was read: records, beliefs, searches."""
        reads: list[AnyRead] = []
        for record, seen in self._seen.items():
            if seen.is_mixed or seen.shown >= 0:
                reads += seen.reads(record)
            else:
                reads.append(Read(record, seen.revision, tuple(seen.fields), seen.revision <= seen.at_hand, True))
        if self._was:
            reads += [Was(record, values) for record, values in self._was.items()]
        return (*reads, *self._queries)

    # -- changes

    @property
    def is_collecting(self) -> bool:
        """Tell whether there is anything to propose."""
        return bool(self.changes or self.effects)

    def want(self, effect: Effect) -> None:
        """Take an effect; raises InvalidRequest once the intent has ended."""
        if self.ended is not None:
            raise InvalidRequest(self.ended)
        self.is_asked = self.is_proposed = False
        self.effects.append(effect)
        if effect.target is not None:
            self.arrived.append(effect.target)

    def clear(self) -> None:
        """Forget what was going to be proposed."""
        self.changes.clear()
        self.effects.clear()

    def pending(self, record: str) -> Mapping[str, Any]:
        """Return the values that are going to be set."""
        return self._pending.get(record, {})

    def change(self, change: AnyChange, options: Options) -> None:
        """Take a change; sets of one record that follow one another become one.

        Raises InvalidRequest once the intent has ended.
        """
        if self.ended is not None:
            raise InvalidRequest(self.ended)
        if options is not NO_OPTIONS:
            self._take_was(change.record, options)
        self.is_asked = self.is_proposed = False
        if isinstance(change, (Put, Set)):
            self._pending.setdefault(change.record, {}).update(change.fields)
            if self.changes and _can_join(last := self.changes[-1], change):
                self.changes[-1] = msgspec.structs.replace(last, fields={**last.fields, **change.fields})
                return
        self.changes.append(change)
        self.arrived.append(change.record)

    def _take_was(self, record: str, options: Options) -> None:
        if msgspec.structs.replace(options, was={}) != NO_OPTIONS:
            raise TypeError("reason, action, about … belong to the intent: only was= goes with a single change of it")
        self._was.setdefault(record, {}).update(options.was)


def _can_join(last: AnyChange, change: Put | Set) -> TypeGuard[Put | Set]:
    """Tell whether two changes that follow one another set fields of one record in the same way."""
    if last.record != change.record or type(last) is not type(change):
        return False
    return not (getattr(last, "replace", False) or getattr(change, "replace", False))
