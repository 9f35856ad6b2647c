"""Keeping a workspace: verification, agents and keys, import and export, counts, the definition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import bad, dim, facts, good, moment, table
from comity.model.texts import counted
from comity.operations import (
    AgentsAnswer,
    DefinitionAnswer,
    ExportAnswer,
    Import,
    ImportAnswer,
    KeyAnswer,
    Request,
    StatsAnswer,
    VerifyAnswer,
)
from comity.store.places import is_database, workspace_of

OPERATORS: Final = (
    "As long as a human has a key, applying definitions, issuing keys and undoing others' work takes one:"
    " the system's user alone may not. Don't lose the last one."
)


def verified(request: Request, answer: VerifyAnswer) -> Iterator[RenderableType]:
    """Yield whether log, chain and records agree."""
    commits, events = counted(answer.commits, "commit"), counted(answer.events, "event")
    seen = f"{commits}, {events}, {counted(answer.records, 'record')}"
    if answer.erased:
        seen += f", {answer.erased} erased contents"
    if answer.is_clean:
        yield good(f"Clean: {seen} agree with the log, and its chain of hashes is whole.")
    else:
        yield bad(f"{counted(len(answer.problems), 'problem')} in {seen}:")
        yield from (Text(f"  {problem}") for problem in answer.problems)
    yield Text.assemble(("Keep this elsewhere, and give it next time as --head: ", "dim"), answer.head)


def agents(request: Request, answer: AgentsAnswer) -> Iterator[RenderableType]:
    """Yield who may act."""
    made = table("agent", "role", "kind", "declared", "key", "expires")
    for one in answer.agents:
        key = f"{one.key_id} ({one.key_status})" if one.key_id else ""
        expires = moment(one.key_expires_at) if one.key_expires_at else ""
        made.add_row(
            Text(one.agent, style="bold"), one.role, one.kind, "yes" if one.is_declared else "no", key, expires
        )
    if answer.agents:
        yield made
    else:
        yield dim("No agents are declared, so anyone may act. Declare them under [agents] in the definition.")


def key(request: Request, answer: KeyAnswer) -> Iterator[RenderableType]:
    """Yield a new key, this once."""
    until = f", good until {moment(answer.expires_at)}" if answer.expires_at else ""
    yield good(f"A key for {answer.agent}{until}. It is shown this once and kept nowhere:")
    yield Text(f"  {answer.key}", style="bold")
    yield dim("Give it to its owner, who puts it into a file for --key-file, or into COMITY_KEY.")
    yield Text(OPERATORS, style="yellow")
    for finding in answer.findings:
        if finding.code != "identity.last_door":  # That one says no more than the sentence above.
            yield Text(f"{finding.message} {finding.remedy or ''}".rstrip(), style="yellow")


def imported(request: Request, answer: ImportAnswer) -> Iterator[RenderableType]:
    """Yield what an import did, and every line that it didn't take."""
    is_dry = isinstance(request, Import) and request.dry
    for error in answer.errors:
        subject = f"{error.record}: " if error.record else ""
        yield Text.assemble((f"line {error.line}: ", "red"), subject + error.problem)
    if answer.more_errors:
        yield bad(f"… and {answer.more_errors} more")
    parts = [
        f"{answer.committed:,} {'would be committed' if is_dry else 'committed'}",
        f"{answer.unchanged:,} unchanged",
    ]
    if answer.earlier:
        parts.append(f"{answer.earlier:,} settled by an earlier run and left alone (--again takes them anew)")
    wrong = len(answer.errors) + answer.more_errors
    parts.append(f"{wrong:,} not taken")
    sentence = f"{counted(answer.lines, 'row')}: {', '.join(parts)}"
    yield bad(sentence) if wrong else good(sentence)


def exported(request: Request, answer: ExportAnswer) -> Iterator[RenderableType]:
    """Yield what an export wrote."""
    target = "the standard output" if answer.file == "-" else answer.file
    yield good(f"{counted(answer.records, 'record')}, as of revision {answer.revision}, written to {target}")


def stats(request: Request, answer: StatsAnswer) -> Iterator[RenderableType]:
    """Yield what is there."""
    last = moment(answer.last_commit_at) if answer.last_commit_at else "never"
    yield facts(
        ("workspace", answer.name),
        *_place(answer),
        ("revision", f"{answer.revision}, incarnation {answer.incarnation}"),
        ("definition", f"version {answer.definition}"),
        ("log", f"{counted(answer.commits, 'commit')}, {counted(answer.events, 'event')}, the last one {last}"),
        ("refused", str(answer.refusals)),
        *((f"  {kind}", counted(count, "record")) for kind, count in sorted(answer.records.items())),
    )


def _place(answer: StatsAnswer) -> Iterator[tuple[str, str]]:
    """Yield where it is: a database has several, and how large it is, is that of all of them."""
    if not is_database(answer.url):
        yield "file", f"{answer.url} ({answer.bytes:,} bytes)"
        return
    yield "kept as", workspace_of(answer.url)
    yield "database", f"{answer.url} ({answer.bytes:,} bytes, with all that are kept in its schema)"


def definition(request: Request, answer: DefinitionAnswer) -> Iterator[RenderableType]:
    """Yield the definition as it was written, so that it can go into a file again."""
    yield Text(answer.source.removesuffix("\n") or "# the empty definition")
