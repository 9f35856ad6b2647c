"""Transactions over Comity, as clients see them: lists that are appended to, registers that are overwritten.

``python -m tests.stress.transactions FOLDER …`` is a process of such clients. It writes what
they saw into a file of its own, for the checker of cycles to judge.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

import comity
from comity.testing.cycles import Append, Got, Listed, Operation, Transaction, Write

KEYS = 4
DEFINITION = """
name = "transactions"
[kinds.journal.fields]
entries = { type = "array", items = { type = "integer" }, default = [] }
[kinds.register.fields]
entry = { type = "integer" }
"""
WEAKENED = f"{DEFINITION}\n[checks]\nfreshness = 'shadow'\n"


def fill(workspace: comity.Workspace) -> None:
    """Make the lists and registers."""
    for number in range(KEYS):
        workspace.agent("maker").create(f"journal/{number}", {})
        workspace.agent("maker").create(f"register/{number}", {})


class Client:
    """Be one client: its agent, its dice, the transactions that it saw."""

    def __init__(self, workspace: comity.Workspace, name: str, seed: str) -> None:
        self._agent = workspace.agent(name)
        self._name = name
        self._chance = random.Random(f"{seed} {name}")
        self._number = 0
        self.seen: list[Transaction] = []

    def run(self, transactions: int) -> None:
        """Carry out so many transactions, one after the other."""
        for _ in range(transactions):
            self.seen.append(self._transact())

    def _transact(self) -> Transaction:
        self._number += 1
        begun, done = time.monotonic_ns(), list[Operation]()
        intent = self._agent.intent("transact")
        for place in self._chance.sample(range(KEYS), self._chance.randint(1, 3)):
            self._act(intent, place, done)
        decision = intent.propose()
        outcome = "committed" if decision.is_committed else "aborted"
        name = f"{self._name}.{self._number}"
        return Transaction(name, begun, time.monotonic_ns(), outcome, tuple(done))

    def _act(self, intent: comity.Intent, place: int, done: list[Operation]) -> None:
        """Read, write on from what was read, or append without a look."""
        value = self._chance.randrange(1 << 60)
        act = self._chance.choice(("list", "list on", "append", "read", "write on"))
        if act in ("list", "list on"):
            done.append(Listed(f"l{place}", tuple(intent.get(f"journal/{place}").entries)))
        if act in ("append", "list on"):
            intent.append(f"journal/{place}", entries=[value])
            done.append(Append(f"l{place}", value))
        if act in ("read", "write on"):
            register = intent.get(f"register/{place}")
            done.append(Got(f"r{place}", register.entry))
            if act == "write on":
                register.entry = value
                done.append(Write(f"r{place}", value))


def look(workspace: comity.Workspace) -> Transaction:
    """Return the transaction that sees how everything ended."""
    begun, agent = time.monotonic_ns(), workspace.agent("maker")
    lists = [Listed(f"l{n}", tuple(agent.get(f"journal/{n}").entries)) for n in range(KEYS)]
    registers = [Got(f"r{n}", agent.get(f"register/{n}").entry) for n in range(KEYS)]
    return Transaction("end", begun, time.monotonic_ns(), "committed", (*lists, *registers))


def run_together(
    workspaces: Sequence[comity.Workspace], threads: int, transactions: int, seed: str
) -> list[Transaction]:
    """Return what clients saw who worked in threads, dealt to one or more handles of the same base."""
    clients = [
        Client(workspaces[number % len(workspaces)], f"{seed.replace(' ', '-')}.{number}", seed)
        for number in range(threads)
    ]
    work: Iterable[Callable[[Client], None]] = [lambda client: client.run(transactions)] * threads
    running = [threading.Thread(target=act, args=(client,)) for act, client in zip(work, clients, strict=True)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return [one for client in clients for one in client.seen]


def main() -> None:
    """Be a process of clients."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("seen", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--transactions", type=int)
    parser.add_argument("--seed")
    given = parser.parse_args()
    with comity.open(given.url) as workspace:
        seen = run_together([workspace], given.threads, given.transactions, given.seed)
    given.seen.write_bytes(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
