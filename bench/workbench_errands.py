"""From tables and tasks to a workspace and to errands: who does what, in which round.

An errand is one intent of one agent: the actions of a task in one domain, or a *drill*, a
collision arranged on rows of the real tables so that every sort of it occurs in each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

import comity
from bench.workbench_tables import INTERESTS, LISTS, STATUSES, Call, Table, Tables

Drill = Literal["disjoint fields", "same field", "delete against update", "foreign field"]

AGENTS_PER_DOMAIN: Final = 4
SENDING: Final = "email.send_email"
"""The action that is no change of a record but an effect: see :mod:`bench.workbench_letters`."""
DRILLS: Final = 4
"""Of each sort."""


class Domain(msgspec.Struct, frozen=True):
    """Be one domain: its role, the kind that it owns, the tool that writes there, the argument that is the id."""

    role: str
    kind: str
    tool: str
    id: str

    @property
    def agents(self) -> list[str]:
        """Return the names of its agents."""
        return [f"{self.role}_{number}" for number in range(1, AGENTS_PER_DOMAIN + 1)]


SALES: Final = Domain("sales", "customer", "customer_relationship_manager", "customer_id")
PRODUCT: Final = Domain("product", "project_task", "project_management", "task_id")
SUPPORT: Final = Domain("support", "email", "email", "email_id")
ASSISTANT: Final = Domain("assistant", "calendar_event", "calendar", "event_id")
DOMAINS: Final = (SALES, PRODUCT, SUPPORT, ASSISTANT)
BY_TOOL: Final = {domain.tool: domain for domain in DOMAINS}

AGENTS: Final = "\n".join(f'{name} = {{ role = "{domain.role}" }}' for domain in DOMAINS for name in domain.agents)
DEFINITION: Final = f"""
name = "workbench"

[agents]
{AGENTS}

[kinds.customer]
owner = "sales"

[kinds.customer.fields]
assigned_to_email = {{ type = "string" }}
customer_name     = {{ type = "string", required = true }}
customer_email    = {{ type = "string" }}
customer_phone    = {{ type = "string" }}
last_contact_date = {{ type = "string" }}
product_interest  = {{ type = "string" }}
status            = {{ type = "string", event = "StatusChanged" }}
follow_up_by      = {{ type = "string" }}
notes             = {{ type = "string" }}

[kinds.project_task]
owner = "product"

[kinds.project_task.fields]
task_name         = {{ type = "string", required = true }}
assigned_to_email = {{ type = "string" }}
list_name         = {{ type = "string", event = "TaskMoved" }}
due_date          = {{ type = "string" }}
board             = {{ type = "string" }}

[kinds.email]
owner = "support"

[kinds.email.fields]
box     = {{ enum = ["inbox", "outbox"], required = true }}
party   = {{ type = "string" }}
subject = {{ type = "string" }}
sent_at = {{ type = "string" }}
body    = {{ type = "string" }}

[kinds.email.events.EmailForwarded]
owner = "support"
data  = {{ recipient = {{ type = "string", required = true }} }}

[kinds.calendar_event]
owner = "assistant"

[kinds.calendar_event.fields]
event_name        = {{ type = "string", required = true }}
participant_email = {{ type = "string" }}
event_start       = {{ type = "string" }}
duration          = {{ type = "string" }}
"""


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Be one intent: which agent does which actions, why, and in which drill, if any."""

    id: str
    agent: str
    round: int
    query: str
    calls: tuple[Call, ...]
    drill: Drill | None = None

    @property
    def action(self) -> str:
        """Return the tool's name, which is what the agent does in business terms."""
        return self.calls[0].name


def ref_of(call: Call) -> str | None:
    """Return the record that a call is about, or None where it makes a new one."""
    domain = BY_TOOL[call.name.partition(".")[0]]
    return f"{domain.kind}/{call.args[domain.id]}" if domain.id in call.args else None


# -- loading


def load(workspace: comity.Workspace, tables: Tables) -> int:
    """Put the tables in, each by an agent of the domain that owns it; return the number of records."""
    count = 0
    for domain, table in zip(DOMAINS, _tables(tables), strict=True):
        with workspace.agent(domain.agents[0]).intent("import", reason=f"from {tables.origin[:60]}") as intent:
            for row in table:
                intent.create(f"{domain.kind}/{row[domain.id]}", _fields(row, domain))
        count += len(table)
    return count


def _tables(tables: Tables) -> tuple[Table, Table, Table, Table]:
    return tables.customers, tables.project_tasks, tables.emails, tables.calendar_events


