"""Where a workspace stands, and as whom one is known there: what a server tells of both."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic, sleep
from typing import Final
from urllib.parse import urlencode

import msgspec

from comity import limits
from comity.errors import StoreUnavailable
from comity.model.proposals import Caller, Known
from comity.remote.decoding import decoded
from comity.remote.failures import error_of, told
from comity.remote.repeating import rests
from comity.remote.wire import Broken, NotSent, Reply, Wire

_OK: Final = 200


class Standing(msgspec.Struct, frozen=True):
    """Be who asks, and the revision that was asked for."""

    agent: str
    known: Known
    revision: int

    @property
    def caller(self) -> Caller:
        """Return who asks, as handles know it."""
        return Caller(self.agent, self.known)


class Standings:
    """Ask a server where a workspace stands."""

    def __init__(self, wire: Wire, headers: Mapping[str, str]) -> None:
        self._wire = wire
        self._headers = headers

    def now(self) -> Standing:
        """Return how it stands now."""
        return self._ask("")

    def at(self, moment: int | str) -> Standing:
        """Return how it stood at a revision or a time; raises NotFound for one that hasn't come."""
        return self._ask(f"?{urlencode({'at': moment})}")

    def behind(self, revision: int, wait_s: float) -> Standing:
        """Return how it stands as soon as there is a commit behind a revision, or so many seconds are over."""
        wait_s = max(0.0, min(wait_s, limits.SERVED_KEEP_ALIVE_S))
        return self._ask(f"?{urlencode({'behind': revision, 'wait_s': f'{wait_s:.3f}'})}", wait_s)

    def _ask(self, query: str, patience_s: float = 0.0) -> Standing:
        reply = self._reply(query, patience_s)
        if reply.status != _OK:
            raise error_of(reply.status, told(reply.status, reply.media, reply.body))
        return decoded(reply.body, Standing)

    def _reply(self, query: str, patience_s: float) -> Reply:
        until = monotonic() + limits.REMOTE_RETRY_S
        for rest_s in rests():
            try:
                return self._wire.exchange("GET", query, self._headers, patience_s=patience_s)
            except (NotSent, *Broken) as error:
                if monotonic() >= until:
                    raise StoreUnavailable(f"{self._wire.address} can't be reached: {error}") from None
            sleep(rest_s)
        raise AssertionError  # pragma: no cover - rests never end
