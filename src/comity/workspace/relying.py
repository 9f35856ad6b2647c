"""Relying: what an intent says beside what it reads and changes, and what must hold as it is decided."""

from __future__ import annotations

from comity.errors import InvalidRequest
from comity.model import refs
from comity.operations import Get, RecordAnswer
from comity.workspace.changes import check_record, check_text
from comity.workspace.memory import Memory
from comity.workspace.records import check_fields
from comity.workspace.session import Session


class Relying:
    """Collect assumptions, and what counts of what was read."""

    _session: Session
    _memory: Memory
    _assumptions: tuple[str, ...] = ()
    _relies_on: tuple[str, ...] = ()

    def assume(self, expression: str) -> None:
        """Have a CEL condition on the subjects judged at the moment of the decision, before the changes."""
        self._refuse_after_end()
        check_text("assumption", expression)
        self._assumptions += (expression,)

    def rely_on(self, *paths: str) -> None:
        """Name what counts where a kind's freshness is ``relied``: ``customer/acme`` or ``customer/acme.status``.

        Raises InvalidReference for what is neither, NotFound for a field that its kind doesn't have.
        """
        self._refuse_after_end()
        for path in paths:
            self._check_path(path)
        self._relies_on += paths

    def _check_path(self, path: str) -> None:
        check_record(path)
        refs.split(path.partition(".")[0])
        record, dot, field = path.rpartition(".")
        if not dot or self._memory.has_seen(path) or refs.parse(record) is None:
            return
        answer: RecordAnswer = self._session.call(Get(record=record))
        is_id = refs.parse(path) is not None and self._session.call(Get(record=path)).version > 0
        if not is_id:
            check_fields(answer, (field,))

    def _refuse_after_end(self) -> None:
        if self._memory.ended is not None:
            raise InvalidRequest(self._memory.ended)