def _fields(row: dict[str, str], domain: Domain) -> dict[str, Any]:
    if domain is not SUPPORT:
        return {name: value for name, value in row.items() if name != domain.id and value}
    return {
        "box": row["inbox/outbox"],
        "party": row["sender/recipient"],
        "subject": row["subject"],
        "sent_at": row["sent_datetime"],
        "body": row["body"],
    }


# -- dealing out


def deal(tables: Tables) -> list[Errand]:
    """Return all errands. Those on one record come in one round, so that they meet.

    In a round each of the sixteen agents has at most one errand.
    """
    errands: list[Errand] = []
    for domain in DOMAINS:
        sorted_errands = sorted(_errands(tables, domain), key=lambda errand: ref_of(errand.calls[0]) or "")
        errands += _dealt([*_drills(tables, domain), *sorted_errands], domain)
    return errands


def _dealt(errands: Sequence[Errand], domain: Domain) -> Iterator[Errand]:
    for number, errand in enumerate(errands):
        place = number % AGENTS_PER_DOMAIN
        agent = errand.agent or domain.agents[place]
        yield msgspec.structs.replace(errand, agent=agent, round=number // AGENTS_PER_DOMAIN)


def _errands(tables: Tables, domain: Domain) -> Iterator[Errand]:
    for task in tables.tasks:
        calls = tuple(call for call in task.actions if call.name.startswith(f"{domain.tool}.") and call.name != SENDING)
        if calls:
            id = f"{task.task.replace('/', '-')}-{domain.role}"
            yield Errand(id=id, agent="", round=0, query=task.query, calls=calls)


def _drills(tables: Tables, domain: Domain) -> Iterator[Errand]:
    """Yield two collisions to a round, on rows that no task is about; only where tasks update a field."""
    if domain not in (SALES, PRODUCT):
        return
    free = iter(_free(tables, domain))
    for number in range(DRILLS):
        for drill, make in DRILLED.items():
            row = next(free)
            for half, call in enumerate(make(row, domain)):
                yield _drill(f"{number}-{domain.role}-{half}", drill, call)


def _free(tables: Tables, domain: Domain) -> Table:
    """Return the rows of a domain that no task is about."""
    named = {ref_of(call) for task in tables.tasks for call in task.actions}
    table = _tables(tables)[DOMAINS.index(domain)]
    return [row for row in table if f"{domain.kind}/{row[domain.id]}" not in named]


def _drill(id: str, drill: Drill, call: Call) -> Errand:
    return Errand(
        id=f"drill-{drill.replace(' ', '-')}-{id}",
        agent="",
        round=0,
        query=f"a drill: {drill}",
        calls=(call,),
        drill=drill,
    )


def _update(row: dict[str, str], domain: Domain, field: str, values: Sequence[str], nth: int = 0) -> Call:
    """Return the call that sets a field of a row to a value which it hasn't."""
    value = [value for value in values if value != row[field]][nth]
    name = "update_customer" if domain is SALES else "update_task"
    return Call(f"{domain.tool}.{name}", {domain.id: row[domain.id], "field": field, "new_value": value})


def _disjoint(row: dict[str, str], domain: Domain) -> tuple[Call, Call]:
    if domain is SALES:
        return _update(row, domain, "status", STATUSES), _update(row, domain, "product_interest", INTERESTS)
    return _update(row, domain, "list_name", LISTS), _update(row, domain, "due_date", ("2024-01-08", "2024-01-09"))


def _same(row: dict[str, str], domain: Domain) -> tuple[Call, Call]:
    field, values = ("status", STATUSES) if domain is SALES else ("list_name", LISTS)
    return _update(row, domain, field, values, 0), _update(row, domain, field, values, 1)


def _removed(row: dict[str, str], domain: Domain) -> tuple[Call, Call]:
    name = "delete_customer" if domain is SALES else "delete_task"
    return _same(row, domain)[0], Call(f"{domain.tool}.{name}", {domain.id: row[domain.id]})


def foreign_errands(tables: Tables) -> list[Errand]:
    """Return one errand for each domain in which an agent of the next one oversteps."""
    errands: list[Errand] = []
    fields = ("status", "list_name", "subject", "duration")
    for domain, other, field in zip(DOMAINS, (*DOMAINS[1:], DOMAINS[0]), fields, strict=True):
        args = {domain.id: _free(tables, domain)[-1][domain.id], "field": field, "new_value": "overstepped"}
        call = Call(f"{domain.tool}.update", args)
        drilled = _drill(domain.role, "foreign field", call)
        errands.append(msgspec.structs.replace(drilled, agent=other.agents[0]))
    return errands


DRILLED: Final[dict[Drill, Callable[[dict[str, str], Domain], tuple[Call, Call]]]] = {
    "disjoint fields": _disjoint,
    "same field": _same,
    "delete against update": _removed,
}
