"""A record in an agent's hands: what is used of it counts as read (S10), what is set on it is proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn, Protocol

import msgspec

from comity.errors import NotFound, NotPermitted
from comity.model import refs
from comity.model.decisions import Finding
from comity.model.hidden import Hidden
from comity.model.news import News
from comity.model.proposals import AnyChange, Put
from comity.model.records import LIFE, Life
from comity.model.texts import counted, listed, show, suggestion
from comity.model.values import freeze
from comity.operations import RecordAnswer
from comity.workspace.changes import NO_OPTIONS, Changing, Options, check_text

_WHOLE: Final = None
_NOTHING: Final[Mapping[str, Any]] = {}
_SHOWN: Final = ("live", "archived")
_LINES: Final = 20
"""Of a page, shown when it is printed."""
_PLAIN: Final = frozenset({str, int, float, bool})


class Collector(Protocol):
    """Take notice of what is read and what is to be changed."""

    def note(self, record: str, revision: int, fields: Sequence[str] | None, *, whole: bool = True) -> None:
        """Note that fields were used, or every one (None); ``whole`` tells that all were at hand."""
        ...

    def use(self, record: str, revision: int, field: str, *, whole: bool) -> Mapping[str, Any]:
        """Note that one field was used, and return the values that are going to be set."""
        ...

    def pending(self, record: str) -> Mapping[str, Any]:
        """Return the values that are going to be set."""
        ...

    def change(self, change: AnyChange, options: Options) -> None:
        """Take a change of the record."""
        ...


class _Uncollected:
    """Take no notice: the record was only looked at."""

    def note(self, record: str, revision: int, fields: Sequence[str] | None, *, whole: bool = True) -> None:
        """Pass over what is used."""

    def use(self, record: str, revision: int, field: str, *, whole: bool) -> Mapping[str, Any]:
        """Pass over what is used: nothing is going to be set."""
        return _NOTHING

    def pending(self, record: str) -> Mapping[str, Any]:
        """Return that nothing is going to be set."""
        return _NOTHING

    def change(self, change: AnyChange, options: Options) -> NoReturn:
        """Raise TypeError: what wasn't collected can't be changed."""
        raise TypeError(f"{change.record} was only looked at: open it with agent.edit(…) or intent.get(…) to change it")


_UNCOLLECTED: Final = _Uncollected()


class Staleness(Protocol):
    """Know what of the reads of an intent has gone stale."""

    @property
    def stale(self) -> tuple[Finding, ...]:
        """Return what has moved by now."""
        ...


class Record(Changing[None], msgspec.Struct, eq=False):
    """Be one record as of a revision.

    Fields are attributes (``acme.status``) or items (``acme["status"]``), and immutable.
    Using one notes it as read, and so does using the whole (``dict(acme)``, ``str(acme)``,
    iterating, comparing); ``repr()`` reads nothing. A field that is empty is None where it
    is known, and an AttributeError or KeyError with a suggestion where it isn't;
    ``acme.get("field")`` gives None for any field that is empty. Where some fields were asked
    for, the others can't be had. A name that begins with ``_`` is never a field's, but as an item.
    A field that is for others only is among ``hidden``: using it raises NotPermitted, and the
    whole is without it (S39).

    On a record from an intent, setting a field adds it to what will be proposed. One from
    ``peek``, or from an agent or a workspace, isn't collected: ``is_collected`` says so, and
    it can't be changed.

    It is a struct only because these are made several times faster than any other object.
    """

    _answer: RecordAnswer
    _collector: Collector = _UNCOLLECTED
    _fields: Sequence[str] = ()
    _intent: Staleness | None = None
    _news: News | None = None

    # -- what it is

    @property
    def ref(self) -> str:
        """Return its address, ``kind/id``."""
        return self._answer.record

    @property
    def kind(self) -> str:
        """Return its kind."""
        return self._answer.record.partition("/")[0]

    @property
    def id(self) -> str:
        """Return its id within the kind."""
        return self._answer.record.partition("/")[2]

    @property
    def version(self) -> int:
        """Return its version: how many events it has seen; 0 where it never was."""
        return self._answer.version

    @property
    def revision(self) -> int:
        """Return the revision of the snapshot that showed it."""
        return self._answer.revision

    @property
    def is_erased(self) -> bool:
        """Tell whether it had values that were erased: nobody can have them any more."""
        return self._answer.is_erased

    @property
    def life(self) -> Life:
        """Return whether it is absent, live, archived or deleted; every read counts that."""
        return self._answer.life

    @property
    def exists(self) -> bool:
        """Tell whether it is live or archived."""
        return self._answer.life in _SHOWN

    @property
    def is_collected(self) -> bool:
        """Tell whether what is used of it counts as read."""
        return self._collector is not _UNCOLLECTED

    @property
    def stale(self) -> tuple[Finding, ...]:
        """Return what of all reads of its intent has moved by now, as :attr:`Intent.stale` does."""
        return () if self._intent is None else self._intent.stale

    @property
    def news(self) -> News | None:
        """Return what others did that its intent hadn't been told yet when it got this record; None for nothing."""
        return self._news

    @property
    def hidden(self) -> tuple[str, ...]:
        """Return the fields whose values are for others only (S39): whether they are empty isn't told either."""
        return tuple([name for name, value in self._answer.values.items() if type(value) is Hidden])

    # -- its fields

    def get(self, field: str, default: Any = None) -> Any:
        """Return a field's value, or ``default`` where it is empty; counts as read either way.

        Raises KeyError for a field that a read of some fields wasn't asked for: what it holds isn't known here;
        NotPermitted, naming its readers, for one that is hidden.
        """
        if self._fields and self._hides(field):
            raise KeyError(self._hidden(field))
        answer = self._answer
        value = answer.values.get(field) if answer.life in _SHOWN else None
        if value is None:
            check_text("field", field)
        elif type(value) is Hidden:
            raise _unseen(answer.record, field, value)
        pending = self._collector.use(answer.record, answer.revision, field, whole=not self._fields)
        if pending:
            value = pending.get(field, value)
        if value is None:
            return default
        return value if type(value) in _PLAIN else freeze(value)

    def __getattr__(self, field: str) -> Any:
        if field.startswith("_"):  # What looks at any object asks for these: no field was meant.
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {field!r}")
        if self._fields and self._hides(field):
            raise AttributeError(self._hidden(field))
        if (value := self.get(field)) is not None or self._is_known(field):
            return value
        raise AttributeError(self._unknown(field))

    def __getitem__(self, field: str) -> Any:
        if (value := self.get(field)) is not None or self._is_known(field):
            return value
        raise KeyError(self._unknown(field))

    def __setattr__(self, field: str, value: Any) -> None:
        if field.startswith("_") or field in _NAMES:
            raise AttributeError(f"{field!r} is a name of the handle itself: write record[{field!r}] = …")
        self[field] = value

    def __setitem__(self, field: str, value: Any) -> None:
        self._collect(Put(self._answer.record, {field: value}), NO_OPTIONS)

    def __contains__(self, field: object) -> bool:
        return isinstance(field, str) and not self._hides(field) and self.get(field) is not None

    def keys(self) -> Sequence[str]:
        """Return the names of the fields that aren't empty; reads the whole."""
        return list(self._whole())

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def __bool__(self) -> bool:
        return self.exists

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self.ref == other.ref and self._whole() == other._whole()
        return isinstance(other, Mapping) and self._whole() == other

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        fields = ", ".join([*(f"{name}={value!r}" for name, value in self._whole().items()), *_unseen_of(self)])
        nothing = f"{self.life}, its values were erased" if self.is_erased else self.life
        return _with_news(f"{self.ref}: {fields or nothing}", self._news)

    def __repr__(self) -> str:
        return f"<Record {self.ref} version {self.version} ({self.life})>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("ref", self.ref), ("version", self.version), ("life", self.life)]

    def __copy__(self) -> dict[str, Any]:
        return self._whole()

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        return self._whole()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a record handle can't be pickled: pass its address, or dict(record)")

    # -- inside

    def _whole(self) -> dict[str, Any]:
        values: Mapping[str, Any] = self._answer.values if self.exists else {}
        if self.hidden:
            values = {name: value for name, value in values.items() if name not in self.hidden}
        if self._fields:
            values = {name: value for name, value in values.items() if name in self._fields}
        self._collector.note(self.ref, self.revision, self._fields or _WHOLE, whole=not self._fields)
        values = {**values, **self._collector.pending(self.ref)}
        return {name: freeze(value) for name, value in values.items() if value is not None}

    def _hides(self, field: str) -> bool:
        return bool(self._fields) and field not in self._fields

    def _hidden(self, field: str) -> str:
        return f"{self.ref}: {field!r} wasn't asked for; this read shows {sorted(self._fields)}"

    def _is_known(self, field: str) -> bool:
        return field in self._answer.known

    def _unknown(self, field: str) -> str:
        nearest = refs.nearest(field, [*self._answer.values, *self._answer.known])
        return f"{self.ref} has no field {field!r}{suggestion(nearest)} ({self.ref}.get({field!r}) gives None)"

    def _change(self, make: Callable[[str], AnyChange], options: Options) -> None:
        self._collect(make(self.ref), options)

    def _collect(self, change: AnyChange, options: Options) -> None:
        if not self._fields:  # It was shown as a whole, by a search too: changing it isn't blind.
            self._collector.note(self.ref, self.revision, ())
        self._collector.change(change, options)


