"""Random histories with erasures: the log stays whole, records are what it folds to, and what was erased is nowhere.

Each value and each reason that is written is a word of its own, so that the files can be
looked through for it. The model knows which records a word is about, and since when.
"""

from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import comity
from comity.testing.manual_clock import ManualClock

RECORDS = ("person/ann", "person/bob", "visit/one", "visit/two")
records = st.sampled_from(RECORDS)


class Erasures(RuleBasedStateMachine):
    """Write words about records, erase some of these, and look whether just their words are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="er-"))
        self.clock = ManualClock()
        self.numbers = count()
        self.about: dict[str, set[str]] = {record: set() for record in RECORDS}
        self.erased: set[str] = set()
        self.values: dict[str, str | None] = dict.fromkeys(RECORDS)
        self.open()

    def open(self) -> None:
        self.ws = comity.open(self.folder / "b.db", clock=self.clock)
        self.agent = self.ws.agent("sales")

    def word(self, *about: str) -> str:
        """Return a word that nothing else has, about some records."""
        made = f"word{next(self.numbers)}word"
        for record in about:
            self.about[record].add(made)
        return made

    def see(self, record: str) -> dict[str, Any]:
        return {"accept": self.ws.revision}

    @rule(record=records, size=st.integers(0, 4_000))
    def put(self, record: str, size: int) -> None:
        if self.ws.get(record).life == "archived":
            return
        value = f"{self.word(record)}{'.' * size}"
        self.agent.put(record, text=value, reason=self.word(record), **self.see(record))
        self.values[record] = value

    @rule(record=records, other=records)
    def write_about(self, record: str, other: str) -> None:
        """Write one record for a reason that names another."""
        if self.ws.get(record).life == "archived":
            return
        reason = f"{other} says {self.word(other)}"
        self.agent.put(record, text="plain", reason=reason, **self.see(record))
        self.values[record] = "plain"

    @rule(record=records)
    def be_refused(self, record: str) -> None:
        with self.agent.intent(reason=self.word(record)) as intent:
            intent.put(record, text=self.word(record))
            intent.assume("1 == 2")
            assert not intent.propose().is_committed

    @rule(record=records, how=st.sampled_from(["archive", "delete", "restore"]))
    def change_life(self, record: str, how: str) -> None:
        intent = self.agent.intent(reason=self.word(record))
        getattr(intent, how)(record)
        assert intent.propose().outcome in ("committed", "refused")

    @rule(record=records, other=records)
    def plan(self, record: str, other: str) -> None:
        """Announce an intent about a record, and withdraw it or not."""
        intent = self.agent.intent("visit", about=[record], reason=self.word(record))
        intent.announce()
        if record != other:
            intent.withdraw()

    @rule(asked=st.lists(records, min_size=1, max_size=2, unique=True))
    def erase(self, asked: list[str]) -> None:
        there = [record for record in asked if self.ws.get(record).version]
        if not there:
            return
        answer = self.ws.erase(*there, reason="asked for")
        assert answer.is_done
        for record in there:
            self.erased |= self.about[record]
            self.about[record] = set()
            self.values[record] = None

    @rule()
    def reopen(self) -> None:
        self.ws.close()
        self.open()

    @invariant()
    def what_was_erased_is_nowhere(self) -> None:
        files = [file.read_bytes() for file in self.folder.iterdir() if file.is_file()]
        assert [word for word in self.erased if any(word.encode() in data for data in files)] == []

    @invariant()
    def the_rest_is_there(self) -> None:
        for record in RECORDS:
            found = self.ws.get(record)
            if found.life == "live":
                assert found.get("text") == self.values[record]

    def teardown(self) -> None:
        found = self.ws.verify()
        assert found.problems == ()
        for revision in range(found.revision + 1):
            self.ws.at(revision)
        self.ws.history(limit=1_000)
        self.ws.close()
        shutil.rmtree(self.folder)


TestErasures = Erasures.TestCase
TestErasures.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
