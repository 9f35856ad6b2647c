"""Reporting, for people: what the checks refused or would have refused, and what happened when."""

from __future__ import annotations

import os
from datetime import datetime

from comity.clock import format_time, parse_time
from comity.operations import Report, ReportAnswer
from comity.workspace.session import Session


class Reporting:
    """Report."""

    _session: Session

    def report(
        self,
        *,
        record: str | None = None,
        agent: str | None = None,
        since: int | str | datetime | None = None,
        html: str | os.PathLike[str] | None = None,
    ) -> ReportAnswer:
        """Return what the checks found, what it cost, and what happened when; prints well.

        ``since`` is a revision, a time, or a span back from now such as ``"1d"``. ``html``
        names a file to which it is written too, as one page fit for an incident ticket.
        """
        moment = format_time(parse_time(since.isoformat())) if isinstance(since, datetime) else since
        file = os.fspath(html) if html is not None else None
        return self._session.call(Report(record=record, agent=agent, since=moment, html=file))
