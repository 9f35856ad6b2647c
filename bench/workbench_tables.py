"""The tables and tasks that the workbench runs on: real ones where they are, a look-alike elsewhere.

The real ones are those of WorkBench (github.com/olly-styles/WorkBench, MIT licence): a
company's customers, project tasks, calendar and e-mails, and tasks with the write actions
that fulfil them. They aren't part of this repository; a clone without them runs on
generated tables of the same shapes and sizes, in which the same kinds of collisions occur.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

REAL: Final = Path(__file__).parents[2] / "shared" / "data" / "workbench"
SEED: Final = 2026
FEW: Final = 24
"""Rows of a generated table that the tasks are about: they are meant to collide."""

STATUSES: Final = ("Lead", "Lost", "Proposal", "Qualified", "Won")
INTERESTS: Final = ("Consulting", "Hardware", "Services", "Software", "Training")
LISTS: Final = ("Backlog", "Completed", "In Progress", "In Review")
BOARDS: Final = ("Back end", "Design", "Front end")
PEOPLE: Final = tuple(f"{name}@atlas.example" for name in ("aisha", "carlos", "lena", "luis", "nadia", "olga", "raj"))

Table = list[dict[str, str]]


class Call(msgspec.Struct, frozen=True):
    """Be one write action of a task: a tool's name and its arguments."""

    name: str
    args: dict[str, str]


class Task(msgspec.Struct, frozen=True):
    """Be one task as a person would state it, and the actions that fulfil it."""

    task: str
    query: str
    actions: tuple[Call, ...]


class Tables(msgspec.Struct, frozen=True):
    """Hold everything. ``origin`` says whether it is real or generated."""

    origin: str
    customers: Table
    project_tasks: Table
    calendar_events: Table
    emails: Table
    tasks: tuple[Task, ...]


def load_tables(folder: Path = REAL) -> Tables:
    """Return the real tables if they are there, generated ones otherwise."""
    if not folder.is_dir():
        return generate_tables()
    lines = (folder / "tasks.jsonl").read_bytes().splitlines()
    return Tables(
        "the tables of WorkBench",
        _read(folder / "customers.csv"),
        _read(folder / "project_tasks.csv"),
        _read(folder / "calendar_events.csv"),
        _read(folder / "emails.csv"),
        tuple(msgspec.json.decode(line, type=Task) for line in lines),
    )


def _read(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


# -- the look-alike


def generate_tables(seed: int = SEED) -> Tables:
    """Return tables of the same shapes and sizes, the same ones for each seed."""
    chosen = random.Random(seed)
    return Tables(
        f"generated tables of the same shapes (seed {seed}), as there are no real ones at ../shared/data/workbench",
        [_customer(number, chosen) for number in range(200)],
        [_project_task(number, chosen) for number in range(300)],
        [_event(number, chosen) for number in range(300)],
        [_email(number, chosen) for number in range(500)],
        tuple(_tasks(chosen)),
    )


def _id(number: int) -> str:
    return f"{number:08}"


def _day(chosen: random.Random) -> str:
    return f"2023-{chosen.randint(10, 12)}-{chosen.randint(1, 28):02}"


def _customer(number: int, chosen: random.Random) -> dict[str, str]:
    return {
        "customer_id": _id(number),
        "assigned_to_email": chosen.choice(PEOPLE),
        "customer_name": f"Customer {number}",
        "customer_email": f"customer.{number}@example.com",
        "customer_phone": f"555-01{number % 100:02}" if number % 2 else "",
        "last_contact_date": _day(chosen),
        "product_interest": chosen.choice(INTERESTS),
        "status": chosen.choice(STATUSES),
        "follow_up_by": _day(chosen),
        "notes": f"{_day(chosen)}: Had a call. " * chosen.randint(0, 3),
    }


def _project_task(number: int, chosen: random.Random) -> dict[str, str]:
    return {
        "task_id": _id(number),
        "task_name": f"Improve part {number % 77}",
        "assigned_to_email": chosen.choice(PEOPLE),
        "list_name": chosen.choice(LISTS),
        "due_date": _day(chosen),
        "board": chosen.choice(BOARDS),
    }


def _event(number: int, chosen: random.Random) -> dict[str, str]:
    return {
        "event_id": _id(number),
        "event_name": f"Meeting {number % 48}",
        "participant_email": chosen.choice(PEOPLE),
        "event_start": f"{_day(chosen)} {chosen.randint(9, 17):02}:{chosen.choice(('00', '30'))}:00",
        "duration": chosen.choice(("30", "60", "90", "120")),
    }


def _email(number: int, chosen: random.Random) -> dict[str, str]:
    return {
        "email_id": _id(number),
        "inbox/outbox": "inbox",
        "sender/recipient": chosen.choice(PEOPLE),
        "subject": f"Update on part {number % 80}",
        "sent_datetime": f"{_day(chosen)} {chosen.randint(8, 18):02}:15:00",
        "body": "Hello,\n\nhere is an update.\n\nBest" + " wishes" * chosen.randint(0, 60),
    }


def _tasks(chosen: random.Random) -> Iterator[Task]:
    """Yield about as many tasks of each sort as the real ones, on rows that they often share."""
    sorts = [
        ("customer_relationship_manager.delete_customer", 27),
        ("customer_relationship_manager.update_customer", 15),
        ("customer_relationship_manager.add_customer", 10),
        ("project_management.update_task", 15),
        ("project_management.create_task", 31),
        ("calendar.create_event", 34),
        ("calendar.delete_event", 19),
        ("email.delete_email", 10),
        ("email.forward_email", 10),
        ("email.send_email", 12),
    ]
    for name, count in sorts:
        for number in range(count):
            calls = 1 if chosen.random() < 0.75 else chosen.randint(2, 6)
            actions = tuple(Call(name, _arguments(name, row, chosen)) for row in chosen.sample(range(FEW), calls))
            yield Task(
                f"{name.partition('.')[0]}/{name.partition('.')[2]}-{number}", f"Please do this: {name}.", actions
            )


def _arguments(name: str, row: int, chosen: random.Random) -> dict[str, str]:
    few = _id(row)
    match name.partition(".")[2]:
        case "delete_customer":
            return {"customer_id": few}
        case "update_customer":
            return {"customer_id": few, "field": "status", "new_value": chosen.choice(STATUSES)}
        case "add_customer":
            return {"customer_name": "New Customer", "assigned_to_email": chosen.choice(PEOPLE), "status": "Lead"}
        case "update_task":
            return {"task_id": few, "field": "list_name", "new_value": chosen.choice(LISTS)}
        case "create_task":
            due, board = _day(chosen), chosen.choice(BOARDS)
            person = chosen.choice(PEOPLE)
            return {
                "task_name": "New", "board": board, "assigned_to_email": person, "due_date": due, "list_name": "Backlog"
            }  # fmt: skip
        case "create_event":
            person, start = chosen.choice(PEOPLE), f"{_day(chosen)} 13:00:00"
            return {"event_name": "New", "participant_email": person, "event_start": start, "duration": "30"}
        case "delete_event":
            return {"event_id": few}
        case "forward_email":
            return {"email_id": few, "recipient": chosen.choice(PEOPLE)}
        case "delete_email":
            return {"email_id": few}
        case _:
            return {"recipient": chosen.choice(PEOPLE), "subject": "News", "body": "Here are some."}
