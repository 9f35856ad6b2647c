"""Awareness: what an intent is told of others, and what agents and workspaces may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Final, TypedDict

import msgspec

from comity.deciding.lines import rest_in_line
from comity.errors import ComityError, InvalidRequest
from comity.model import refs
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.news import News
from comity.operations import (
    Acknowledge,
    AcknowledgeAnswer,
    Announce,
    Announcement,
    InboxAnswer,
    InboxItem,
    IntentsAnswer,
    LeaseAnswer,
    ListIntents,
    NewsAnswer,
    ReleaseLease,
    ShowInbox,
    TakeLease,
    TellNews,
    WithdrawIntent,
)
from comity.workspace.memory import Memory
from comity.workspace.session import Session
from comity.workspace.standing import Standing

OnChange = Callable[[News], object]
"""Take the news of what has changed under an open intent. It is called in a thread of Comity's."""

_NOBODY: Final[Mapping[str, int]] = {}
_UNSEEN: Final = -1
_TURN_S: Final = 0.5
"""How long a wait in line lasts at most before it looks again: a place ahead may expire without a commit."""


class Announcing(TypedDict, total=False):
    """Be how an intent is to be announced."""

    plan: str | None
    ttl: str
    exclusive: bool


class Awareness:
    """Know what one intent has been told of others, and look what is new with each of its answers.

    In this process the next call on the intent is the proof that the answer before it
    arrived (S17). ``news`` is what it was told last; ``standing`` is where it stands in line
    for what its proposal was refused about.
    """

    news: News | None = None
    announcement: Announcement | None = None
    on_change: OnChange | None = None
    _lease: LeaseAnswer | None = None
    _standing: Standing | None = None
    _heard = -1
    _told = -1
    """The revision up to which an answer has told of others."""
    _is_attended = True
    """Whether anybody may be active anywhere, as of that revision."""

    def __init__(self, session: Session, memory: Memory, about: Sequence[str]) -> None:
        self._session = session
        self._memory = memory
        self._about = about
        self._known: dict[str, int] = {}
        memory.arrived += about

    @property
    def standing(self) -> Standing:
        """Return where it stands in line."""
        if self._standing is None:
            self._standing = Standing(self._session)
        return self._standing

    def resume(self, known: Mapping[str, int], told: int) -> None:
        """Go on from where the agent is known to have been told: up to a revision, of records in these versions."""
        self._known, self._told, self._is_attended = dict(known), told, True

    # -- with each answer

    def tell(self, revision: int, record: str = "", version: int = _UNSEEN) -> News | None:
        """Return what is new with an answer as of a revision; it shows a record in that version."""
        memory, known, news = self._memory, self._known, None
        if revision != self._told or self._is_attended or memory.arrived:
            if record:
                memory.arrived.append(record)
            news = self._look(revision, known, self._arrivals())
        if record and record[0] != "$":
            known[record] = version
        return news

    def tell_decided(self, decision: Decision) -> Decision:
        """Return a decision with what is new besides what its findings tell."""
        known, arrived = self._known, self._arrivals() if self._memory.arrived else ()
        made = _made(decision, known) if decision.is_committed else _NOBODY
        if decision.is_committed and not arrived and decision.revision == self._told + 1:
            self._told, news = decision.revision, None  # Nobody else can have committed anything meanwhile.
        else:
            news = self._look(decision.revision, {**known, **made} if made else known, arrived)
        known.update(made)
        return decision if news is None else _with_news(decision, news)

    def _look(self, revision: int, known: Mapping[str, int], arrived: Sequence[str]) -> News | None:
        session, since, news = self._session, self._told, None
        is_attended = session.is_attended(revision) if revision > since else self._is_attended
        if revision > since:
            if known or (arrived and is_attended):
                news = session.news(known, arrived, max(since, 0), revision, self._memory.seen_fields)
            self._told, self._is_attended = revision, is_attended
        elif arrived and is_attended:
            news = session.news(_NOBODY, arrived, since, revision, self._memory.seen_fields)
        for record in arrived:
            self._known[record] = _UNSEEN
        self._memory.arrived.clear()
        if news is not None:
            self.news = news
        return news

    def _arrivals(self) -> Sequence[str]:
        """Return the records that matter since just now: those it is about, has read, or is going to change."""
        known = self._known
        new = [record for record in self._memory.arrived if record not in known and _is_users(record)]
        return new if len(new) < 2 else list(dict.fromkeys(new))

    # -- announced

    def announce(self, request: Announce) -> Announcement:
        """Announce the intent; raise NotCommitted where it may not even be announced."""
        answer: Announcement = self._session.call(request)
        news = self._look(answer.revision, self._known, self._arrivals())
        if news is not None:
            news = _besides(news, answer)
        self.announcement = answer = msgspec.structs.replace(answer, news=news or None)
        self._lease = answer.lease
        return answer

    def is_to_let_go(self, decision: Decision | None) -> bool:
        """Tell whether anything is to be let go, now that the intent is over with this decision."""
        stands = self._standing is not None and self._standing.place is not None
        return stands or self._is_to_withdraw(decision)

    def _is_to_withdraw(self, decision: Decision | None) -> bool:
        """Tell whether anything of the announcement is to be let go."""
        if self.announcement is None or (decision is not None and decision.is_pending):
            return False
        return self._lease is not None or decision is None or not decision.is_committed

    def let_go(self, decision: Decision | None) -> None:
        """Withdraw the announcement, unless a proposal has closed it or still waits, and give up places in line."""
        if self._standing is not None:
            self._standing.let_go()
        if not self._is_to_withdraw(decision) or self.announcement is None:
            return
        with suppress(ComityError):  # What can't be let go expires by itself.
            if decision is None or not decision.is_committed:
                self._session.call(WithdrawIntent(intent=self.announcement.intent))
        with suppress(ComityError):
            if (lease := self._lease) is not None:
                self._session.call(ReleaseLease(subjects=lease.subjects, hold=lease.hold))
        self.announcement = self._lease = None

    @property
    def is_in_turn(self) -> bool:
        """Tell whether it has announced that it goes ahead of others, so that it needs no other place in line."""
        return self._lease is not None

    @property
    def tokens(self) -> dict[str, str]:
        """Return the fencing tokens of the turn that it has: none, where it doesn't have or need one."""
        lease = self._lease
        return dict.fromkeys(lease.subjects, lease.token) if lease is not None and lease.token is not None else {}

    def wait_for_turn(self, timeout: float | str) -> bool:
        """Wait in line; return whether it is its turn.

        Raises InvalidRequest where it stands in no line, Refused once its place is lost.
        """
        if self._lease is None:
            raise InvalidRequest("this intent stands in no line: announce it with exclusive=True first")
        until = monotonic() + seconds_of(timeout)
        while (lease := self._lease) is not None and lease.state == "waiting":
            revision, left = self._session.revision(), until - monotonic()
            asked = TakeLease(subjects=lease.subjects, hold=lease.hold, place=lease.ahead > 0)
            self._lease = lease = self._session.call(asked)
            if lease.state == "waiting" and lease.ahead:
                if left <= 0:
                    return False
                if rest_s := rest_in_line(lease.ahead):
                    sleep(min(rest_s, left))
                else:
                    self._session.wait_past(revision, min(left, _TURN_S))
        return lease is not None

    # -- between answers

    def listen(self, on_change: OnChange | None) -> None:
        """Call a function whenever a commit changes what the intent has read; None ends that."""
        self.on_change = on_change
        if on_change is None:
            self._session.silence(self)
            return
        self._start_hearing()
        self._session.listen(self)

    def hear(self) -> None:
        """See whether what has been read has changed, and tell."""
        on_change = self.on_change
        if on_change is None or self._memory.ended is not None:
            self._session.silence(self)
        elif (news := self._changed(self._session.revision())) is not None:
            on_change(news)

    def wait(self, timeout: float | str) -> News | None:
        """Wait until a commit changes what the intent has read; None where none did in time."""
        until = monotonic() + seconds_of(timeout)
        self._start_hearing()
        while True:
            revision = self._session.revision()
            if (news := self._changed(revision)) is not None:
                return news
            if (left := until - monotonic()) <= 0:
                return None
            self._session.wait_past(revision, left)

    def _start_hearing(self) -> None:
        if self._heard < 0:
            self._heard = self._told if self._told >= 0 else self._session.revision()

    def _changed(self, revision: int) -> News | None:
        """Return the news since it last heard any, if they change what it has read."""
        if revision <= self._heard:
            return None
        records = dict.fromkeys((*self._about, *list(self._memory.seen)), _UNSEEN)
        watched = {record: version for record, version in records.items() if _is_users(record)}
        since, self._heard = self._heard, revision
        try:
            news = self._session.news(watched, (), since, revision, self._memory.seen_fields)
        except ComityError:
            self._heard = since  # Not heard yet.
            raise
        return news if news is not None and news.broken else None


