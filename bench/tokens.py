"""Tokens: what agents must read to know what has changed, with news and by reading again.

The sixteen agents of the workbench work off their errands, one step after the other. Each
has read the records of all its errands in the beginning, and acts on what it knows. Before
each step it has to know what of it still holds: one has only the records themselves and
reads them again in full; the other asks for the news, and reads again only where news were
cut. Both change the same records in the same way. Every answer that an agent gets is counted.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from rich.console import Console
from rich.table import Table

import comity
from bench.measuring import Row
from bench.workbench_agents import add_change
from bench.workbench_errands import DEFINITION, DOMAINS, Errand, deal, load, ref_of
from bench.workbench_tables import Call, Tables, load_tables
from comity.model.texts import tokens

Way = Literal["reading again", "news"]
Scope = Literal["all records of its errands", "the records of the next errand"]
WAYS: Final[tuple[Way, ...]] = ("reading again", "news")
SCOPES: Final[tuple[Scope, ...]] = ("all records of its errands", "the records of the next errand")
SAVED_AIM: Final = 0.8
_MORE: Final = re.compile(r"^and \d+ more$", re.MULTILINE)

Known = dict[str, dict[str, Any]]
"""The records that exist, as an agent knows them."""


class Count(msgspec.Struct):
    """Count the tokens that agents read: of records at first and later, of news, and of decisions."""

    first: int = 0
    again: int = 0
    news: int = 0
    decisions: int = 0

    @property
    def all(self) -> int:
        """Return all of them."""
        return self.first + self.again + self.news + self.decisions

    @property
    def staying_current(self) -> int:
        """Return those that it took to know what has changed."""
        return self.again + self.news


class Reading(msgspec.Struct, frozen=True):
    """Be what a whole day of all agents came to: ``records`` is what the base held afterwards."""

    way: Way
    scope: Scope
    steps: int
    moot: int
    count: Count
    records: Known


class Clerk:
    """Be one agent who acts on what it knows."""

    def __init__(self, agent: comity.Agent, errands: Sequence[Errand], way: Way, scope: Scope, count: Count) -> None:
        self._agent = agent
        self._way = way
        self._scope = scope
        self._count = count
        self._mine = tuple(dict.fromkeys(ref for errand in errands for ref in _refs(errand)))
        self._known: Known = {}
        self._doubtful: set[str] = set()
        self._cursor = 0
        self._count.first += self._read(self._mine)

    def act(self, errand: Errand) -> int:
        """Do what of an errand is still to be done; return how much was moot, being so already, or about nothing."""
        self._keep_current(errand)
        meant = [call for call in errand.calls if self._is_to_do(call)]
        if meant:
            intent = self._agent.intent(errand.action, reason=errand.query[:200])
            for number, call in enumerate(meant):
                add_change(intent, call, f"{errand.id}-{number}")
            decision = intent.propose(accept=self._cursor or None)
            self._count.decisions += tokens(str(decision))
            if not decision.is_committed:
                raise RuntimeError(f"{self._agent.name} didn't know what is so: {decision}")
            for call in meant:
                self._learn(call)
        return len(errand.calls) - len(meant)

    def _keep_current(self, errand: Errand) -> None:
        """Learn what has changed since the last step."""
        chosen = self._mine if self._scope == SCOPES[0] else _refs(errand)
        if self._way == "reading again":
            self._count.again += self._read(chosen)
            return
        self.hear()
        unsure = [ref for ref in _refs(errand) if ref in self._doubtful]
        self._count.again += self._read(unsure)
        self._doubtful.difference_update(unsure)

    def hear(self) -> None:
        """Take the news in; what was cut from them leaves everything in doubt."""
        if not self._mine:
            return
        news = self._agent.news(*self._mine, since=self._cursor)
        self._cursor = news.revision
        if not news:
            return
        self._count.news += tokens(str(news))
        if _MORE.search(str(news)):
            self._doubtful.update(self._mine)
        for item in news.items:
            if item.type.endswith(".deleted"):
                self._known.pop(item.record, None)
            elif item.record in self._known:
                self._known[item.record] |= item.now

    def _read(self, refs: Sequence[str]) -> int:
        """Read records in full; return how many tokens that took."""
        if not refs:
            return 0
        records = self._agent.get_many(refs)
        self._cursor = records[0].revision
        text = "\n".join(map(str, records))
        for record in records:
            self._known.pop(record.ref, None)
            if record.exists:
                self._known[record.ref] = dict(record)
        return tokens(text)

    def _is_to_do(self, call: Call) -> bool:
        ref = ref_of(call)
        if ref is None:
            return True
        known = self._known.get(ref)
        return known is not None and (
            "field" not in call.args or known.get(call.args["field"]) != call.args["new_value"]
        )

    def _learn(self, call: Call) -> None:
        """Know what one did oneself."""
        ref = ref_of(call)
        if ref is None:
            return
        if "field" in call.args:
            self._known[ref][call.args["field"]] = call.args["new_value"]
        elif call.name.partition(".")[2].startswith("delete"):
            self._known.pop(ref, None)


def _refs(errand: Errand) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ref for call in errand.calls if (ref := ref_of(call)) is not None))


def read_through(folder: Path, tables: Tables, way: Way, scope: Scope) -> Reading:
    """Return what a day came to on a fresh base."""
    folder.mkdir(parents=True)
    (folder / "workbench.toml").write_text(DEFINITION, encoding="utf-8")
    errands, count = deal(tables), Count()
    with comity.open(folder / "workbench.db", definition=folder / "workbench.toml") as workspace:
        load(workspace, tables)
        mine = {name: [errand for errand in errands if errand.agent == name] for name in _names()}
        clerks = {name: Clerk(workspace.agent(name), mine[name], way, scope, count) for name in mine}
        ordered = sorted(errands, key=lambda errand: (errand.round, errand.agent, errand.id))
        moot = sum(clerks[errand.agent].act(errand) for errand in ordered)
        return Reading(way, scope, len(ordered), moot, count, _records(workspace))


def _names() -> list[str]:
    return [name for domain in DOMAINS for name in domain.agents]


def _records(workspace: comity.Workspace) -> Known:
    """Return all records as they are now."""
    return {record.ref: dict(record) for domain in DOMAINS for record in _all(workspace, domain.kind)}


def _all(workspace: comity.Workspace, kind: str) -> Iterator[comity.Record]:
    page = workspace.find(kind, limit=500)
    yield from page
    while page.after is not None:
        page = workspace.find(kind, limit=500, after=page.after)
        yield from page


def saved(reading: Reading, hearing: Reading) -> float:
    """Return which part of all tokens news save."""
    return 1 - hearing.count.all / reading.count.all


# -- the report


def report(results: Path, console: Console, tables: Tables | None = None) -> list[Reading]:
    """Count all ways, print the counts, save them as ``tokens.json``."""
    tables = tables or load_tables()
    results.mkdir(parents=True, exist_ok=True)
    readings: list[Reading] = []
    with tempfile.TemporaryDirectory(prefix="tokens-", dir=results) as folder:
        for number, (scope, way) in enumerate(product(SCOPES, WAYS)):
            readings.append(read_through(Path(folder) / str(number), tables, way, scope))
    rows = list(rows_of(readings))
    (results / "tokens.json").write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    console.print(_table(readings, tables.origin))
    console.print(f"Saved as {results / 'tokens.json'}.")
    return readings


def rows_of(readings: Sequence[Reading]) -> Iterator[Row]:
    """Yield the comparison for each scope. An aim in tokens saved is shown as the ratio that it would be."""
    for reading, hearing in zip(readings[::2], readings[1::2], strict=True):
        aim = 1 / (1 - SAVED_AIM) if reading.scope == SCOPES[0] else None
        ratio = reading.count.all / hearing.count.all
        ours, theirs = float(hearing.count.all), float(reading.count.all)
        yield Row("news, tokens read", f"beside reading again {reading.scope}", ours, theirs, "tokens", ratio, aim=aim)


def _table(readings: Sequence[Reading], origin: str) -> Table:
    table = Table(title=f"Tokens that sixteen agents read to know what has changed, on {origin}")
    for name in ("looked at before a step", "way"):
        table.add_column(name)
    for name in ("steps", "first reading", "read again", "news", "decisions", "all", "saved", "same state"):
        table.add_column(name, justify="right")
    for number, one in enumerate(readings):
        other, count = readings[number - number % 2], one.count
        figures = (one.steps, count.first, count.again, count.news, count.decisions, count.all)
        same = "yes" if one.records == other.records else "[red]no[/]"
        last = (f"{saved(other, one):.1%}", same) if one.way == "news" else ("", "")
        table.add_row(one.scope, one.way, *(f"{figure:,}" for figure in figures), *last)
    return table
