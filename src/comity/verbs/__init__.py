"""What each operation does: one function per row of :mod:`comity.operations`.

A verb takes the engine, the caller and the request, and returns the answer that its row
declares. Every way into Comity (Python handles, CLI, later HTTP and MCP) ends here, so
that they can't differ. Forbidden: deciding anything that a gate decides, and writing to
the store other than by a proposal (keys' hashes and indexes excepted).
"""

from __future__ import annotations

from collections.abc import Callable
from traceback import clear_frames
from typing import Any, Final

from comity import operations
from comity.errors import InvalidRequest
from comity.model.proposals import Caller
from comity.operations import Request
from comity.verbs import (
    alerts,
    approvals,
    definitions,
    effects,
    erasing,
    feed,
    grants,
    handoffs,
    history,
    identity,
    inbox,
    intents,
    leases,
    news,
    overrides,
    proposing,
    queue,
    reading,
    report,
    reverting,
    rules,
    statistics,
    tasks,
    tracing,
    transfer,
    verifying,
    waiting,
    watches,
    workflows,
)
from comity.verbs.engine import Engine, Progress

Verb = Callable[..., Any]

VERBS: Final[dict[type[Request], Verb]] = {
    operations.Get: reading.get,
    operations.GetMany: reading.get_many,
    operations.Stale: reading.stale,
    operations.Find: reading.find,
    operations.Count: reading.count,
    operations.Put: proposing.write,
    operations.Set: proposing.write,
    operations.Create: proposing.write,
    operations.Add: proposing.write,
    operations.Include: proposing.write,
    operations.Exclude: proposing.write,
    operations.Append: proposing.write,
    operations.Emit: proposing.write,
    operations.Archive: proposing.write,
    operations.Restore: proposing.write,
    operations.Delete: proposing.write,
    operations.Check: proposing.write,
    operations.Propose: proposing.propose,
    operations.History: history.history,
    operations.At: history.at,
    operations.Diff: history.diff,
    operations.Why: history.why,
    operations.Revert: reverting.revert,
    operations.Verify: verifying.verify,
    operations.Erase: erasing.erase,
    operations.Refusals: history.refusals,
    operations.Apply: definitions.apply,
    operations.ShowDefinition: definitions.show,
    operations.ListAgents: identity.agents,
    operations.IssueKey: identity.issue_key,
    operations.RevokeKey: identity.revoke_key,
    operations.Announce: intents.announce,
    operations.WithdrawIntent: intents.withdraw,
    operations.ListIntents: intents.list_intents,
    operations.TellNews: news.tell,
    operations.ShowInbox: inbox.show,
    operations.Acknowledge: inbox.acknowledge,
    operations.Watch: watches.watch,
    operations.Unwatch: watches.unwatch,
    operations.ListWatches: watches.list_watches,
    operations.ReadFeed: feed.read,
    operations.Consume: feed.consume,
    operations.Confirm: feed.confirm,
    operations.ListConsumers: feed.list_consumers,
    operations.ResetConsumer: feed.reset,
    operations.ForgetConsumer: feed.forget,
    operations.Report: report.report,
    operations.ListRules: rules.list_rules,
    operations.RunRuleTests: rules.run_tests,
    operations.Backtest: rules.backtest,
    operations.Rollback: rules.rollback,
    operations.ListOverrides: overrides.list_overrides,
    operations.Pin: overrides.pin,
    operations.Pause: overrides.pause,
    operations.Freeze: overrides.freeze,
    operations.Lift: overrides.lift,
    operations.ListLeases: leases.list_leases,
    operations.TakeLease: leases.take,
    operations.RenewLease: leases.renew,
    operations.ReleaseLease: leases.release,
    operations.BreakLease: leases.break_,
    operations.Offer: handoffs.offer,
    operations.OfferRefused: handoffs.offer_refused,
    operations.Split: handoffs.split,
    operations.ListOffers: handoffs.list_offers,
    operations.Accept: handoffs.accept,
    operations.Decline: handoffs.decline,
    operations.Withdraw: handoffs.withdraw,
    operations.ListApprovals: approvals.list_approvals,
    operations.Approve: approvals.approve,
    operations.Deny: approvals.deny,
    operations.ListGrants: grants.list_grants,
    operations.Grant: grants.grant,
    operations.Revoke: grants.revoke,
    operations.Wait: waiting.wait,
    operations.ListQueue: queue.list_queue,
    operations.Release: queue.release,
    operations.ListAlerts: alerts.list_alerts,
    operations.AcknowledgeAlert: alerts.acknowledge,
    operations.ResolveAlert: alerts.resolve,
    operations.ScanAlerts: alerts.scan_alerts,
    operations.Trace: tracing.trace,
    operations.ListEffects: effects.list_effects,
    operations.ShowEffect: effects.show_effect,
    operations.CancelEffects: effects.cancel,
    operations.RetryEffect: effects.retry,
    operations.RunEffects: effects.run,
    operations.ListWorkflows: workflows.list_workflows,
    operations.Start: workflows.start,
    operations.ShowWorkflow: workflows.show,
    operations.CancelWorkflow: workflows.cancel,
    operations.ResumeWorkflow: workflows.resume,
    operations.ListTasks: tasks.list_tasks,
    operations.FinishTask: tasks.finish,
    operations.FailTask: tasks.fail,
    operations.Import: transfer.import_file,
    operations.Export: transfer.export_file,
    operations.Stats: statistics.stats,
}


TELLING: Final = frozenset(
    {operations.Backtest, operations.Import, operations.Export, operations.Verify, operations.ScanAlerts}
)
"""The requests whose verbs tell how far they are."""


def run(engine: Engine, caller: Caller, request: Request, progress: Progress | None = None) -> Any:
    """Return the answer to a request, without what its caller may not see (S39).

    ``progress`` is told how far it is, where the verb can say.
    """
    verb = VERBS[type(request)]
    try:
        answer = verb(engine, caller, request, progress) if type(request) in TELLING else verb(engine, caller, request)
        return engine.shown(caller, answer)
    except UnicodeEncodeError as error:
        raise not_utf8(error) from None
    except (KeyboardInterrupt, SystemExit) as error:
        # An interrupt may leave a snapshot open in a frame that it passed: later reads would see the past.
        clear_frames(error.__traceback__)
        raise


def not_utf8(error: UnicodeEncodeError) -> InvalidRequest:
    """Return the error to raise where a text of a request can't be written."""
    return InvalidRequest(f"a text of the request can't be UTF-8: {error.object[:40]!a}")
