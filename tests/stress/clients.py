"""A process of many clients, run by the stress tests: ``python -m tests.stress.clients FOLDER …``.

Each client is a thread with an agent and a journal of its own. It reads, changes, repeats
itself, and asks again for what it never got an answer to: a killed process that is started
again goes on where its journals end. Each answer writes a byte to standard output.
"""

from __future__ import annotations

import argparse
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import comity
from comity.model import filters
from comity.model.proposals import (
    Add,
    AnyChange,
    AnyRead,
    Append,
    Create,
    Delete,
    Exclude,
    Include,
    Proposal,
    Put,
    QueryRead,
    Read,
    Restore,
    Set,
    Was,
)
from comity.testing.histories import Attempt, Journal, read_journals

RECORDS = 50
FIELDS = ("a", "b", "c", "d")
DEFINITION = """
name = "stress"

[kinds.item.fields]
a    = { type = "string" }
b    = { type = "string" }
c    = { type = "string" }
d    = { type = "string" }
n    = { type = "integer" }
tags = { type = "array", items = { type = "string" } }
log  = { type = "array", items = { type = "string" } }
"""

Plan = tuple[tuple[AnyChange, ...], tuple[AnyRead, ...]]


class Client:
    """Be one client: its agent, its journal, its dice."""

    def __init__(self, workspace: comity.Workspace, name: str, path: Path, seed: str) -> None:
        earlier = read_journals([path]) if path.exists() else []
        self.name = name
        self.done = len({attempt.proposal.id for attempt in earlier})
        self.unanswered = [attempt for attempt in earlier if attempt.decision is None]
        self.agent = workspace.agent(f"agent-{name}")
        self.journal = Journal(path, name)
        self.dice = random.Random(f"{seed} {name} {len(earlier)}")
        self.last: Proposal | None = None

    def run(self, proposals: int) -> None:
        """Ask again what is open, then propose until that many ids have been used."""
        with self.journal:
            for attempt in self.unanswered:
                self.ask_again(attempt)
            while self.done < proposals:
                self.propose()

    def ask_again(self, attempt: Attempt) -> None:
        """Propose under the same id what a kill left without an answer."""
        self._ask(attempt.proposal)

    def propose(self) -> None:
        """Propose something new, or now and then the last thing once more."""
        if self.last is not None and self.dice.random() < 0.03:
            self._ask(self.last)
            return
        (plan,) = self.dice.choices(PLANS, WEIGHTS)
        changes, reads = plan(self)
        self.last = Proposal(id=f"{self.name}.{self.done}", changes=changes, reads=reads)
        self._ask(self.last)
        self.done += 1

    def _ask(self, proposal: Proposal) -> None:
        self.journal.attempt(self.agent.name, proposal, lambda: self.agent.propose(proposal))
        os.write(1, b".")

    # -- what it may do

    def record(self) -> str:
        """Return some record."""
        return f"item/{self.dice.randrange(RECORDS)}"

    def value(self) -> str:
        """Return a value that nobody else ever writes."""
        return f"{self.name}.{self.done}.{self.dice.randrange(1000)}"

    def field(self) -> str:
        """Return one of the fields that everyone writes."""
        return self.dice.choice(FIELDS)

    def read(self, record: str, *fields: str) -> Read:
        """Return a read of these fields of a record, noted in the journal."""
        seen = self.agent.get(record)
        self.journal.see(seen, *fields)
        return Read(record, seen.revision, fields, whole=False, touched=True)


def overwrite(client: Client) -> Plan:
    """Read a field and write it."""
    record, field = client.record(), client.field()
    return (Set(record, {field: client.value()}),), (client.read(record, field),)


def depend(client: Client) -> Plan:
    """Write a field of one record because of a field of another: write skew, if nobody looks."""
    one, other, field = client.record(), client.record(), client.field()
    reads = client.read(one, field), client.read(other, client.field())
    return (Set(one, {field: client.value()}),), reads


def move(client: Client) -> Plan:
    """Change two records together, or neither."""
    one, other = client.dice.sample(range(RECORDS), 2)
    amount = client.dice.randint(1, 9)
    return (Add(f"item/{one}", {"n": -amount}), Add(f"item/{other}", {"n": amount})), ()


def collect(client: Client) -> Plan:
    """Change lists, by what commutes."""
    record, tag = client.record(), client.dice.choice("vwxyz")
    change = client.dice.choice([Include(record, {"tags": [tag]}), Exclude(record, {"tags": [tag]})])
    return (change, Append(record, {"log": [client.value()]}) if client.dice.random() < 0.1 else change), ()


def search(client: Client) -> Plan:
    """Write because a search found just these."""
    least = client.dice.randint(-20, 20)
    query = filters.query("item", f"n > {least}")
    page = client.agent.find("item", f"n > {least}")
    read = QueryRead(query, page.revision, tuple(record.id for record in page))
    record, field = client.record(), client.field()
    return (Set(record, {field: client.value()}),), (read, client.read(record, field))


def claim(client: Client) -> Plan:
    """Write on the strength of a value that is believed to be there."""
    record, field = client.record(), client.field()
    value = client.agent.get(record).get(field)
    return (Set(record, {field: client.value()}),), (Was(record, {field: value}),)


def write_blindly(client: Client) -> Plan:
    """Write without a look."""
    return (Put(client.record(), {client.field(): client.value()}),), ()


def remove(client: Client) -> Plan:
    """Delete now and then; bring back or create anew what is gone."""
    seen = min((client.agent.get(client.record()) for _ in range(5)), key=lambda one: one.life)
    record = seen.ref
    names = tuple(seen.keys())
    client.journal.see(seen, *names)
    read = Read(record, seen.revision, None, touched=True)
    if seen.life == "live":
        return (Delete(record),), (read,)
    change = Restore(record) if client.dice.random() < 0.5 else Create(record, {"a": client.value(), "n": 0})
    return (change,), (read,)


PLANS: list[Callable[[Client], Plan]] = [overwrite, depend, move, collect, search, claim, write_blindly, remove]
WEIGHTS = [36, 20, 14, 10, 4, 6, 4, 4]


def fill(workspace: comity.Workspace) -> None:
    """Create the records."""
    with workspace.agent("setup").intent("setup") as intent:
        for number in range(RECORDS):
            intent.create(f"item/{number}", a="", b="", c="", d="", n=0, tags=[], log=[])


def main() -> None:
    """Run the clients of one process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--place", required=True, help="the url of the workspace")
    parser.add_argument("--process", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--proposals", type=int, required=True, help="of each thread")
    parser.add_argument("--seed", required=True)
    chosen = parser.parse_args()
    with comity.open(chosen.place) as workspace:
        threads: list[threading.Thread] = []
        for number in range(chosen.threads):
            name = f"{chosen.process}-{number}"
            client = Client(workspace, name, chosen.folder / f"{name}.ndjson", chosen.seed)
            threads.append(threading.Thread(target=client.run, args=(chosen.proposals,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
