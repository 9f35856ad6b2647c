"""The words of answers: short, complete, and telling what to do next.

Other agents' free text is quoted, cut and never mixed with our own sentences (S39).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from comity import limits
from comity.clock import format_age, format_left
from comity.model.hidden import Hidden
from comity.model.records import LIFE

if TYPE_CHECKING:
    from comity.model.decisions import Decision, Finding, Moved
    from comity.model.news import News, NewsItem, Presence

_TOKEN: Final = re.compile(r"[A-Za-z0-9_]{1,4}|\S")
VALUE_CHARS: Final = 32
_RETRY_TOKENS: Final = 32
"""Of the condition that a deferral waits for."""
_WORTH_CUTTING: Final = 12
"""Where as many tokens are left, the beginning of a line says more than that there was one: a check's code, say."""


def tokens(text: str) -> int:
    """Return about how many tokens a model's tokeniser makes of a text, rather too many than too few.

    Four letters, digits or underscores of ASCII count as one; every other sign that isn't space by itself.

    >>> tokens("status: you saw active"), tokens("状態")
    (7, 2)
    """
    return len(_TOKEN.findall(text))


def quote(text: str, chars: int = limits.QUOTE_CHARS) -> str:
    r"""Return someone's words as data: on one line, cut, in quotation marks.

    >>> quote('call back at "nine"')
    '"call back at \'nine\'"'
    """
    line = "".join(sign if sign.isprintable() else " " for sign in text.replace('"', "'"))
    line = " ".join(line.split())
    return f'"{line if len(line) <= chars else line[: chars - 1] + "…"}"'


def show(value: Any, chars: int = VALUE_CHARS) -> str:
    """Return a field's value for a sentence: bare where it is one word, JSON otherwise, cut.

    >>> show("at_risk"), show(None), show([1, 2])
    ('at_risk', 'empty', '[1,2]')
    """
    if value is None:
        return "empty"
    if isinstance(value, Hidden):
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"[\w.:@+-]+", value):
        text = value
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= chars else text[: chars - 1] + "…"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names as a list in a sentence.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def counted(count: int, what: str) -> str:
    """Return a number of things.

    >>> counted(1, "record"), counted(2000, "record")
    ('1 record', '2,000 records')
    """
    return f"{count:,} {what if count == 1 else what + 's'}"


def field_name(name: str) -> str:
    """Return a field's name for people: existence is called ``life``."""
    return "life" if name == LIFE else name


def suggestion(nearest: str | None) -> str:
    """Return the question that a misspelt name deserves, or nothing."""
    return f"; did you mean {nearest!r}?" if nearest else ""


def explain_moved(moved: Moved, now_us: int) -> str:
    """Return what moved, from the reader's side."""
    age = format_age(now_us - moved.at)
    if moved.field == LIFE:
        seen = f"it was {show(moved.was)} when you read it"
    else:
        seen = f"{moved.field}: you saw {show(moved.was)}"
    text = f"{seen}, now {show(moved.now)}, by {moved.by} {age} ago"
    return f"{text}: {quote(moved.reason)}" if moved.reason else text


