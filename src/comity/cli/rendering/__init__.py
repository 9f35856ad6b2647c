"""Answers as people read them: one function for each type of answer, none that knows a surface.

A rendering takes the request and the answer, and yields what rich prints. Texts that come
from records and agents are shown as data: no markup of theirs counts, no sign of theirs
steers the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from rich.console import RenderableType

from comity import operations
from comity.cli.rendering import (
    alerting,
    awareness,
    decisions,
    effecting,
    events,
    feeding,
    handing,
    holding,
    operating,
    records,
    reporting,
    ruling,
    waiting,
    working,
)
from comity.model.decisions import Decision
from comity.operations import ApplyAnswer, EraseAnswer, RecordAnswer, Request

Rendering = Callable[[Request, Any], Iterator[RenderableType]]

RENDERINGS: Final[Mapping[type, Rendering]] = {
    operations.RecordAnswer: records.record,
    operations.RecordsAnswer: records.records,
    operations.CountAnswer: records.count,
    operations.StaleAnswer: decisions.stale,
    Decision: decisions.decision,
    operations.HistoryAnswer: events.history,
    operations.DiffAnswer: events.diff,
    operations.WhyAnswer: events.why,
    operations.RefusalsAnswer: events.refusals,
    operations.AlertsAnswer: alerting.alerts,
    operations.ScanAnswer: alerting.scanned,
    operations.TraceAnswer: alerting.traced,
    operations.RevertAnswer: decisions.reverted,
    operations.EraseAnswer: decisions.erased,
    operations.ApplyAnswer: decisions.applied,
    operations.VerifyAnswer: operating.verified,
    operations.DefinitionAnswer: operating.definition,
    operations.AgentsAnswer: operating.agents,
    operations.KeyAnswer: operating.key,
    operations.Announcement: awareness.announcement,
    operations.IntentsAnswer: awareness.intents,
    operations.NewsAnswer: awareness.news,
    operations.InboxAnswer: awareness.inbox,
    operations.AcknowledgeAnswer: awareness.acknowledged,
    operations.WatchAnswer: feeding.watch,
    operations.WatchesAnswer: feeding.watches,
    operations.FeedAnswer: feeding.feed,
    operations.ConsumeAnswer: feeding.consumed,
    operations.ConsumerAnswer: feeding.consumer,
    operations.ConsumersAnswer: feeding.consumers,
    operations.OverridesAnswer: holding.overrides,
    operations.ReportAnswer: reporting.report,
    operations.RulesAnswer: ruling.rules,
    operations.RuleTestsAnswer: ruling.tests,
    operations.BacktestAnswer: ruling.backtest,
    operations.LeaseAnswer: holding.lease,
    operations.LeasesAnswer: holding.leases,
    operations.TicketsAnswer: handing.tickets,
    operations.SplitAnswer: handing.split,
    operations.GrantsAnswer: handing.grants,
    operations.QueueAnswer: waiting.queue,
    operations.EffectAnswer: effecting.effect,
    operations.EffectsAnswer: effecting.effects,
    operations.CancelAnswer: effecting.cancelled,
    operations.RunAnswer: effecting.run,
    operations.WorkflowAnswer: working.workflow,
    operations.WorkflowsAnswer: working.workflows,
    operations.TasksAnswer: working.tasks,
    operations.ImportAnswer: operating.imported,
    operations.ExportAnswer: operating.exported,
    operations.StatsAnswer: operating.stats,
}


def render(request: Request, answer: Any) -> Iterator[RenderableType]:
    """Yield an answer as people read it."""
    return RENDERINGS[type(answer)](request, answer)


def is_complaint(answer: Any) -> bool:
    """Tell whether an answer is one that belongs on the standard error: a refusal, or nothing there."""
    match answer:
        case Decision():
            return not answer.is_allowed
        case EraseAnswer():
            return not answer.decision.is_allowed
        case ApplyAnswer(decision=Decision() as decision):
            return not decision.is_allowed
        case RecordAnswer():
            return answer.life == "absent"
        case _:
            return False
