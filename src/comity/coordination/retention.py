"""Retention: answers whose time is over by the definition are dropped, a bite at a time, by whoever does duties (S7).

A store drops those of ``limits.ANSWERS_KEPT_DAYS`` by itself, as new ones are kept. A
definition may have them go sooner; nothing else hangs on when just that happens.
"""

from __future__ import annotations

from comity import limits
from comity.clock import SECOND_US
from comity.coordination.host import Host


class Retention:
    """Drop what is over in one workspace."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._rest_until_us = 0

    def run(self) -> int:
        """Drop a bite, unless the last look found less than that a while ago; return how many answers went."""
        begun_us = self._host.clock.boot_us()
        if begun_us < self._rest_until_us:
            return 0
        self._rest_until_us = begun_us + round(limits.RETENTION_PAUSE_S * SECOND_US)
        with self._host.store.snapshot() as snapshot:
            now_us = self._host.coordinator.time_at(snapshot.head).now_us
            kept_s = self._host.coordinator.definition(snapshot).definition.retention.answers_s
        if kept_s >= limits.ANSWERS_KEPT_DAYS * 86_400:
            return 0
        settled_us = now_us - kept_s * SECOND_US
        pending_us = settled_us - limits.WAIT_DAYS * 86_400 * SECOND_US
        dropped = self._host.store.drop_answers(settled_us, pending_us, limits.RETENTION_BITE)
        if dropped >= limits.RETENTION_BITE:
            self._rest_until_us = 0
        return dropped
