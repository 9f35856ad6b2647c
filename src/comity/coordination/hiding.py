"""What leaves for a reader, without the values that it may not see (S39).

Answers are walked as they are made: a few shapes hold values (a record, an event, a change, a
field that moved …), and each says here where. All others only hold these, so that a new answer
is masked as soon as it is made of them; a test fails for one that holds values of its own.
Masking comes last, by the definition that judges then, for the past too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec

from comity.deciding.readers import Withheld
from comity.model import proposals, refs
from comity.model.built_in import EFFECT, OVERRIDE, WORKFLOW
from comity.model.decisions import Finding, Moved
from comity.model.filters import Condition
from comity.model.hidden import Hidden
from comity.model.news import NewsItem
from comity.model.records import LIFE
from comity.operations import (
    Difference,
    EffectAnswer,
    EventAnswer,
    FactAnswer,
    ItemEvent,
    OverrideAnswer,
    RecordAnswer,
    WhyAnswer,
    WorkflowAnswer,
)

T = TypeVar("T")

Masked = dict[str, Any]
"""The attributes that read otherwise, by their names."""


def hide(withheld: Withheld, answer: T) -> T:
    """Return an answer, or a part of one, with marks instead of the values that are withheld."""
    if isinstance(answer, tuple):
        parts = tuple([hide(withheld, part) for part in answer])
        is_same = all(new is old for new, old in zip(parts, answer, strict=True))
        return answer if is_same else cast("T", parts)
    return cast("T", _hide(withheld, answer)) if isinstance(answer, msgspec.Struct) else answer


def _hide(withheld: Withheld, answer: msgspec.Struct) -> msgspec.Struct:
    mask = MASKS.get(type(answer))
    masked = mask(answer, withheld) if mask is not None else {}
    for name in answer.__struct_fields__:
        if name not in masked:
            value = getattr(answer, name)
            if (hidden := hide(withheld, value)) is not value:
                masked[name] = hidden
    return msgspec.structs.replace(answer, **masked) if masked else answer


# -- values, by what they are of


def mask_values(kind: str, values: Mapping[str, Any], withheld: Withheld) -> Masked:
    """Return the values of a record, or some of them, or what a transition of a built-in kind carries."""
    inner = _BUILT_IN.get(kind)
    return withheld.kind(kind).mask(values) if inner is None else {**values, **inner(values, withheld)}


def _value(record: str, field: str, value: Any, withheld: Withheld) -> Any:
    return mask_values(kind_of(record), {field: value}, withheld)[field]


def kind_of(record: str) -> str:
    """Return the kind in a record's address."""
    return record.partition("/")[0]


def _pinned(values: Mapping[str, Any], withheld: Withheld) -> Masked:
    if values.get("value") is None:
        return {}
    record, field = values.get("record"), values.get("field")
    mark = withheld.some("kinds") if record is None or field is None else withheld.field(record, field)
    return {} if mark is None else {"value": mark}


def _wanted(values: Mapping[str, Any], withheld: Withheld) -> Masked:
    still = values.get("still")
    masked = {} if still is None else {"still": [withheld.source(one) for one in still]}
    return masked | _carried(values, "data", values.get("effect"), withheld.effect, withheld.some("effects"))


def _started(values: Mapping[str, Any], withheld: Withheld) -> Masked:
    return _carried(values, "params", values.get("workflow"), withheld.workflow, withheld.some("workflows"))


def _carried(
    values: Mapping[str, Any], key: str, name: str | None, concealed: Callable[[str], Any], mark: Hidden | None
) -> Masked:
    """Return what is carried with marks in it; with one in its stead where it isn't told what it is of."""
    carried = values.get(key)
    if mark is None or not isinstance(carried, dict):
        return {}
    return {key: mark if name is None else concealed(name).mask(carried)}


_BUILT_IN: Final[dict[str, Callable[[Mapping[str, Any], Withheld], Masked]]] = {
    OVERRIDE: _pinned,
    EFFECT: _wanted,
    WORKFLOW: _started,
}


# -- shapes that hold values


def _record(answer: RecordAnswer, withheld: Withheld) -> Masked:
    kind = kind_of(answer.record)
    marks = withheld.kind(kind).marks if answer.life != "absent" else {}
    return {"values": {**mask_values(kind, answer.values, withheld), **marks}}