_NAMES: Final = frozenset(dir(Record))


def _unseen(record: str, field: str, mark: Hidden) -> NotPermitted:
    return NotPermitted(f"{record}.{field} is hidden from you: it is for {listed(mark.readers)} only")


def _unseen_of(record: Record) -> list[str]:
    return [f"{name} (hidden)" for name in record.hidden]


def _with_news(text: str, news: News | None) -> str:
    return f"{text}\n{news}" if news else text


def _line(record: Record) -> str:
    """Return a record on one line, with long values cut; it is shown as a whole."""
    fields = ", ".join([*(f"{name}={show(value)}" for name, value in dict(record).items()), *_unseen_of(record)])
    return f"{record.ref}: {fields or record.life}"


class Page(Sequence[Record]):
    """Be a page of records. ``after`` is the cursor of the next one, None at the end; ``revision`` its snapshot's.

    ``print(page)`` shows the first of them; on an intent's page, what is shown counts as read.
    ``news`` is what others did that the page's intent hadn't been told yet, None for nothing.
    """

    def __init__(self, records: Sequence[Record], revision: int, after: str | None, news: News | None = None) -> None:
        self._records = tuple(records)
        self.revision = revision
        self.after = after
        self.news = news

    def __getitem__(self, index: Any) -> Any:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __str__(self) -> str:
        lines = [_line(record) for record in self._records[:_LINES]]
        if len(self) > _LINES:
            lines.append(f"and {len(self) - _LINES} more of this page")
        more = f"; the next page has after={self.after!r}" if self.after is not None else ""
        last = f"{counted(len(self), 'record')} at revision {self.revision}{more}"
        return _with_news("\n".join([*lines, last]), self.news)

    def __repr__(self) -> str:
        return f"<Page of {len(self)} records at revision {self.revision}>"


def check_fields(answer: RecordAnswer, fields: Sequence[str]) -> None:
    """Raise NotFound, with the nearest name, for a field that a record of a declared kind can't have."""
    for name in fields:
        check_text("field", name)
        if isinstance(mark := answer.values.get(name), Hidden):
            raise _unseen(answer.record, name, mark)
        known = answer.known
        if known and name not in known and name not in answer.values and name != LIFE:
            kind = answer.record.partition("/")[0]
            nearest = suggestion(refs.nearest(name, known))
            raise NotFound(f"{kind} has no field {name!r}{nearest} Its fields: {listed(sorted(known), 10)}.")
