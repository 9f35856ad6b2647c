"""The verbs that change a record, once for every handle that has them.

A handle says in ``_change`` what becomes of a change: an agent proposes it at once, an
intent collects it. Whether the answer is awaited is the handle's matter, so there are no
twins of these methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import msgspec

from comity.clock import parse_time
from comity.errors import InvalidReference, InvalidRequest
from comity.model import proposals, refs
from comity.model.proposals import AnyChange, AnyRead, Effect, IfForeign, IfHeld, Proposal, Was

R = TypeVar("R", covariant=True)


class Fenced(Protocol):
    """Be a lease, as those see it who write under it."""

    @property
    def tokens(self) -> Mapping[str, str]:
        """Return the fencing tokens of what it holds, by their subjects."""
        ...


Leases = Fenced | Mapping[str, str]
"""A lease, or the fencing tokens of one by their subjects."""


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """Be what may be said beside a change.

    These names are taken: a field of the same name is set with ``fields={…}``.
    """

    reason: str | None = None
    action: str | None = None
    about: tuple[str, ...] = ()
    was: dict[str, Any] = {}
    assume: tuple[str, ...] = ()
    accept: int | None = None
    cause: str | None = None
    if_held: IfHeld = "refuse"
    if_foreign: IfForeign = "refuse"
    leases: dict[str, str] = {}
    id: str | None = None
    not_after: Any = None


NO_OPTIONS: Final = Options()
_OPTIONS: Final = frozenset(Options.__struct_fields__)


def split_options(values: dict[str, Any]) -> tuple[dict[str, Any], Options]:
    """Return the fields and the options that a call named; raises InvalidRequest for one of a wrong type."""
    if _OPTIONS.isdisjoint(values):
        return values, NO_OPTIONS
    chosen = {name: values.pop(name) for name in _OPTIONS & values.keys()}
    for name in ("about", "assume"):
        if isinstance(chosen.get(name), str):
            chosen[name] = (chosen[name],)
    if chosen.get("was") is None:
        chosen.pop("was", None)
    if "leases" in chosen:
        chosen["leases"] = tokens_of(listed_leases(chosen["leases"]))
    try:
        return values, msgspec.convert(chosen, Options)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error}; a field of that name is set with fields={{…}}") from None


def listed_leases(leases: Leases | Sequence[Leases] | None) -> tuple[Leases, ...]:
    """Return leases of which there may be one, several or none; raises InvalidRequest for what is none."""
    if leases is None or leases == ():
        return ()
    given = tuple(leases) if isinstance(leases, Sequence) else (leases,)
    for lease in given:
        if not isinstance(lease, Mapping) and not hasattr(type(lease), "tokens"):
            raise InvalidRequest(f"leases: {lease!r:.60} is no lease, and no fencing tokens by their subjects")
    return given


def tokens_of(leases: Iterable[Leases]) -> dict[str, str]:
    """Return the fencing tokens of leases; raises InvalidRequest for one that wasn't taken yet."""
    tokens = (lease if isinstance(lease, Mapping) else lease.tokens for lease in leases)
    return {subject: token for held in tokens for subject, token in held.items()}


def proposal_of(
    id: str,
    options: Options,
    believed_of: str | None,
    *,
    changes: tuple[AnyChange, ...] = (),
    effects: tuple[Effect, ...] = (),
) -> Proposal:
    """Return a proposal with what its options say; ``was`` is believed of the record ``believed_of``."""
    reads: tuple[AnyRead, ...] = ()
    if options.was and believed_of is not None:
        reads = (Was(believed_of, dict(options.was)),)
    return Proposal(
        id=id,
        changes=changes,
        effects=effects,
        reads=reads,
        assumptions=options.assume,
        about=options.about,
        accept=options.accept,
        action=options.action,
        reason=options.reason,
        cause=options.cause,
        if_held=options.if_held,
        if_foreign=options.if_foreign,
        leases=options.leases,
        not_after=deadline_of(options.not_after),
    )


def deadline_of(moment: Any) -> int | None:
    """Return a deadline in microseconds, from a datetime (without a zone: in UTC), an RFC 3339 text or microseconds."""
    if moment is None or type(moment) is int:
        return moment
    text = moment.isoformat() if isinstance(moment, datetime) else str(moment)
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"not_after: {text[:40]!r} is no RFC 3339 time") from None


def check_record(record: object) -> None:
    """Raise InvalidReference for an address that isn't even a text; the checks judge any other."""
    if not isinstance(record, str):
        raise InvalidReference(str(refs.problem_of(record)))