class Informed:
    """Be told of others: what intents show of their awareness."""

    _awareness: Awareness

    @property
    def news(self) -> News | None:
        """Return what it was told last of what others did; None where nothing was to be told yet."""
        return self._awareness.news

    @property
    def announcement(self) -> Announcement | None:
        """Return what it learned when it was announced; None unless it is."""
        return self._awareness.announcement

    @property
    def on_change(self) -> OnChange | None:
        """Return what is called with the news whenever a commit changes what was read; settable, None for nothing.

        It is called in a thread of Comity's, at once for commits of this process.
        """
        return self._awareness.on_change

    @on_change.setter
    def on_change(self, function: OnChange | None) -> None:
        self._awareness.listen(function)


def _made(decision: Decision, known: Mapping[str, int]) -> Mapping[str, int]:
    """Return the records that a commit changed, and nobody else since the intent saw them, by their versions."""
    return {ref: version for ref, version in decision.records.items() if known.get(ref) == version - 1}


def _with_news(decision: Decision, news: News) -> Decision:
    """Return a decision with the news that its findings don't tell."""
    moved = {(one.record, one.field) for finding in decision.findings for one in finding.moved}
    items = tuple(
        item for item in news.items if not item.now or any((item.record, name) not in moved for name in item.now)
    )
    news = msgspec.structs.replace(news, items=items)
    return msgspec.structs.replace(decision, news=news) if news else decision


