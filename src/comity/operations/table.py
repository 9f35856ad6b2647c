"""The table itself."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from comity.model.decisions import Decision
from comity.operations.alerting import (
    AcknowledgeAlert,
    AlertsAnswer,
    ListAlerts,
    ResolveAlert,
    ScanAlerts,
    ScanAnswer,
    Trace,
    TraceAnswer,
)
from comity.operations.arguments import Request
from comity.operations.awareness import (
    Acknowledge,
    AcknowledgeAnswer,
    Announce,
    Announcement,
    InboxAnswer,
    IntentsAnswer,
    ListIntents,
    NewsAnswer,
    ShowInbox,
    TellNews,
    WithdrawIntent,
)
from comity.operations.effecting import (
    CancelAnswer,
    CancelEffects,
    EffectAnswer,
    EffectsAnswer,
    ListEffects,
    RetryEffect,
    RunAnswer,
    RunEffects,
    ShowEffect,
)
from comity.operations.feeding import (
    Confirm,
    Consume,
    ConsumeAnswer,
    ConsumerAnswer,
    ConsumersAnswer,
    FeedAnswer,
    ForgetConsumer,
    ListConsumers,
    ListWatches,
    ReadFeed,
    ResetConsumer,
    Unwatch,
    Watch,
    WatchAnswer,
    WatchesAnswer,
)
from comity.operations.handing import (
    Accept,
    Approve,
    Decline,
    Deny,
    Grant,
    GrantsAnswer,
    ListApprovals,
    ListGrants,
    ListOffers,
    Offer,
    OfferRefused,
    Revoke,
    Split,
    SplitAnswer,
    TicketsAnswer,
    Withdraw,
)
from comity.operations.leasing import (
    BreakLease,
    LeaseAnswer,
    LeasesAnswer,
    ListLeases,
    ReleaseLease,
    RenewLease,
    TakeLease,
)
from comity.operations.looking_back import (
    At,
    Diff,
    DiffAnswer,
    History,
    HistoryAnswer,
    Refusals,
    RefusalsAnswer,
    Revert,
    RevertAnswer,
    Verify,
    VerifyAnswer,
    Why,
    WhyAnswer,
)
from comity.operations.operating import (
    AgentsAnswer,
    Apply,
    ApplyAnswer,
    DefinitionAnswer,
    Erase,
    EraseAnswer,
    Export,
    ExportAnswer,
    Import,
    ImportAnswer,
    IssueKey,
    KeyAnswer,
    ListAgents,
    RevokeKey,
    ShowDefinition,
    Stats,
    StatsAnswer,
)
from comity.operations.overriding import Freeze, Lift, ListOverrides, OverridesAnswer, Pause, Pin
from comity.operations.reading import (
    Count,
    CountAnswer,
    Find,
    Get,
    GetMany,
    RecordAnswer,
    RecordsAnswer,
    Stale,
    StaleAnswer,
)
from comity.operations.reporting import Report, ReportAnswer
from comity.operations.ruling import (
    Backtest,
    BacktestAnswer,
    ListRules,
    Rollback,
    RulesAnswer,
    RuleTestsAnswer,
    RunRuleTests,
)
from comity.operations.waiting import ListQueue, QueueAnswer, Release, Wait
from comity.operations.working import (
    CancelWorkflow,
    FailTask,
    FinishTask,
    ListTasks,
    ListWorkflows,
    ResumeWorkflow,
    ShowWorkflow,
    Start,
    TasksAnswer,
    WorkflowAnswer,
    WorkflowsAnswer,
)
from comity.operations.writing import (
    Add,
    Append,
    Archive,
    Check,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Propose,
    Put,
    Restore,
    Set,
)

Permission = Literal["read", "write", "operate"]
Surface = Literal["python", "cli", "http"]
EVERYWHERE: Final[frozenset[Surface]] = frozenset({"python", "cli", "http"})
HERE: Final[frozenset[Surface]] = frozenset({"python", "cli"})
"""Of what reads or writes a file of the machine that it runs on."""


class Operation(msgspec.Struct, frozen=True):
    """Be one row: ``command`` is its path on the command line."""

    name: str
    request: type[Request]
    answer: type
    permission: Permission
    summary: str
    command: tuple[str, ...] = ()
    surfaces: frozenset[Surface] = EVERYWHERE


def _row(
    name: str,
    request: type[Request],
    answer: type,
    permission: Permission,
    *,
    command: str | None = None,
    surfaces: frozenset[Surface] = EVERYWHERE,
) -> Operation:
    summary = (request.__doc__ or "").strip().splitlines()[0]
    return Operation(name, request, answer, permission, summary, tuple((command or name).split()), surfaces)


OPERATIONS: Final[tuple[Operation, ...]] = (
    _row("get", Get, RecordAnswer, "read"),
    _row("get_many", GetMany, RecordsAnswer, "read", command="get-many"),
    _row("stale", Stale, StaleAnswer, "read"),
    _row("find", Find, RecordsAnswer, "read"),
    _row("count", Count, CountAnswer, "read"),
    _row("put", Put, Decision, "write"),
    _row("set", Set, Decision, "write"),
    _row("create", Create, Decision, "write"),
    _row("add", Add, Decision, "write"),
    _row("include", Include, Decision, "write"),
    _row("exclude", Exclude, Decision, "write"),
    _row("append", Append, Decision, "write"),
    _row("emit", Emit, Decision, "write"),
    _row("archive", Archive, Decision, "write"),
    _row("restore", Restore, Decision, "write"),
    _row("delete", Delete, Decision, "write"),
    _row("check", Check, Decision, "read"),
    _row("propose", Propose, Decision, "write"),
    _row("history", History, HistoryAnswer, "read"),
    _row("at", At, RecordsAnswer, "read"),
    _row("diff", Diff, DiffAnswer, "read"),
    _row("why", Why, WhyAnswer, "read"),
    _row("revert", Revert, RevertAnswer, "write"),
    _row("verify", Verify, VerifyAnswer, "read"),
    _row("erase", Erase, EraseAnswer, "operate"),
    _row("refusals", Refusals, RefusalsAnswer, "read"),
    _row("apply", Apply, ApplyAnswer, "operate"),
    _row("definition", ShowDefinition, DefinitionAnswer, "read"),
    _row("agents", ListAgents, AgentsAnswer, "read", command="agents list"),
    _row("issue_key", IssueKey, KeyAnswer, "operate", command="agents key"),
    _row("revoke_key", RevokeKey, Decision, "operate", command="agents revoke"),
    _row("announce", Announce, Announcement, "write", command="intents announce"),
    _row("withdraw_intent", WithdrawIntent, Decision, "write", command="intents withdraw"),
    _row("intents", ListIntents, IntentsAnswer, "read", command="intents list"),
    _row("news", TellNews, NewsAnswer, "read"),
    _row("inbox", ShowInbox, InboxAnswer, "read", command="inbox list"),
    _row("acknowledge", Acknowledge, AcknowledgeAnswer, "write", command="inbox ack"),
    _row("watch", Watch, WatchAnswer, "write", command="inbox watch"),
    _row("unwatch", Unwatch, WatchesAnswer, "write", command="inbox unwatch"),
    _row("watches", ListWatches, WatchesAnswer, "read", command="inbox watches"),
    _row("feed", ReadFeed, FeedAnswer, "read"),
    _row("consume", Consume, ConsumeAnswer, "write", command="consumers read"),
    _row("confirm", Confirm, ConsumerAnswer, "write", command="consumers confirm"),
    _row("consumers", ListConsumers, ConsumersAnswer, "read", command="consumers list"),
    _row("reset_consumer", ResetConsumer, ConsumerAnswer, "operate", command="consumers reset"),
    _row("forget_consumer", ForgetConsumer, ConsumerAnswer, "operate", command="consumers forget"),
    _row("report", Report, ReportAnswer, "read"),
    _row("rules", ListRules, RulesAnswer, "read", command="rules list"),
    _row("test_rules", RunRuleTests, RuleTestsAnswer, "read", command="rules test"),
    _row("backtest", Backtest, BacktestAnswer, "read", command="rules backtest"),
    _row("rollback", Rollback, ApplyAnswer, "operate", command="rules rollback"),
    _row("overrides", ListOverrides, OverridesAnswer, "read", command="override list"),
    _row("pin", Pin, Decision, "operate", command="override pin"),
    _row("pause", Pause, Decision, "operate", command="pause"),
    _row("freeze", Freeze, Decision, "operate", command="freeze"),
    _row("lift", Lift, Decision, "operate", command="override lift"),
    _row("leases", ListLeases, LeasesAnswer, "read", command="leases list"),
    _row("take_lease", TakeLease, LeaseAnswer, "write", command="leases take"),
    _row("renew_lease", RenewLease, LeaseAnswer, "write", command="leases renew"),
    _row("release_lease", ReleaseLease, Decision, "write", command="leases release"),
    _row("break_lease", BreakLease, Decision, "write", command="leases break"),
    _row("offer", Offer, Decision, "write", command="offer"),
    _row("offer_refused", OfferRefused, Decision, "write", command="offers send"),
    _row("split", Split, SplitAnswer, "write"),
    _row("offers", ListOffers, TicketsAnswer, "read", command="offers list"),
    _row("accept", Accept, Decision, "write", command="offers accept"),
    _row("decline", Decline, Decision, "write", command="offers decline"),
    _row("withdraw", Withdraw, Decision, "write"),
    _row("approvals", ListApprovals, TicketsAnswer, "read", command="approvals list"),
    _row("approve", Approve, Decision, "write", command="approvals approve"),
    _row("deny", Deny, Decision, "write", command="approvals deny"),
    _row("grants", ListGrants, GrantsAnswer, "read", command="grants list"),
    _row("grant", Grant, Decision, "write", command="grants give"),
    _row("revoke", Revoke, Decision, "write", command="grants revoke"),
    _row("wait", Wait, Decision, "read"),
    _row("queue", ListQueue, QueueAnswer, "read", command="queue list"),
    _row("release", Release, Decision, "write", command="queue release"),
    _row("effects", ListEffects, EffectsAnswer, "read", command="effects list"),
    _row("effect", ShowEffect, EffectAnswer, "read", command="effects show"),
    _row("cancel_effects", CancelEffects, CancelAnswer, "write", command="effects cancel"),
    _row("retry_effect", RetryEffect, Decision, "operate", command="effects retry"),
    _row("run_effects", RunEffects, RunAnswer, "operate", command="effects run"),
    _row("alerts", ListAlerts, AlertsAnswer, "read", command="alerts list"),
    _row("acknowledge_alert", AcknowledgeAlert, Decision, "operate", command="alerts ack"),
    _row("resolve_alert", ResolveAlert, Decision, "operate", command="alerts resolve"),
    _row("scan_alerts", ScanAlerts, ScanAnswer, "read", command="alerts scan"),
    _row("trace", Trace, TraceAnswer, "read"),
    _row("workflows", ListWorkflows, WorkflowsAnswer, "read", command="workflows list"),
    _row("start", Start, WorkflowAnswer, "write", command="workflows start"),
    _row("workflow", ShowWorkflow, WorkflowAnswer, "read", command="workflows show"),
    _row("cancel_workflow", CancelWorkflow, Decision, "write", command="workflows cancel"),
    _row("resume_workflow", ResumeWorkflow, Decision, "operate", command="workflows resume"),
    _row("tasks", ListTasks, TasksAnswer, "read", command="tasks list"),
    _row("finish_task", FinishTask, Decision, "write", command="tasks done"),
    _row("fail_task", FailTask, Decision, "write", command="tasks fail"),
    _row("import", Import, ImportAnswer, "write", surfaces=HERE),
    _row("export", Export, ExportAnswer, "read", surfaces=HERE),
    _row("stats", Stats, StatsAnswer, "read"),
)

BY_NAME: Final[dict[str, Operation]] = {operation.name: operation for operation in OPERATIONS}
BY_REQUEST: Final[dict[type, Operation]] = {operation.request: operation for operation in OPERATIONS}
