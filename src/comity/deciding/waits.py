"""Waits: who waits for whom, whatever for, and whether one more wait would close a cycle (S31).

Everything that waits is an edge of one graph: tickets in line, offers, approvals, places in
the line of a lease, and the deferrals that the announced intents of agents meet. A wait for
several (all that a ticket in line waits for) needs each of them; a wait for one of several
(the owners of a field, the agents of a role) needs any. So a wait comes back to its own
agent only if all who could end it wait for that agent in turn.

A human is never part of a cycle: a person who waits can still answer, approve, lift and
break, which is what the others wait for.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol

import msgspec

from comity import limits

CYCLE: Final = "queue.cycle"
"""The code of the finding that a wait would never end."""

_TOLD: Final = 6
"""Of the steps of a cycle."""

Group = frozenset[str]
"""Agents of whom any one could end a wait."""


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Be one wait of an agent.

    ``by`` is what it waits under: a ticket, a lease's subject, a rule. Of each of its
    ``groups`` somebody has to act, and all that are ``ahead`` of it, by what they wait under,
    have to be over. Of a deferral ``priority`` is the rule's, ``since`` (microseconds) when
    the intent was announced.
    """

    agent: str
    by: str
    groups: tuple[Group, ...] = ()
    ahead: tuple[str, ...] = ()
    priority: int = 0
    since: int = 0
    is_deferral: bool = False

    @property
    def strength(self) -> tuple[int, int, str]:
        """Return how much a deferral counts: the weakest of a cycle gives way, so that its agent goes ahead."""
        return self.priority, self.since, self.agent


class Waits(Protocol):
    """Know all waits."""

    def of(self, agent: str) -> Iterable[Wait]:
        """Return the waits of an agent."""
        ...

    def under(self, name: str) -> Wait | None:
        """Return the wait under a ticket, or None where nobody waits under it."""
        ...


class Step(msgspec.Struct, frozen=True, gc=False):
    """Be one step of a cycle: a wait, and the agent whom it leads to."""

    wait: Wait
    to: str

    def __str__(self) -> str:
        return f"{self.wait.agent} waits for {self.to} ({self.wait.by})"


def find_cycle(start: Wait, waits: Waits) -> tuple[Step, ...]:
    """Return the way on which a wait leads back to its own agent, from itself on; empty where it can end."""
    reached = _reached(start, waits)
    stuck = _stuck(reached)
    return _way_back(start, reached, stuck) if start.by in stuck else ()


class TooManyWaits(Exception):
    """Tell that more than ``limits.WAITS_IN_GRAPH`` waits would have to be looked at."""


def _reached(start: Wait, waits: Waits) -> dict[str, Wait]:
    """Return all waits that a wait depends on, by what they wait under, itself among them; raises TooManyWaits."""
    reached = {start.by: start}
    seen = {start.agent}
    pending = [start]
    while pending:
        wait = pending.pop()
        agents = [agent for group in wait.groups for agent in sorted(group) if agent not in seen]
        seen.update(agents)
        found = [further for agent in agents for further in waits.of(agent)]
        ahead = [waits.under(name) for name in wait.ahead if name not in reached]
        for further in (*found, *ahead):
            if further is not None and further.by not in reached:
                reached[further.by] = further
                pending.append(further)
        if len(reached) > limits.WAITS_IN_GRAPH:
            raise TooManyWaits
    return reached


def _stuck(reached: Mapping[str, Wait]) -> dict[str, Wait]:
    """Return the waits that can't end: what is left when those are taken away that can, and then can, one by one."""
    by_agent = Counter(wait.agent for wait in reached.values())
    behind: dict[str, list[str]] = {}
    asking: dict[str, list[tuple[str, Group]]] = {}
    reasons: dict[str, int] = {}
    for name, wait in reached.items():
        ahead = [one for one in wait.ahead if one in reached]
        closed = [group for group in wait.groups if group <= by_agent.keys()]
        reasons[name] = len(ahead) + len(closed)
        for one in ahead:
            behind.setdefault(one, []).append(name)
        for group in closed:
            for agent in group:
                asking.setdefault(agent, []).append((name, group))
    ending = [name for name, count in reasons.items() if not count]
    freed: set[tuple[str, Group]] = set()
    while ending:
        name = ending.pop()
        agent = reached[name].agent
        by_agent[agent] -= 1
        opened = [one for one in asking.get(agent, ()) if one not in freed] if not by_agent[agent] else []
        freed.update(opened)
        for other in (*behind.get(name, ()), *(waiting for waiting, _ in opened)):
            reasons[other] -= 1
            if not reasons[other]:
                ending.append(other)
    return {name: wait for name, wait in reached.items() if reasons[name]}


def _way_back(start: Wait, reached: Mapping[str, Wait], stuck: Mapping[str, Wait]) -> tuple[Step, ...]:
    """Return the shortest way to the agent of a wait; empty where it only stands before a cycle of others."""
    by_agent: dict[str, list[Wait]] = {}
    for wait in stuck.values():
        by_agent.setdefault(wait.agent, []).append(wait)
    pending = deque([start])
    came: dict[str, _Link | None] = {start.by: None}
    while pending:
        wait = pending.popleft()
        agents = sorted({agent for group in wait.groups if group <= by_agent.keys() for agent in group})
        if start.agent in agents or start.by in wait.ahead:
            return _steps(_Link(wait, start.agent not in agents), start, came)
        nexts = [(other, False) for agent in agents for other in by_agent.get(agent, ())]
        nexts += [(reached[name], True) for name in wait.ahead if name in stuck]
        for other, is_ahead in nexts:
            if other.by not in came:
                came[other.by] = _Link(wait, is_ahead)
                pending.append(other)
    return ()


class _Link(msgspec.Struct, frozen=True, gc=False):
    """Be how a way goes on from a wait: to somebody whom it waits for, or to one ahead of it in line."""

    wait: Wait
    is_ahead: bool


def _steps(last: _Link, start: Wait, came: Mapping[str, _Link | None]) -> tuple[Step, ...]:
    """Return the steps of a way from its start; who stands behind others in line waits for the first of them."""
    links: list[_Link] = []
    link: _Link | None = last
    while link is not None:
        links.append(link)
        link = came[link.wait.by]
    links.reverse()
    firsts = [
        one for before, one in pairwise([None, *links]) if one and not (before and before.is_ahead and one.is_ahead)
    ]
    followers = [*(one.wait.agent for one in firsts[1:]), start.agent]
    return tuple(Step(one.wait, to) for one, to in zip(firsts, followers, strict=True))


def explain(cycle: Sequence[Step]) -> str:
    """Return a cycle as a sentence without its end, the middle of a long one only by its number."""
    steps = [str(cycle[0]), *(str(step).partition(" ")[2] for step in cycle[1:])]
    left_out = len(steps) - _TOLD
    if left_out > 1:
        steps[_TOLD // 2 : -_TOLD // 2] = [f"waits for {left_out} more one after the other"]
    return ", who ".join(steps)
