"""The workbench's e-mails, as effects: wanted by several agents at once, held, and judged again as they leave.

Some of the tasks send an e-mail on a condition ("if Carlos has any overdue tasks, …, otherwise …").
The agent looks, chooses the text, and sends the condition along: what was true when it looked
has to be true when the e-mail leaves. While the e-mails are held, other agents complete tasks,
or let one become overdue. Identical e-mails, wanted by different agents, are one. Two engines
on the file release what is due, from two threads each.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

import comity
from bench.workbench_errands import PRODUCT, SENDING, SUPPORT
from bench.workbench_tables import Call, Table, Tables
from comity.coordination.deliveries import Delivery
from comity.testing.manual_clock import ManualClock

HOLD_S: Final = 60
TODAY: Final = "2023-11-30"
"""The day on which WorkBench plays."""
PEOPLE_DRILLED: Final = 12
_WAIT_S: Final = 60.0
DEFINITION: Final = f"""
name = "letters"

[kinds.person.fields]
overdue = {{ type = "integer", default = 0, minimum = 0, title = "How many of this person's tasks are overdue" }}

[effects.email]
kind = "person"
hold = "{HOLD_S}s"

[effects.email.data]
subject = {{ type = "string", required = true }}
body    = {{ type = "string" }}
"""


class Text(msgspec.Struct, frozen=True):
    """Be what an e-mail says, and the condition on which it is to be sent, if any."""

    subject: str
    body: str
    still: str | None = None

    @property
    def meaning(self) -> str:
        """Return what makes two e-mails to one recipient the same: their texts."""
        return sha256(f"{self.subject}\0{self.body}".encode()).hexdigest()[:16]


LATE: Final = Text("Overdue tasks", "You have a few overdue tasks - can you update me on them?", "person.overdue > 0")
GOOD: Final = Text(
    "Good work this sprint", "Nice work keeping on top of your tasks this sprint!", "person.overdue == 0"
)


class Letter(msgspec.Struct, frozen=True):
    """Be an e-mail that an agent is to send: a text, or whichever fits what it finds."""

    agent: str
    recipient: str
    text: Text | None = None


class HeldBack(msgspec.Struct, frozen=True):
    """Be an e-mail that wasn't sent, and why."""

    recipient: str
    subject: str
    why: str


class Post(msgspec.Struct, frozen=True):
    """Be what became of all e-mails.

    ``wrong`` names those that were sent though their condition failed as they left, that
    were held back though it held, and that were sent more than once.
    """

    wanted: int
    different: int
    conditional: int
    sent: int
    held_back: tuple[HeldBack, ...]
    wrong: tuple[str, ...]


def letters_of(tables: Tables) -> list[Letter]:
    """Return the e-mails of the tasks, and a drill: some people hear how they are doing, from two agents each."""
    calls = [call for task in tables.tasks for call in task.actions if call.name == SENDING]
    wanted = [(call.args["recipient"], _text_of(call)) for call in calls]
    people = sorted({row["assigned_to_email"] for row in tables.project_tasks})[:PEOPLE_DRILLED]
    wanted += [(person, None) for person in people for _ in range(2)]
    return [Letter(SUPPORT.agents[number % 4], *one) for number, one in enumerate(wanted)]


def _text_of(call: Call) -> Text | None:
    """Return the text of a task's e-mail; None where the task leaves it to what the agent finds."""
    subject = call.args["subject"]
    return None if subject in (LATE.subject, GOOD.subject) else Text(subject, call.args["body"])


def overdue(tasks: Table) -> Counter[str]:
    """Return how many tasks of each person are overdue."""
    late = [row for row in tasks if row["due_date"] < TODAY and row["list_name"] != "Completed"]
    return Counter(row["assigned_to_email"] for row in late)


