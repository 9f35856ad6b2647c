"""What came of a run, counted from its files: the base, the outbox, the agents' journal.

Nothing here knows the script or the world: both runs are asked the same three questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from comity.cli.demo.desk import GONE, OUTBOX, Entry, read_journal
from comity.cli.demo.worlds import WORLDS, Records
from comity.model.records import LIFE
from comity.model.texts import listed

REFERENCES: Final = {
    "feature_request": ("customer", "customer"),
    "interaction": ("conversation", "conversation"),
    "conversation": ("customer", "customer"),
}
"""Kind → (field, kind referred to)."""


class Write(NamedTuple):
    """Be one value that an agent was told is saved; ``entry`` is the number of the journal's line."""

    entry: int
    record: str
    field: str
    value: Any


class Evidence(msgspec.Struct, frozen=True):
    """Be the counts of a run, with what happened, and what was wrong with it by entry."""

    emails_sent: int
    lost_updates: int
    dangling_references: int
    entries: tuple[Entry, ...]
    harms: dict[int, list[str]]

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing went wrong."""
        return not (self.emails_sent or self.lost_updates or self.dangling_references)


def collect(world: str, folder: Path) -> Evidence:
    """Return what came of a run."""
    entries = read_journal(folder)
    records = WORLDS[world].live_records(folder)
    lost = list(lost_writes(entries, records))
    dangling = list(dangling_references(records))
    return Evidence(
        emails_sent=len(list((folder / OUTBOX).glob("*.eml"))),
        lost_updates=len({write.entry for write, _ in lost}),
        dangling_references=len(dangling),
        entries=tuple(entries),
        harms=_harms(entries, lost, dangling),
    )


def lost_writes(entries: Sequence[Entry], records: Records) -> Iterator[tuple[Write, int]]:
    """Yield each acknowledged write that is lost, with the number of the entry that overwrote it.

    A write is lost if the next one of the field was made without knowing of it, or, where
    there is none, if the base doesn't have it (the entry is then its own).
    """
    following: dict[tuple[str, str], int] = {}
    for write in reversed(list(_writes(entries))):
        later = following.get((write.record, write.field))
        if later is None:
            if not _has(records, write):
                yield write, write.entry
        elif entries[later].seen.get(write.record, {}).get(write.field) != write.value:
            yield write, later
        following[write.record, write.field] = write.entry


def _writes(entries: Sequence[Entry]) -> Iterator[Write]:
    for number, entry in enumerate(entries):
        for record, values in entry.wrote.items():
            for field, value in values.items():
                yield Write(number, record, field, value)


def _has(records: Records, write: Write) -> bool:
    """Tell whether the base has what was written; a record that was removed later is asked for its life only."""
    if write.field == LIFE:
        return (write.record in records) == (write.value != GONE)
    return write.record not in records or records[write.record].get(write.field) == write.value


def dangling_references(records: Records) -> Iterator[tuple[str, str]]:
    """Yield (record, target) for each live record that points to one that isn't live."""
    for record, values in records.items():
        field, kind = REFERENCES.get(record.partition("/")[0], ("", ""))
        target = f"{kind}/{values.get(field)}"
        if values.get(field) is not None and target not in records:
            yield record, target


def _stale_mails(entries: Sequence[Entry]) -> Iterator[tuple[int, str]]:
    """Yield (entry, text) for each e-mail that rests on a value which was another by then."""
    known: dict[tuple[str, str], Any] = {}
    for number, entry in enumerate(entries):
        if entry.outcome == "sent":
            stale = [
                f"{field}={value}, by then {known[record, field]}"
                for record, values in entry.seen.items()
                for field, value in values.items()
                if known.get((record, field), value) != value
            ]
            if stale:
                yield number, f"sent an e-mail because of {stale[0]}"
        known.update({(write.record, write.field): write.value for write in _writes([entry])})


def _harms(
    entries: Sequence[Entry], lost: Sequence[tuple[Write, int]], dangling: Sequence[tuple[str, str]]
) -> dict[int, list[str]]:
    """Return what was wrong, in words, by the number of the entry that did it."""
    harms: dict[int, list[str]] = {}
    for number, text in _stale_mails(entries):
        harms.setdefault(number, []).append(text)
    for number, by in dict.fromkeys((write.entry, by) for write, by in lost):
        what = listed([f"{write.field}={write.value}" for write, _ in reversed(lost) if write.entry == number])
        harms.setdefault(by, []).append(f"overwrote {what} of {entries[number].agent} without knowing it")
    for record, target in dangling:
        writers = [number for number, entry in enumerate(entries) if record in entry.wrote]
        harms.setdefault(writers[-1] if writers else -1, []).append(f"points to {target}, which is gone")
    return harms
