"""What every agent of the demo has at its desk: a journal and an outbox.

The journal holds what the agent saw, did and was told, in its own words; it is what the
counting afterwards compares with the base. The outbox is a folder: nothing is sent to anyone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

JOURNAL: Final = "journal.ndjson"
OUTBOX: Final = "outbox"
GONE: Final = "gone"
"""What ``$life`` is called here of a record that was deleted or archived."""

Values = Mapping[str, dict[str, Any]]
"""Fields and their values, by record."""

Outcome = Literal["saw", "saved", "sent", "refused", "kept_back", "told", "pending", "asked"]
"""``told`` is what an agent learned without asking for it, ``asked`` that it went on to ask its model."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be one line of the journal.

    ``seen`` holds the values that the agent acted on, ``wrote`` those that it was told are
    saved, both by record; ``told`` is the answer that it got.
    """

    at: int
    scene: str
    agent: str
    process: int
    did: str
    record: str
    outcome: Outcome
    told: str = ""
    codes: tuple[str, ...] = ()
    seen: dict[str, dict[str, Any]] = {}
    wrote: dict[str, dict[str, Any]] = {}


class Desk:
    """Be one agent's place in the folder of a run."""

    def __init__(self, agent: str, folder: Path) -> None:
        self.agent = agent
        self.folder = folder
        self.scene = ""

    def note(
        self,
        did: str,
        record: str,
        outcome: Outcome,
        told: str = "",
        *,
        codes: tuple[str, ...] = (),
        seen: Values | None = None,
        wrote: Values | None = None,
    ) -> None:
        """Write a line into the journal."""
        entry = Entry(
            at=time.time_ns() // 1000,
            scene=self.scene,
            agent=self.agent,
            process=os.getpid(),
            did=did,
            record=record,
            outcome=outcome,
            told=told,
            codes=codes,
            seen=dict(seen or {}),
            wrote=dict(wrote or {}),
        )
        with (self.folder / JOURNAL).open("ab") as journal:
            journal.write(msgspec.json.encode(entry) + b"\n")

    def send(self, to: str, subject: str, body: str) -> None:
        """Put an e-mail into the outbox."""
        message = EmailMessage()
        message["From"] = f"{self.agent}@vendor.example"
        message["To"] = to
        message["Subject"] = subject
        message.set_content(body)
        outbox = self.folder / OUTBOX
        outbox.mkdir(exist_ok=True)
        with (outbox / f"{len(list(outbox.iterdir())) + 1:03}-{self.agent}.eml").open("xb") as file:
            file.write(bytes(message))


def read_journal(folder: Path) -> list[Entry]:
    """Return what the agents wrote down, in order."""
    lines = (folder / JOURNAL).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Entry) for line in lines]
