"""What is written down of each act, in words that fit any world."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

State = dict[str, Any] | None
"""The fields of a record; None while there is none."""
Ending = Literal["done", "conflict", "refused"]


class Look(msgspec.Struct, frozen=True):
    """Be the fields that an agent used of a record, as they were when ``acts`` had been done."""

    record: str
    values: dict[str, Any]
    acts: int


class Change(msgspec.Struct, frozen=True):
    """Be one thing that an agent meant to do to a record: ``set`` or ``add`` to fields, ``create``, ``delete``."""

    do: Literal["set", "add", "create", "delete"]
    record: str
    fields: dict[str, Any] = {}


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Be one act that was done: who, on what grounds, meaning what, and what it made of what was there."""

    agent: str
    role: str
    action: str
    looks: tuple[Look, ...]
    changes: tuple[Change, ...]
    before: dict[str, State]
    after: dict[str, State]


class Letter(msgspec.Struct, frozen=True):
    """Be an e-mail that left the building, when ``acts`` had been done."""

    customer: str
    acts: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Be what happened in one world.

    ``asked`` counts the actions that agents set out to do, ``thoughts`` how often a model had
    to run for them; ``world_s`` is the time, in seconds, that the world itself took.
    """

    world: str
    start: dict[str, State]
    acts: tuple[Act, ...]
    letters: tuple[Letter, ...]
    asked: int
    thoughts: int
    endings: dict[str, int]
    world_s: float


class Desk(Protocol):
    """Be where one agent does one action, in one world. Every look is fresh; nothing is done before ``finish``."""

    def look(self, record: str, *fields: str) -> dict[str, Any] | None:
        """Return the fields of a record that the agent is going to use; None where there is none."""
        ...

    def customers(self) -> list[str]:
        """Return the customers that there are, without noting that as a reason for anything."""
        ...

    def set(self, record: str, **fields: Any) -> None:
        """Mean to set fields."""
        ...

    def add(self, record: str, **fields: int) -> None:
        """Mean to add to numbers."""
        ...

    def create(self, record: str, **fields: Any) -> None:
        """Mean to make a record."""
        ...

    def delete(self, record: str) -> None:
        """Mean to delete a record."""
        ...

    def write_to(self, customer: str) -> None:
        """Mean to send a customer an e-mail."""
        ...

    def finish(self) -> Ending:
        """Do what was meant, and return how that ended."""
        ...


class World(Protocol):
    """Be a world to act in."""

    name: str

    def desk(self, agent: str, role: str, action: str) -> Desk:
        """Return a desk for one action of an agent."""
        ...

    def state(self, record: str) -> State:
        """Return a record as it is, for whoever writes down what happens."""
        ...

    def tick(self) -> None:
        """Do what is due by itself."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
