"""The tools that coordinate: wait, begin, inbox, answer, claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Final

from comity import limits
from comity.clock import format_age
from comity.deciding.lines import rest_in_line
from comity.errors import InvalidRequest, NotFound, NotPermitted
from comity.model.built_in import TASK
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.texts import counted
from comity.operations import FailTask, FinishTask, InboxItem, LeaseAnswer, ReleaseLease, TakeLease
from comity.server.intents import HeldIntents
from comity.server.mcp.arguments import Answer, Begin, Claim, Inbox, Verdict, Wait
from comity.server.mcp.changing import digest
from comity.server.mcp.visiting import Visitor
from comity.server.mcp.wording import Reply, decided, reply

_PLACE: Final = "10m"
"""How long a place in line is kept for a model, which looks now and then."""


_LOOK_S: Final = 0.05


def wait(visitor: Visitor, held: HeldIntents, asked: Wait) -> Reply:
    """Wait for what is pending, for a while."""
    seconds = min(max(asked.seconds, 0), limits.MCP_WAIT_S)
    decision = visitor.agent.wait(asked.ticket, seconds)
    return _settled(visitor, held, asked.intent, decision)


def _settled(visitor: Visitor, held: HeldIntents, intent: str, decision: Decision) -> Reply:
    """Return a decision on something earlier, with the news of the intent that is named, if any."""
    if not intent:
        return decided(decision, None)
    with held.turn(visitor.workspace, visitor.agent, intent) as turn:
        turn.settle_later(decision)
        turn.tell()
        return decided(decision, turn)


def begin(visitor: Visitor, held: HeldIntents, asked: Begin) -> Reply:
    """Announce what is going to be done; tell who else is active there, and what would stand in its way."""
    opening = digest(asked.about, asked.plan, asked.action, asked.exclusive)
    with held.turn(visitor.workspace, visitor.agent, asked.intent or None, opening=opening) as turn:
        turn.intent.about = tuple(asked.about)
        turn.intent.action = asked.action or None
        told = turn.announce(plan=asked.plan or None, ttl="10m", exclusive=asked.exclusive)
        return reply(
            str(told).split("\n"),
            turn,
            budget=limits.MCP_ANSWER_TOKENS,
            revision=told.revision,
            clear=told.is_clear,
        )


def inbox(visitor: Visitor, held: HeldIntents, asked: Inbox) -> Reply:
    """Show what waits for the agent, without what it says it has dealt with."""
    if asked.done:
        visitor.agent.acknowledge(*asked.done)
    answer = visitor.agent.inbox()
    lines = [line for item in answer.items for line in _item(item, answer.at)]
    head = f"{counted(len(answer.items), 'item')}, newest first:" if lines else "Nothing waits for you."
    if not asked.intent:
        return reply([head, *lines], budget=limits.MCP_ANSWER_TOKENS)
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:
        turn.tell()
        return reply([head, *lines], turn, budget=limits.MCP_ANSWER_TOKENS)


def _item(item: InboxItem, now_us: int) -> list[str]:
    return [f"[{item.id}] {item.about}, {format_age(now_us - item.at)} ago: {item.text}", f"  Next: {item.next}"]


def answer(visitor: Visitor, held: HeldIntents, asked: Answer) -> Reply:
    """Answer an offer or a task, or take back what was proposed."""
    decision = _ANSWERS[asked.verdict](visitor, asked)
    return _settled(visitor, held, asked.intent, decision)


def _accept(visitor: Visitor, asked: Answer) -> Decision:
    return visitor.agent.accept(asked.id, reason=asked.reason or None)


def _decline(visitor: Visitor, asked: Answer) -> Decision:
    return visitor.agent.decline(asked.id, _needed(asked))


def _withdraw(visitor: Visitor, asked: Answer) -> Decision:
    return visitor.agent.withdraw(asked.id, reason=asked.reason or None)


def _finish(visitor: Visitor, asked: Answer) -> Decision:
    return visitor.ask(FinishTask(task=_task(visitor, asked.id), answer=asked.reason or None))


def _fail(visitor: Visitor, asked: Answer) -> Decision:
    return visitor.ask(FailTask(task=_task(visitor, asked.id), answer=_needed(asked)))


_ANSWERS: Final[dict[Verdict, Callable[[Visitor, Answer], Decision]]] = {
    "accept": _accept,
    "decline": _decline,
    "withdraw": _withdraw,
    "done": _finish,
    "failed": _fail,
}


def _needed(asked: Answer) -> str:
    if not asked.reason:
        raise InvalidRequest(f"reason: say why, with verdict={asked.verdict!r}")
    return asked.reason


def _task(visitor: Visitor, id: str) -> str:
    """Return the id of a task; raises NotPermitted where it asks for an approval, which is given by no tool."""
    name = id.removeprefix(f"{TASK}/")
    with suppress(NotFound):
        if visitor.agent.get(f"{TASK}/{name}").get("purpose") == "approval":
            raise NotPermitted("a person approves this, with a key of their own, by the console or 'comity tasks done'")
    return name


def claim(visitor: Visitor, held: HeldIntents, asked: Claim) -> Reply:
    """Hold records for a time, or give them back; what the intent proposes meanwhile is under the lease."""
    subjects = tuple(dict.fromkeys(asked.records))
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:
        hold = f"{turn.id}-{digest(sorted(subjects))}"
    if asked.release:
        return _release(visitor, held, asked, subjects, hold)
    lease = _take(visitor, subjects, hold, asked)  # Other calls on the intent needn't wait for the line.
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:
        turn.intent.hold(lease)
        turn.tell()
        return reply(
            _lease(lease), turn, budget=limits.MCP_ANSWER_TOKENS, state=lease.state, expires_at=lease.expires_at
        )


def _take(visitor: Visitor, subjects: tuple[str, ...], hold: str, asked: Claim) -> LeaseAnswer:
    """Return the lease, or the place in line that is kept for a while."""
    wait_s = min(_seconds(asked.wait), limits.MCP_WAIT_S)
    if not wait_s:
        return visitor.ask(TakeLease(subjects=subjects, ttl=asked.ttl, hold=hold))
    until = monotonic() + wait_s
    request = TakeLease(subjects=subjects, ttl=asked.ttl, hold=hold, wait=_PLACE, place=True)
    while (lease := visitor.ask(request)).state == "waiting" and (left := until - monotonic()) > 0:
        sleep(min(left, max(rest_in_line(lease.ahead), _LOOK_S)))
    return lease


def _seconds(span: str) -> int:
    try:
        return parse_duration(span) if span else 0
    except ValueError as error:
        raise InvalidRequest(f"wait: {error}") from None


def _lease(lease: LeaseAnswer) -> list[str]:
    what = ", ".join(lease.subjects)
    if lease.state == "held":
        return [
            f"You hold {what} until {lease.expires_at}: nobody else changes it.",
            "Next: change it, then release it.",
        ]
    return [f"You stand in line for {what}, {lease.ahead} ahead.", "Next: claim it again, with wait, to go on waiting."]


def _release(visitor: Visitor, held: HeldIntents, asked: Claim, subjects: Sequence[str], hold: str) -> Reply:
    decision: Decision = visitor.ask(ReleaseLease(subjects=tuple(subjects), hold=hold))
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:
        turn.intent.drop(subjects)
        turn.tell()
        return decided(decision, turn)
