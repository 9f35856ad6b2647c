"""The table itself."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from comity.model.decisions import Decision
from comity.operations.arguments import Request
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
Surface = Literal["python", "cli"]


class Operation(msgspec.Struct, frozen=True):
    """Be one row: ``command`` is its path on the command line."""

    name: str
    request: type[Request]
    answer: type
    permission: Permission
    summary: str
    command: tuple[str, ...] = ()
    surfaces: frozenset[Surface] = frozenset({"python", "cli"})


def _row(
    name: str, request: type[Request], answer: type, permission: Permission, *, command: str | None = None
) -> Operation:
    summary = (request.__doc__ or "").strip().splitlines()[0]
    return Operation(name, request, answer, permission, summary, tuple((command or name).split()))


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
    _row("refusals", Refusals, RefusalsAnswer, "read"),
    _row("apply", Apply, ApplyAnswer, "operate"),
    _row("definition", ShowDefinition, DefinitionAnswer, "read"),
    _row("agents", ListAgents, AgentsAnswer, "read", command="agents list"),
    _row("issue_key", IssueKey, KeyAnswer, "operate", command="agents key"),
    _row("revoke_key", RevokeKey, Decision, "operate", command="agents revoke"),
    _row("import", Import, ImportAnswer, "write"),
    _row("export", Export, ExportAnswer, "read"),
    _row("stats", Stats, StatsAnswer, "read"),
)

BY_NAME: Final[dict[str, Operation]] = {operation.name: operation for operation in OPERATIONS}
BY_REQUEST: Final[dict[type, Operation]] = {operation.request: operation for operation in OPERATIONS}
