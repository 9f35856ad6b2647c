"""The demo told to a person, and to a program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from comity.cli.demo.audit import Audit
from comity.cli.demo.desk import Entry
from comity.cli.demo.evidence import Evidence
from comity.cli.demo.gated import sentences
from comity.cli.demo.proof import Gated, Yielding
from comity.cli.demo.worlds import ALL, GATED, WITH, WITHOUT, WORLDS, YIELDING
from comity.cli.demo.yielding import KEY
from comity.clock import SECOND_US, format_time
from comity.model.records import LIFE
from comity.model.texts import show
from comity.operations import EventAnswer, Refusal

_STYLES: Final = {"sales": "cyan", "support": "magenta", "product": "blue", "ops": "bold"}
_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "refused": ("■ refused: ", "yellow"),
    "saw": ("", "dim"),
    "told": ("● ", "yellow"),
    "pending": ("◆ ", "yellow"),
}
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d):\d\d(?:\.\d+)?Z")
_QUESTIONS: Final = {
    "emails_sent": "e-mails sent into the crisis",
    "lost_updates": "acknowledged updates lost",
    "dangling_references": "references to something that is gone",
}


# -- for people


def tell_run(console: Console, world: str, evidence: Evidence) -> None:
    """Print what happened in one run, scene by scene."""
    console.rule(Text(WORLDS[world].title, style="bold"), align="left")
    start = evidence.entries[0].at
    for scene, numbered in groupby(enumerate(evidence.entries), key=lambda pair: pair[1].scene):
        console.print(Text(f"\n{scene}", style="bold"))
        table = _columns({"when": 7, "who": 7}, {"what": 4, "result": 5})
        for number, entry in numbered:
            when = f"{(entry.at - start) / SECOND_US:.3f} s"
            result = _result(_on_one_day(entry), evidence.harms.get(number, ()))
            table.add_row(when, Text(entry.agent, style=_STYLES.get(entry.agent, "")), entry.did, result)
        console.print(table)
    console.print()


def _on_one_day(entry: Entry) -> Entry:
    """Return an entry whose answer names times of day only, without the date."""
    return msgspec.structs.replace(entry, told=_MOMENT.sub(r"\1", entry.told))


def _columns(widths: Mapping[str, int], shares: Mapping[str, int]) -> Table:
    """Return a table with columns of a fixed width, then some that share what is left.

    They are narrow enough that the longest words of the demo stay whole on a terminal of 80 columns.
    """
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=True)
    for name, width in widths.items():
        table.add_column(name, width=width)
    for name, share in shares.items():
        table.add_column(name, ratio=share, overflow="fold")
    return table


def _result(entry: Entry, harms: Sequence[str]) -> Text:
    if harms:
        return Text("\n".join(f"✗ {text}" for text in harms), style="red")
    if entry.outcome in _SIGNS:
        sign, style = _SIGNS[entry.outcome]
        return Text(f"{sign}{entry.told}", style=style)
    return Text(f"✓ {entry.told}", style="green")


def tell_comparison(console: Console, runs: Mapping[str, Evidence]) -> None:
    """Print both runs' counts side by side."""
    console.rule(Text("What came of it", style="bold"), align="left")
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for world in runs:
        table.add_column(world, justify="right")
    for name, question in _QUESTIONS.items():
        counts = [getattr(evidence, name) for evidence in runs.values()]
        table.add_row(question, *[Text(str(count), style="red" if count else "green") for count in counts])
    console.print(table)
    console.print()


def tell_audit(console: Console, audit: Audit) -> None:
    """Print the trail, with the refusals where they happened."""
    console.rule(Text("The audit trail that it leaves (times in UTC)", style="bold"), align="left")
    table = _columns({"at": 12, "event": 4, "by": 7}, {"what": 3, "why": 2})
    for row in sorted([*audit.events, *audit.refusals], key=lambda row: row.at):
        table.add_row(*(_event_row(row) if isinstance(row, EventAnswer) else _refusal_row(row)))
    console.print(table)
    console.print(_verdict(audit))
    console.print()


def _verdict(audit: Audit) -> Text:
    if audit.verified:
        return Text(" ✓ log, records and hash chain agree", style="green")
    return Text(" ✗ log, records and hash chain don't agree", style="red")