def run(folder: Path, tables: Tables) -> Post:
    """Return what became of all e-mails, wanted and released on a fresh base."""
    (folder / "letters.toml").write_text(DEFINITION, encoding="utf-8")
    clock, sent, letters = ManualClock(), list[Delivery](), letters_of(tables)
    bases = [
        comity.open(folder / "letters.db", definition=folder / "letters.toml", clock=clock),
        comity.open(folder / "letters.db", clock=clock),
    ]
    people = sorted({letter.recipient for letter in letters})
    wanted: list[tuple[str, Text]] = []
    try:
        for base in bases:
            base.handle("email", sent.append)
        _settle(bases[0], people, overdue(tables.project_tasks))
        _together(lambda agent: wanted.extend(_want(bases[0], agent, letters)), SUPPORT.agents)
        _together(lambda agent: _change(bases[1], agent, people), PRODUCT.agents)
        clock.advance(seconds=HOLD_S + 1)
        _together(lambda place: bases[int(place) % 2].run_effects(), ("0", "1", "2", "3"))
        return _post(bases[0], wanted, sent)
    finally:
        for base in bases:
            base.close()


def _together(work: Callable[[str], object], names: Sequence[str]) -> None:
    """Have several threads do some work, all at once."""
    meet = threading.Barrier(len(names))

    def begin(name: str) -> None:
        meet.wait(_WAIT_S)
        work(name)

    with ThreadPoolExecutor(len(names)) as pool:
        for done in [pool.submit(begin, name) for name in names]:
            done.result()


# -- what the agents do


def _person(email: str) -> str:
    return f"person/{email.partition('@')[0]}"


def _settle(base: comity.Workspace, people: Iterable[str], late: Counter[str]) -> None:
    with base.agent(PRODUCT.agents[0]).intent("import") as intent:
        for email in people:
            intent.create(_person(email), overdue=late[email])


def _want(base: comity.Workspace, agent: str, letters: Iterable[Letter]) -> Iterator[tuple[str, Text]]:
    """Want the e-mails of one agent, and yield to whom and what."""
    for letter in letters:
        if letter.agent == agent:
            person = _person(letter.recipient)
            with base.agent(agent).intent(SENDING, about=person) as intent:
                # The condition goes along with the e-mail, so the look at it needn't count as read.
                text = letter.text or (LATE if intent.peek(person).overdue else GOOD)
                said = {"subject": text.subject, "body": text.body}
                intent.effect("email", person, said, once=text.meaning, still=text.still)
            yield letter.recipient, text


def _change(base: comity.Workspace, agent: str, people: Sequence[str]) -> None:
    """Let the condition of some people change while the e-mails are held, and of some others only the number."""
    for place, email in enumerate(people):
        if PRODUCT.agents[place % 4] != agent or place % 3 == 2:
            continue
        with base.agent(agent).edit(_person(email), reason="the day's work") as person:
            late = person.overdue
            if place % 3 == 0:
                person.overdue = 0 if late else 1
            elif late:
                person.overdue = late + 1


# -- what became of them


def _post(base: comity.Workspace, wanted: Sequence[tuple[str, Text]], sent: Sequence[Delivery]) -> Post:
    different = list(dict.fromkeys(wanted))
    counts = Counter((delivery.target, delivery.data["subject"]) for delivery in sent)
    found = base.effects(state="all", limit=1_000).effects
    reasons = {(one.target, one.data["subject"]): one.answer or one.held_up or one.state for one in found}
    held_back = [
        HeldBack(email, text.subject, reasons[_person(email), text.subject])
        for email, text in different
        if not counts[_person(email), text.subject]
    ]
    return Post(
        wanted=len(wanted),
        different=len(different),
        conditional=sum(text.still is not None for _, text in different),
        sent=len(sent),
        held_back=tuple(held_back),
        wrong=tuple(_wrong(base, different, counts)),
    )


def _wrong(
    base: comity.Workspace, different: Iterable[tuple[str, Text]], counts: Counter[tuple[str | None, str]]
) -> Iterator[str]:
    """Yield what should have been otherwise, judged by what is overdue by now, as nothing changed since the release."""
    for email, text in different:
        is_late = base.get(_person(email)).overdue > 0
        should = text.still is None or is_late == (text == LATE)
        times = counts[_person(email), text.subject]
        if times != should:
            yield f"{text.subject!r} to {email} was sent {times} times"