def _is_users(record: str) -> bool:
    return refs.parse(record) is not None and record[0] != "$"


def _besides(news: News, answer: Announcement) -> News:
    """Return the news that an announcement doesn't tell itself."""
    told = {item.event for item in answer.recent}
    items = tuple(item for item in news.items if item.event not in told or item.is_broken)
    present = tuple(one for one in news.present if one not in answer.present)
    return msgspec.structs.replace(news, items=items, present=present)


def seconds_of(span: float | str) -> float:
    """Return a span of time, such as ``"30s"`` or a number of seconds, in seconds; raises InvalidRequest."""
    if isinstance(span, (int, float)) and not isinstance(span, bool) and span >= 0:
        return float(span)
    try:
        return float(parse_duration(str(span)))
    except ValueError as error:
        raise InvalidRequest(f"timeout: {error}") from None


class Aware:
    """Ask who is active, and what others did."""

    _session: Session

    def intents(self, record: str | None = None, *, agent: str | None = None, limit: int = 100) -> IntentsAnswer:
        """Return the announced intents that are open, about a record or all, the latest first."""
        return self._session.call(ListIntents(record=record, agent=agent, limit=limit))

    def news(self, *records: str, since: int = 0, until: int | None = None) -> News:
        """Return what others did to some records between two revisions, and who is active there.

        An intent needn't ask: each of its answers brings its news.
        """
        answer: NewsAnswer = self._session.call(TellNews(records=records, since=since, until=until))
        return answer.news


class Receiving:
    """Have an inbox."""

    _session: Session

    def inbox(self, *, limit: int = 100) -> InboxAnswer:
        """Return what waits for this agent and what became of what it proposed, newest first."""
        return self._session.call(ShowInbox(limit=limit))

    def acknowledge(self, *items: str | InboxItem) -> AcknowledgeAnswer:
        """Acknowledge items of the inbox, themselves or by their ids: they aren't shown again."""
        ids = tuple(item.id if isinstance(item, InboxItem) else item for item in items)
        return self._session.call(Acknowledge(items=ids))