def _event(answer: EventAnswer | ItemEvent, withheld: Withheld) -> Masked:
    kind = kind_of(answer.record)
    data = _data(kind, answer.type, answer.data, withheld)
    is_made = answer.was.get(LIFE) == "absent"  # Before that there was nothing to hide.
    return {
        "was": answer.was if is_made else mask_values(kind, answer.was, withheld),
        "now": mask_values(kind, answer.now, withheld),
        "data": data,
    }


def _data(kind: str, event: str, data: Mapping[str, Any], withheld: Withheld) -> Masked:
    return mask_values(kind, data, withheld) if refs.is_built_in(kind) else withheld.event(kind, event).mask(data)


def _between(answer: Difference | Moved, withheld: Withheld) -> Masked:
    was, now = (_value(answer.record, answer.field, value, withheld) for value in (answer.was, answer.now))
    return {"was": was, "now": now}


def _fact(answer: FactAnswer, withheld: Withheld) -> Masked:
    if answer.field is None:
        return {}
    seen, now = (_value(answer.record, answer.field, value, withheld) for value in (answer.seen, answer.now))
    return {"seen": seen, "now": now}


def _news(item: NewsItem, withheld: Withheld) -> Masked:
    """Return what changed; of what was hidden nothing had been read."""
    now = mask_values(kind_of(item.record), item.now, withheld)
    is_seen = not now or any(not isinstance(value, Hidden) for value in now.values())
    return {"now": now, "is_broken": item.is_broken and is_seen}


def _finding(finding: Finding, withheld: Withheld) -> Masked:
    now = finding.data.get("now")
    if not isinstance(now, dict) or finding.subject is None:
        return {}
    return {"data": finding.data | {"now": mask_values(kind_of(finding.subject), now, withheld)}}


def _why(answer: WhyAnswer, withheld: Withheld) -> Masked:
    return {} if answer.field is None else {"value": _value(answer.record, answer.field, answer.value, withheld)}


def _override(answer: OverrideAnswer, withheld: Withheld) -> Masked:
    return _pinned({"record": answer.record, "field": answer.field, "value": answer.value}, withheld)


def _effect(answer: EffectAnswer, withheld: Withheld) -> Masked:
    still = tuple([withheld.source(one) for one in answer.still])
    return {"data": withheld.effect(answer.name).mask(answer.data), "still": still}


def _wish(effect: proposals.Effect, withheld: Withheld) -> Masked:
    still = None if effect.still is None else withheld.source(effect.still)
    return {"data": withheld.effect(effect.name).mask(effect.data), "still": still}


def _workflow(answer: WorkflowAnswer, withheld: Withheld) -> Masked:
    return {"params": withheld.workflow(answer.workflow).mask(answer.params)}


def _change(change: Any, withheld: Withheld) -> Masked:
    return {"fields": mask_values(kind_of(change.record), change.fields, withheld)}


def _emit(change: proposals.Emit, withheld: Withheld) -> Masked:
    return {"data": _data(kind_of(change.record), change.event, change.data, withheld)}


def _was(read: proposals.Was, withheld: Withheld) -> Masked:
    return {"values": mask_values(kind_of(read.record), read.values, withheld)}


def _query(read: proposals.QueryRead, withheld: Withheld) -> Masked:
    query = read.query
    where = tuple([_condition(query.kind, one, withheld) for one in query.where])
    return {"query": msgspec.structs.replace(query, where=where, after=None)}


def _condition(kind: str, one: Condition, withheld: Withheld) -> Condition:
    mark = withheld.asked(kind, one.field)
    return one if mark is None else msgspec.structs.replace(one, value=mark)


MASKS: Final[dict[type, Callable[[Any, Withheld], Masked]]] = {
    RecordAnswer: _record,
    EventAnswer: _event,
    ItemEvent: _event,
    Difference: _between,
    Moved: _between,
    FactAnswer: _fact,
    NewsItem: _news,
    Finding: _finding,
    WhyAnswer: _why,
    OverrideAnswer: _override,
    EffectAnswer: _effect,
    WorkflowAnswer: _workflow,
    proposals.Effect: _wish,
    proposals.Create: _change,
    proposals.Set: _change,
    proposals.Put: _change,
    proposals.Add: _change,
    proposals.Include: _change,
    proposals.Exclude: _change,
    proposals.Append: _change,
    proposals.Emit: _emit,
    proposals.Was: _was,
    proposals.QueryRead: _query,
}
"""Where the shapes that hold values hold them."""
