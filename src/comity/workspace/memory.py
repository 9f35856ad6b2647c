"""What an intent remembers: what was read through it, and what it is going to propose."""

from __future__ import annotations

import sys
import warnings
from collections.abc import KeysView, Mapping, Sequence
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


class _Seen:
    """Be what was read of one record: per field the latest revision, and how far the whole was at hand."""

    __slots__ = ("at_hand", "fields", "shown")

    def __init__(self) -> None:
        self.fields: dict[str, int] = {}
        self.shown = -1
        self.at_hand = -1


class Memory:
    """Collect reads, changes and effects; be asked for the proposal that they make.

    It is what the handles of an intent report to (:class:`comity.workspace.records.Collector`).
    ``ended`` says why it takes no more changes, once that is so; ``is_asked`` that all changes
    were judged at least once, ``is_proposed`` that they were proposed. Changes that never were
    judged, and that nothing withdrew, are warned about when it is dropped. ``arrived`` are the records
    that were found or are going to be changed; whoever has taken notice of them clears it.
    """

    def __init__(self) -> None:
        self.ended: str | None = None
        self.is_asked = False
        self.is_proposed = False
        self.changes: list[AnyChange] = []
        self.effects: list[Effect] = []
        self.arrived: list[str] = []
        self._seen: dict[str, _Seen] = {}
        self._queries: list[QueryRead] = []
        self._was: dict[str, dict[str, Any]] = {}
        self._pending: dict[str, dict[str, Any]] = {}

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

    # -- reads

    def hold(self, record: str, revision: int, fields: Sequence[str] = ()) -> None:
        """Note that a record was handed out, whole or as these fields, which then count: whoever hands it out knows."""
        seen = self._seen.get(record)
        if seen is None:
            seen = self._seen[record] = _Seen()
        if fields:
            seen.fields.update(dict.fromkeys(fields, revision))
        else:
            seen.at_hand = revision
            seen.fields[""] = revision

    def note(self, record: str, revision: int, fields: Sequence[str] | None, *, whole: bool = True) -> None:
        """Note that fields were used, or every one (None), of a record that was at hand as a ``whole`` or in part."""
        seen = self._seen.get(record) or self._meet(record)
        if whole and seen.at_hand < revision:
            seen.at_hand = revision
        if fields is None:
            seen.shown = max(seen.shown, revision)
        noted = seen.fields
        for name in fields or ("",):
            if noted.get(name, -1) < revision:
                noted[name] = revision

    def use(self, record: str, revision: int, field: str, *, whole: bool) -> Mapping[str, Any]:
        """Note that one field of a record at hand was used; return the values that are going to be set there."""
        seen = self._seen.get(record) or self._meet(record)
        if whole and seen.at_hand < revision:
            seen.at_hand = revision
        if seen.fields.get(field, -1) < revision:
            seen.fields[field] = revision
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
            fields = {name or LIFE: revision for name, revision in dict(seen.fields).items()}
            found[record] = {**fields, WHOLE: seen.shown} if seen.shown >= 0 else fields
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
            revisions = {*seen.fields.values()}
            if seen.shown < 0 and len(revisions) == 1:
                (revision,) = revisions
                fields = tuple(filter(None, seen.fields))
                reads.append(Read(record, revision, fields, revision <= seen.at_hand, True))
            else:
                reads += _reads(record, seen)
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


def _reads(record: str, seen: _Seen) -> list[Read]:
    """Return what was seen of a record at several revisions, or shown as a whole."""
    reads: list[Read] = []
    by_revision: dict[int, list[str]] = {}
    for name, revision in seen.fields.items():
        by_revision.setdefault(revision, []).append(name)
    for revision, names in by_revision.items():
        fields = tuple(name for name in names if name)
        reads.append(Read(record, revision, fields, whole=revision <= seen.at_hand, touched=True))
    if seen.shown >= 0:
        reads.append(Read(record, seen.shown, None, whole=True))
    return reads