def explain_decision(decision: Decision) -> str:
    """Return a decision in at most ``limits.ANSWER_TOKENS`` tokens: what, whose doing, what next."""
    if decision.is_allowed:
        lines = [_committed(decision), *(finding.message for finding in decision.warnings)]
    else:
        refusals = sorted(decision.refusals, key=_importance)
        lines = [line for finding in refusals for line in _explain_finding(finding, decision.at)]
        lines[:0] = _waiting(decision)
    tail = _cut(f"Next: {decision.next}", limits.ANSWER_TOKENS // 2)
    told = [explain_news(decision.news)] if decision.news else []
    return "\n".join([*_fit(lines, limits.ANSWER_TOKENS - tokens(tail)), tail, *told])


def explain_news(news: News) -> str:
    """Return news in at most ``limits.ANSWER_TOKENS`` tokens: who did what, when, why; what to do where it matters."""
    lines = [_explain_item(item, news.at) for item in news.items]
    active = [explain_presence(one, news.at) for one in news.present]
    broken = sum(item.is_broken for item in news.items)
    lines[broken:broken] = active
    head = "News since you last looked:" if news.items else "Active here:" if active else "There is news."
    tail = [_advise(news)] if broken else []
    budget = limits.ANSWER_TOKENS - tokens("".join([head, *tail]))
    return "\n".join([head, *_fit(lines, budget, news.more), *tail])


def _advise(news: News) -> str:
    """Return what to do where something that was read has changed."""
    records = listed(list(dict.fromkeys(item.record for item in news.items if item.is_broken)), 2)
    return f"Next: look at {records} again and decide again; accept={news.revision} says that you have seen it."


def _explain_item(item: NewsItem, now_us: int) -> str:
    now = ", ".join(f"{field_name(name)} is now {show(value)}" for name, value in islice(item.now.items(), 3))
    more = f" and {len(item.now) - 3} more" if len(item.now) > 3 else ""
    why = f": {quote(item.reason)}" if item.reason else ""
    read = " (you read this)" if item.is_broken else ""
    what = f"{now}{more}" if now else f"{item.type} happened"
    return f"{item.record} {what}, by {item.by} {format_age(now_us - item.at)} ago{why}{read}"


def explain_presence(one: Presence, now_us: int) -> str:
    """Return who is active on a record, or holds it, since when, and what they say they do there."""
    plan = f": {quote(one.plan)}" if one.plan else ""
    left = format_left(one.expires - now_us)
    if one.holds is not None:
        return f"{one.agent} holds {one.holds} for {left} more{plan}"
    doing = f" ({one.action})" if one.action else ""
    asks = ", and asks others to keep off" if one.is_exclusive else ""
    since = format_age(now_us - one.since)
    return f"{one.agent} is active on {one.record}{doing} since {since}, for {left} more{asks}{plan}"


def _waiting(decision: Decision) -> list[str]:
    """Return that a proposal waits, or what has to hold before it is worth another try (S20)."""
    if decision.outcome == "pending":
        return [f"Pending, under {decision.ticket}: nothing is changed yet." if decision.ticket else "It would wait."]
    return [_cut(f"Not now: try again when {decision.retry_when}", _RETRY_TOKENS)] if decision.retry_when else []


def _importance(finding: Finding) -> int:
    return 0 if finding.moved else 1


def _committed(decision: Decision) -> str:
    if decision.outcome == "allowed":
        changed = listed(list(decision.records), 3) or "nothing"
        return f"Allowed at revision {decision.revision}: it would change {changed}."
    if not decision.records:
        return f"Nothing to change: the base already says so (revision {decision.revision})."
    changed = listed([f"{ref} (version {version})" for ref, version in decision.records.items()], 3)
    return f"Committed as revision {decision.revision}: {changed}."


def _explain_finding(finding: Finding, now_us: int) -> list[str]:
    if not finding.moved:
        return [f"{finding.code}: {finding.message}"]
    lines = [f"{finding.subject} has changed since you read it.", *(explain_moved(m, now_us) for m in finding.moved)]
    if finding.unchanged:
        lines.append(f"Unchanged: {listed([field_name(name) for name in finding.unchanged])}.")
    return lines


def _fit(lines: Iterable[str], budget: int, more: int = 0) -> list[str]:
    """Return as many lines as the budget holds, saying how many were left out, ``more`` among them."""
    kept: list[str] = []
    pending = list(lines)
    left = budget - tokens("and 99 more findings")
    while pending and (cost := tokens(pending[0])) <= left:
        left -= cost
        kept.append(pending.pop(0))
    if pending and (not kept or left >= _WORTH_CUTTING):
        kept.append(_cut(pending.pop(0), left))
    if more := more + len(pending):
        kept.append(f"and {more} more")
    return kept


def _cut(text: str, budget: int) -> str:
    """Return a text of at most that many tokens, with a sign that it goes on."""
    found = list(islice(_TOKEN.finditer(text), budget + 1))
    return text if len(found) <= budget else f"{text[: found[budget - 1].start()]}…"
