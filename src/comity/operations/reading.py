"""Reading: records, searches, counts, and what has gone stale."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from comity import limits
from comity.model.decisions import Finding, Moved
from comity.model.filters import LifeFilter
from comity.model.proposals import AnyRead
from comity.model.records import Life
from comity.operations import texts
from comity.operations.arguments import Answer, Filters, Limit, Moment, Ref, Request


class Get(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Read one record, now or as of a revision or time."""

    record: Ref
    at: Moment = None
    fresh: Annotated[bool, Meta(description="of the newest commit, whichever process made it")] = False


class RecordAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one record as of ``revision``.

    ``version`` is 0 and ``life`` is ``absent`` where it never was. ``changed`` is the revision
    of its last change, ``known`` the fields that its kind declares. ``is_erased`` tells that it had
    values, and nobody can have them any more.
    """

    record: str
    version: int
    life: Life
    values: dict[str, Any]
    revision: int
    incarnation: str
    changed: int = 0
    known: tuple[str, ...] = ()
    is_erased: bool = False

    def __str__(self) -> str:
        return texts.record(self)


class GetMany(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Read several records in one consistent snapshot."""

    records: Annotated[tuple[str, ...], Meta(description="the records, as kind/id")]
    at: Moment = None


class RecordsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be records of one snapshot. ``after`` is the cursor of the next page, where there is one."""

    records: tuple[RecordAnswer, ...]
    revision: int
    incarnation: str
    after: str | None = None

    def __str__(self) -> str:
        return texts.records(self)


class Stale(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tell what of earlier reads has moved, and by whose doing, as a proposal that rests on them would be told."""

    reads: Annotated[tuple[AnyRead, ...], Meta(description="the reads: records, searches and counts, with revision")]
    relies_on: Annotated[tuple[str, ...], Meta(description="what counts where freshness is relied")] = ()
    incarnation: Annotated[str | None, Meta(description="that of the base which the reads come from")] = None


class StaleAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what the check of freshness finds in the reads, as of a revision; nothing where all is still so."""

    findings: tuple[Finding, ...]
    revision: int

    @property
    def moved(self) -> tuple[Moved, ...]:
        """Return the fields of records that moved."""
        return tuple(one for finding in self.findings for one in finding.moved)

    def __str__(self) -> str:
        return texts.stale(self)


class Find(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Find the records of a kind that meet all conditions."""

    kind: Annotated[str, Meta(description="the kind to search")]
    where: Filters = ()
    order: Annotated[tuple[str, ...], Meta(description="fields to order by; '-field' for descending")] = ()
    limit: Limit = limits.QUERY_RECORDS_DEFAULT
    after: Annotated[str | None, Meta(description="the cursor that the page before gave")] = None
    life: Annotated[LifeFilter, Meta(description="live, archived, deleted, kept (live or archived) or any")] = "live"
    at: Moment = None


class Count(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Count the records of a kind that meet all conditions."""

    kind: Annotated[str, Meta(description="the kind to count")]
    where: Filters = ()
    life: Annotated[LifeFilter, Meta(description="live, archived, deleted, kept (live or archived) or any")] = "live"
    at: Moment = None


class CountAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a count, as of a revision."""

    count: int
    revision: int
    incarnation: str