def listed_records(what: str, given: object) -> tuple[str, ...]:
    """Return records of which there may be one, several or none, by their addresses; raises InvalidRequest."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable):
        raise InvalidRequest(f"{what}: name a record such as 'customer/acme', or several, not {type(given).__name__}")
    records = tuple(given)
    for record in records:
        check_record(record)
    return cast("tuple[str, ...]", records)


def check_text(what: str, given: object) -> None:
    """Raise InvalidRequest for what should be a text and is none."""
    if not isinstance(given, str):
        raise InvalidRequest(f"{what}: a text is wanted, not {type(given).__name__}")


def text_in(member: str, given: object) -> str:
    """Return a text given as such, or by what has it as a member, such as an answer; raises InvalidRequest for neither.

    >>> from types import SimpleNamespace
    >>> text_in("run", "offboard~1"), text_in("run", SimpleNamespace(run="offboard~1"))
    ('offboard~1', 'offboard~1')
    """
    found = given if isinstance(given, str) else getattr(given, member, None)
    if not isinstance(found, str):
        raise InvalidRequest(f"{member}: a text is wanted, or what has one; not {type(given).__name__}")
    return found


class Writing(Generic[R]):
    """Offer the verbs that change a record named by its address."""

    __slots__ = ()

    def _apply(self, change: AnyChange, options: Options) -> R:
        raise TypeError("this handle can't change anything")

    def put(
        self, record: str, /, fields: Mapping[str, Any] | None = None, *, replace: bool = False, **values: Any
    ) -> R:
        """Create the record, or set the fields given; with ``replace`` it has exactly these."""
        given, options = split_options(values)
        return self._apply(proposals.Put(record, {**(fields or {}), **given}, bool(replace)), options)

    def set(self, record: str, /, fields: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Set fields of a live record; None clears one."""
        given, options = split_options(values)
        return self._apply(proposals.Set(record, {**(fields or {}), **given}), options)

    def create(self, record: str, /, fields: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Create a record that isn't there."""
        given, options = split_options(values)
        return self._apply(proposals.Create(record, {**(fields or {}), **given}), options)

    def add(self, record: str, /, fields: Mapping[str, float] | None = None, **values: Any) -> R:
        """Add to numbers; needs no read and never conflicts."""
        given, options = split_options(values)
        return self._apply(proposals.Add(record, _as_numbers({**(fields or {}), **given})), options)

    def include(self, record: str, /, fields: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Put an element, or several in a list, into lists that are used as sets."""
        given, options = split_options(values)
        return self._apply(proposals.Include(record, _as_lists(fields, given)), options)

    def exclude(self, record: str, /, fields: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Take an element, or several in a list, out of lists that are used as sets."""
        given, options = split_options(values)
        return self._apply(proposals.Exclude(record, _as_lists(fields, given)), options)

    def append(self, record: str, /, fields: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Append an item, or several in a list, to lists."""
        given, options = split_options(values)
        return self._apply(proposals.Append(record, _as_lists(fields, given)), options)

    def emit(self, record: str, event: str, /, data: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Emit a named event, with its declared consequences."""
        check_text("event", event)
        given, options = split_options(values)
        return self._apply(proposals.Emit(record, event, {**(data or {}), **given}), options)

    def archive(self, record: str, /, **options: Any) -> R:
        """Archive a record: readable, no longer changed or referred to."""
        return self._apply(proposals.Archive(record), _only_options(options))

    def restore(self, record: str, /, **options: Any) -> R:
        """Bring an archived or deleted record back."""
        return self._apply(proposals.Restore(record), _only_options(options))

    def delete(self, record: str, /, **options: Any) -> R:
        """Delete a record; its history stays."""
        return self._apply(proposals.Delete(record), _only_options(options))


class Changing(Generic[R]):
    """Offer the same verbs on a record that is at hand."""

    __slots__ = ()

    def _change(self, make: Callable[[str], AnyChange], options: Options) -> R:
        raise TypeError("this handle can't change anything")

    def set(self, fields: Mapping[str, Any] | None = None, /, **values: Any) -> R:
        """Set fields; None clears one. On a record that isn't there, create it."""
        given, options = split_options(values)
        return self._change(lambda ref: proposals.Put(ref, {**(fields or {}), **given}), options)

    def add(self, fields: Mapping[str, float] | None = None, /, **values: Any) -> R:
        """Add to numbers; needs no read and never conflicts."""
        given, options = split_options(values)
        return self._change(lambda ref: proposals.Add(ref, _as_numbers({**(fields or {}), **given})), options)

    def include(self, fields: Mapping[str, Any] | None = None, /, **values: Any) -> R:
        """Put an element, or several in a list, into lists that are used as sets."""
        given, options = split_options(values)
        return self._change(lambda ref: proposals.Include(ref, _as_lists(fields, given)), options)

    def exclude(self, fields: Mapping[str, Any] | None = None, /, **values: Any) -> R:
        """Take an element, or several in a list, out of lists that are used as sets."""
        given, options = split_options(values)
        return self._change(lambda ref: proposals.Exclude(ref, _as_lists(fields, given)), options)

    def append(self, fields: Mapping[str, Any] | None = None, /, **values: Any) -> R:
        """Append an item, or several in a list, to lists."""
        given, options = split_options(values)
        return self._change(lambda ref: proposals.Append(ref, _as_lists(fields, given)), options)

    def emit(self, event: str, /, data: Mapping[str, Any] | None = None, **values: Any) -> R:
        """Emit a named event, with its declared consequences."""
        check_text("event", event)
        given, options = split_options(values)
        return self._change(lambda ref: proposals.Emit(ref, event, {**(data or {}), **given}), options)

    def archive(self, **options: Any) -> R:
        """Archive it: readable, no longer changed or referred to."""
        return self._change(proposals.Archive, _only_options(options))

    def restore(self, **options: Any) -> R:
        """Bring it back."""
        return self._change(proposals.Restore, _only_options(options))

    def delete(self, **options: Any) -> R:
        """Delete it; its history stays."""
        return self._change(proposals.Delete, _only_options(options))


def _as_numbers(values: dict[str, Any]) -> dict[str, int | float]:
    for name, value in values.items():
        if type(value) is not int and not (type(value) is float and isfinite(value)):
            raise InvalidRequest(f"{name}: only a finite number can be added, not {str(value)[:40]!r}")
    return values


def _as_lists(fields: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    given = {**(fields or {}), **values}
    return {name: _as_list(value) for name, value in given.items()}


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(cast("Iterable[Any]", value))
    return [value]


def _only_options(values: dict[str, Any]) -> Options:
    fields, options = split_options(values)
    if fields:
        raise TypeError(f"this change takes no fields, and got {', '.join(sorted(fields))}")
    return options
