"""Announced intents as rules look at them: by the records that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from comity import limits
from comity.model.records import RecordState


class Announced:
    """Hold the open intents. Whoever made it brings it up to date by :meth:`take`.

    Of more than ``limits.INTENTS_HELD`` it holds none any more: then they are searched for.
    """

    def __init__(self, intents: Iterable[RecordState] = ()) -> None:
        self._intents: dict[str, RecordState] = {}
        self._about: dict[str, dict[str, RecordState]] = {}
        self._is_full = False
        for intent in intents:
            self.take(intent)

    def on(self, record: str) -> Sequence[RecordState] | None:
        """Return the open intents about a record, those included that have expired; None where they aren't held."""
        return None if self._is_full else tuple(self._about.get(record, {}).values())

    def take(self, intent: RecordState) -> None:
        """Take what became of an intent."""
        former = self._intents.pop(intent.id, None)
        for record in _subjects(former) if former is not None else ():
            self._drop(record, intent.id)
        if intent.is_live and not self._is_full:
            self._intents[intent.id] = intent
            for record in _subjects(intent):
                self._about.setdefault(record, {})[intent.id] = intent
            if len(self._intents) >= limits.INTENTS_HELD:
                self._is_full = True
                self._intents, self._about = {}, {}

    def _drop(self, record: str, intent: str) -> None:
        on_record = self._about[record]
        del on_record[intent]
        if not on_record:
            del self._about[record]


def is_about(intent: RecordState, record: str) -> bool:
    """Tell whether an intent is open and about a record."""
    return intent.is_live and record in _subjects(intent)


def _subjects(intent: RecordState) -> Iterable[str]:
    """Return the records that an intent is about, each but once."""
    return dict.fromkeys(intent.values.get("about") or ())