def _clock(at: str) -> str:
    """Return the time of day to the millisecond."""
    return f"{at[11:19]}.{at[20:-1]:0<3.3}"


def _event_row(event: EventAnswer) -> Iterator[str | Text]:
    moved = ", ".join(f"{name} {show(was)} → {show(event.now.get(name))}" for name, was in _changes(event))
    yield _clock(event.at)
    yield event.event
    yield Text(event.by, style=_STYLES.get(event.by, ""))
    yield f"{event.type} {event.record}{': ' if moved else ''}{moved}"
    yield event.reason or ""


def _changes(event: EventAnswer) -> Iterable[tuple[str, Any]]:
    """Return the fields worth a line: none for a record that began or ended as its event's name says."""
    return [] if LIFE in event.was else event.was.items()


def _refusal_row(refusal: Refusal) -> Iterator[str | Text]:
    codes = ", ".join(dict.fromkeys(finding.code for finding in refusal.findings))
    yield _clock(refusal.at)
    yield ""
    yield Text(refusal.agent, style=_STYLES.get(refusal.agent, ""))
    yield Text(f"refused {', '.join(refusal.records)}: {codes}", style="yellow")
    yield refusal.reason or ""


def tell_mechanisms(console: Console, audit: Audit, yielding: Yielding, gated: Mapping[str, Gated]) -> None:
    """Print what stopped the upsell in each of the runs: one mechanism alone, then all of them."""
    console.rule(Text("The upsell, stopped by each mechanism alone", style="bold"), align="left")
    stopped = next((refusal for refusal in audit.refusals if refusal.agent == "sales"), None)
    stale = ", ".join(finding.code for finding in stopped.findings) if stopped is not None else ""
    both = gated[ALL]
    table = _columns({"run": 10, "mechanism": 11}, {"what": 1})
    for world, mechanism, told in (
        (WITH, "freshness", f"refused: {stale}"),
        (YIELDING, "rule", f"refused: {', '.join(yielding.stopped_by)}"),
        (GATED, "effect gate", f"e-mail cancelled: {sentences(gated[GATED].cancelled_because)[0]}"),
        (ALL, "all three", f"refused: {', '.join(both.refused_by)}; e-mail cancelled"),
    ):
        table.add_row(world, Text(mechanism, style="bold"), Text(told, style="yellow"))
    console.print(table)
    console.print()


def tell_next(console: Console, base: Path) -> None:
    """Print the three commands to try next."""
    database = shlex.quote(str(base))
    console.print("The base is still there. Try next:")
    for command in ("why customer/acme open_tickets", "report --record customer/acme", "inbox list --as sales"):
        console.print(f"  comity {command} --db {database}", soft_wrap=True)


# -- for programs


def as_data(folder: Path, runs: Mapping[str, Evidence], audit: Audit) -> dict[str, Any]:
    """Return what came of the two runs that are compared, as JSON has it."""
    return {
        WITHOUT: _side(folder, WITHOUT, runs[WITHOUT]),
        WITH: {**_side(folder, WITH, runs[WITH]), "audit": audit},
    }


def yielding_as_data(folder: Path, evidence: Evidence, audit: Audit, yielding: Yielding) -> dict[str, Any]:
    """Return what came of the run in which agents yield, as JSON has it."""
    told = {**_side(folder, YIELDING, evidence), **msgspec.structs.asdict(yielding)}
    return {YIELDING: {**told, "audit": audit, "key_file": str(folder / YIELDING / KEY)}}


def gated_as_data(folder: Path, world: str, evidence: Evidence, audit: Audit, gated: Gated) -> dict[str, Any]:
    """Return what came of a run with the effect gate, as JSON has it."""
    return {world: {**_side(folder, world, evidence), **msgspec.structs.asdict(gated), "audit": audit}}


def _side(folder: Path, world: str, evidence: Evidence) -> dict[str, Any]:
    return {
        "emails_sent": evidence.emails_sent,
        "lost_updates": evidence.lost_updates,
        "dangling_references": evidence.dangling_references,
        "events": [_event(entry, evidence.harms.get(number, ())) for number, entry in enumerate(evidence.entries)],
        "base": str(folder / world / WORLDS[world].base),
    }


def _event(entry: Entry, harms: Sequence[str]) -> dict[str, Any]:
    return {**msgspec.structs.asdict(entry), "at": format_time(entry.at), "harms": list(harms)}
