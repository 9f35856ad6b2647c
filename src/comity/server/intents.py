"""Intents held for agents that forget, by workspace and caller, under short handles (S17).

The first read opens an intent and is answered with a handle, ``i7k2mq.1``: the intent, and
the count of its answers. The next call carries the handle that its agent has, which proves
that this answer arrived. What an intent remembers, and what a call on it may do, is in
:mod:`comity.server.turns`. Nothing here knows of HTTP or MCP.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from comity import limits
from comity.errors import InvalidRequest, ReadsLost
from comity.model.proposals import Caller
from comity.server.turns import ANEW, HeldIntent, Turn
from comity.workspace import Agent

_HANDLE: Final = re.compile(r"(i[a-z0-9]{5})\.([0-9]{1,9})\Z")
_SIGNS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_CHARS: Final = 12
"""Of an intent's id, behind the part that its handle shows: enough that no two servers ever make the same."""

Owner = tuple[str, Caller]
"""A workspace, and who called there, by which credential: with another one nothing is known of what was read."""

Key = tuple[Owner, str]


class HeldIntents:
    """Hold intents by workspace and caller: bounded in number and in idle time, safe to use from any thread.

    One caller can't use the handle of another: it is looked up among the caller's own.
    """

    def __init__(self, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, HeldIntent] = OrderedDict()
        self._bytes: Counter[Owner] = Counter()
        self._of: dict[Owner, OrderedDict[str, HeldIntent]] = {}

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def turn(
        self, workspace: str, agent: Agent, handle: str | None = None, *, opening: str | None = None
    ) -> Generator[Turn]:
        """Give a call its turn on the intent that a handle names, or on a new one without.

        A call that is ``opening`` an intent, and whose answer hasn't arrived yet, goes on with
        the one that it opened before. Raises InvalidRequest for what is no handle, ReadsLost
        for one that doesn't match what is held.
        """
        owner = (workspace, agent.caller)
        held, basis = self._new_or_unproven(owner, agent, opening) if handle is None else self._at(owner, handle)
        with held.lock:
            try:
                if handle is not None:
                    held.confirm(basis)
                yield Turn(held, basis)
            finally:
                self._weigh(owner, held)

    def _at(self, owner: Owner, handle: str) -> tuple[HeldIntent, int]:
        found = _HANDLE.match(handle)
        if found is None:
            raise InvalidRequest(f"{handle[:40]!r} is no handle: give the last one that you got, such as i7k2mq.3")
        with self._lock:
            self._forget_unused()
            held = self._of.get(owner, {}).get(found[1])
            if held is None:
                raise ReadsLost(
                    f"freshness.reads_lost: the intent {found[1]} isn't held here, or no longer, so what was read"
                    f" through it isn't known. A change that it proposed may have been made. Next: {ANEW}"
                )
            self._touch(owner, held)
        return held, int(found[2])

    def _new_or_unproven(self, owner: Owner, agent: Agent, opening: str | None) -> tuple[HeldIntent, int]:
        with self._lock:
            self._forget_unused()
            own = self._of.get(owner, OrderedDict())
            for held in own.values() if opening is not None else ():
                if held.opened_for == opening and not held.receipts.confirmed:
                    self._touch(owner, held)
                    return held, 0
            token = _fresh(own)
            held = HeldIntent(token, agent.resumable(token + _random(_ID_CHARS)))
            held.opened_for = opening
            self._make_room(owner)
            self._of.setdefault(owner, OrderedDict())[held.token] = held
            self._held[owner, held.token] = held
            self._touch(owner, held)
        return held, 0

    def _touch(self, owner: Owner, held: HeldIntent) -> None:
        held.used_at = self._seconds()
        self._held.move_to_end((owner, held.token))
        self._of[owner].move_to_end(held.token)

    def _make_room(self, owner: Owner) -> None:
        own = self._of.get(owner, OrderedDict())
        if len(own) >= limits.HELD_INTENTS_PER_CALLER:
            self._forget((owner, next(iter(own))))
        elif len(self._held) >= limits.HELD_INTENTS:
            self._forget(next(iter(self._held)))

    def _weigh(self, owner: Owner, held: HeldIntent) -> None:
        """Take into account what an intent remembers by now, and forget others where that is too much."""
        with self._lock:
            own = self._of.get(owner, OrderedDict())
            if own.get(held.token) is not held:
                return
            before, held.weight = held.weight, held.size
            self._bytes[owner] += held.weight - before
            while len(own) > 1 and self._bytes[owner] > limits.HELD_BYTES_PER_CALLER:
                self._forget((owner, next(token for token in own if token != held.token)))
            while len(self._held) > 1 and self._bytes.total() > limits.HELD_BYTES:
                self._forget(next(key for key in self._held if key != (owner, held.token)))

    def _forget_unused(self) -> None:
        since = self._seconds() - limits.HELD_INTENT_S
        for key in list(self._oldest(since)):
            self._forget(key)

    def _oldest(self, since: float) -> Iterator[Key]:
        for key, held in self._held.items():
            if held.used_at > since:
                return
            yield key

    def _forget(self, key: Key) -> None:
        self._bytes[key[0]] -= self._held.pop(key).weight
        own = self._of[key[0]]
        del own[key[1]]
        if not own:
            del self._of[key[0]], self._bytes[key[0]]


def _fresh(own: Mapping[str, HeldIntent]) -> str:
    while (token := f"i{_random(5)}") in own:
        continue
    return token


def _random(length: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(length))
