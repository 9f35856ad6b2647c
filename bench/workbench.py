"""The workbench: a company's tables, sixteen agents in four domains, and their tasks all at once.

``python -m bench workbench`` loads the tables into a workspace, has sixteen threads and then
four processes of four threads do the tasks' write actions, each task as an intent, and
prints what became of the collisions, then of the e-mails (:mod:`bench.workbench_letters`).
The checker of :mod:`comity.testing.histories` decides from the log whether anything was lost.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table

import comity
from bench import workbench_letters
from bench.workbench_agents import Conduct, Done, Shift, work, work_and_write
from bench.workbench_errands import DEFINITION, DOMAINS, Drill, Errand, deal, foreign_errands, load, ref_of
from bench.workbench_letters import Post
from bench.workbench_tables import Tables, load_tables
from comity.clock import SystemClock
from comity.model.events import Commit
from comity.store.sqlite import SqliteStore
from comity.testing.histories import Attempt, Journal, Log, Verdict, check_history, read_journals, read_log

Mode = Literal["16 threads", "4 processes of 4 threads"]
MODES: tuple[Mode, ...] = ("16 threads", "4 processes of 4 threads")


class Outcome(msgspec.Struct, frozen=True):
    """Be the result of one run.

    ``drills`` counts what became of each pair of colliding errands; ``silent`` names the
    actions that neither committed, nor were refused, nor were given up with a reason.
    """

    mode: Mode
    origin: str
    records: int
    errands: int
    seconds: float
    attempts: int
    reruns: int
    moot: dict[str, int]
    drills: dict[str, dict[str, int]]
    silent: tuple[str, ...]
    verdict: Verdict
    is_verified: bool


def report(results: Path, console: Console, tables: Tables | None = None) -> list[Outcome]:
    """Run both modes, print what happened, save it as ``workbench.json``."""
    results.mkdir(parents=True, exist_ok=True)
    tables = tables or load_tables()
    outcomes: list[Outcome] = []
    for mode in MODES:
        with tempfile.TemporaryDirectory(prefix="workbench-", dir=results) as folder:
            outcomes.append(run(Path(folder), mode, tables))
    (results / "workbench.json").write_bytes(msgspec.json.format(msgspec.json.encode(outcomes), indent=2) + b"\n")
    console.print(f"Workbench on {tables.origin}")
    console.print(_table(outcomes))
    console.print(_drill_table(outcomes))
    with tempfile.TemporaryDirectory(prefix="letters-", dir=results) as folder:
        post = workbench_letters.run(Path(folder), tables)
    (results / "workbench_letters.json").write_bytes(msgspec.json.format(msgspec.json.encode(post), indent=2) + b"\n")
    console.print(_post_table(post))
    for outcome in outcomes:
        for fault in outcome.verdict.faults:
            console.print(f"[red]{outcome.mode}: {fault}[/]")
    console.print(f"Saved as {results / 'workbench.json'}.")
    return outcomes


def run(folder: Path, mode: Mode, tables: Tables) -> Outcome:
    """Return what became of all errands, done in this mode on a fresh base."""
    database = folder / "workbench.db"
    (folder / "workbench.toml").write_text(DEFINITION, encoding="utf-8")
    errands = deal(tables)
    with comity.open(database, definition=folder / "workbench.toml") as workspace:
        records = load(workspace, tables)
        since = workspace.revision
    started = time.perf_counter()
    done = _in_threads(database, folder, errands) if mode == "16 threads" else _in_processes(database, folder, errands)
    seconds = time.perf_counter() - started
    with comity.open(database) as workspace:
        done += _overstep(workspace, folder, foreign_errands(tables))
        is_verified = workspace.verify().is_clean
    attempts = read_journals(folder.glob("*.ndjson"))
    log = _log_of(database)
    return Outcome(
        mode,
        tables.origin,
        records,
        len(done),
        round(seconds, 3),
        len(attempts),
        sum(one.attempts - 1 for one in done if one.errand.drill != "foreign field"),
        _moot(done),
        _drills(done, attempts, log),
        tuple(_silent(done, attempts)),
        check_history(attempts, log, since=since),
        is_verified,
    )


# -- who works where


def _shifts(database: Path, folder: Path, errands: Sequence[Errand], processes: int) -> list[Shift]:
    """Return the work of each process; each has agents of all domains."""
    names = [domain.agents[place] for place in range(4) for domain in DOMAINS]
    rounds = max(errand.round for errand in errands) + 1
    mine = {name: [errand for errand in errands if errand.agent == name] for name in names}
    size = len(names) // processes
    return [
        Shift(database, folder, {name: mine[name] for name in names[start : start + size]}, rounds)
        for start in range(0, len(names), size)
    ]


def _in_threads(database: Path, folder: Path, errands: Sequence[Errand]) -> list[Done]:
    (shift,) = _shifts(database, folder, errands, 1)
    return work(shift, threading.Barrier(len(shift.errands)))


def _in_processes(database: Path, folder: Path, errands: Sequence[Errand]) -> list[Done]:
    shifts = _shifts(database, folder, errands, 4)
    spawn = multiprocessing.get_context("spawn")
    meet = spawn.Barrier(sum(len(shift.errands) for shift in shifts))
    paths = [folder / f"done-{number}.json" for number in range(len(shifts))]
    processes = [
        spawn.Process(target=work_and_write, args=(shift, meet, path))
        for shift, path in zip(shifts, paths, strict=True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [one for path in paths for one in msgspec.json.decode(path.read_bytes(), type=list[Done])]


def _overstep(workspace: comity.Workspace, folder: Path, errands: Sequence[Errand]) -> list[Done]:
    """Have agents write what another domain owns."""
    done: list[Done] = []
    for errand in errands:
        with Journal(folder / f"overstep-{errand.agent}.ndjson", f"overstep-{errand.agent}") as journal:
            done.append(Conduct(workspace.agent(errand.agent), journal).run(errand, None))
    return done


def _log_of(database: Path) -> Log:
    store = SqliteStore.open(str(database), clock=SystemClock())
    try:
        return read_log(store)
    finally:
        store.close()


# -- what became of it


def _moot(done: Sequence[Done]) -> dict[str, int]:
    return dict(Counter(why.rpartition(": ")[2].partition(",")[0] for one in done for why in one.moot))


def _silent(done: Sequence[Done], attempts: Sequence[Attempt]) -> list[str]:
    """Return the errands of which nobody could say what became of them."""
    answered = {attempt.proposal.id.partition(":")[0] for attempt in attempts if attempt.decision is not None}
    return [one.errand.id for one in done if not (one.moot or one.errand.id in answered)]


def _drills(done: Sequence[Done], attempts: Sequence[Attempt], log: Log) -> dict[str, dict[str, int]]:
    """Return, for each sort of drill, how its pairs ended, as the log and the answers tell."""
    refused = {attempt.proposal.id.partition(":")[0] for attempt in attempts if _is_conflict(attempt)}
    committed = {commit.proposal.partition(":")[0]: commit for commit, _ in log.entries}
    pairs: dict[tuple[Drill, str], list[Errand]] = {}
    for one in done:
        if one.errand.drill is not None:
            pairs.setdefault((one.errand.drill, ref_of(one.errand.calls[0]) or ""), []).append(one.errand)
    ends: dict[str, Counter[str]] = {}
    for (drill, _), pair in pairs.items():
        ends.setdefault(drill, Counter())[_end(drill, pair, committed, refused)] += 1
    return {drill: dict(counter) for drill, counter in ends.items()}


def _is_conflict(attempt: Attempt) -> bool:
    codes = {finding.code for finding in attempt.decision.refusals} if attempt.decision else set[str]()
    return bool(codes & {"freshness.changed", "integrity.deleted", "ownership.other_domain"})


def _end(drill: Drill, pair: Sequence[Errand], committed: dict[str, Commit], refused: set[str]) -> str:
    through = [errand.id in committed for errand in pair]
    told = [errand.id in refused for errand in pair]
    if drill == "foreign field":
        return "refused, the owner named" if told == [True] and through == [False] else "went through"
    if drill == "disjoint fields":
        return "both survived" if through == [True, True] and not any(told) else "one was lost or refused"
    if drill == "same field":
        return "one won, the other was told" if sorted(through) == [False, True] and any(told) else "not told"
    decided = any(through) and any(told)
    return "decided, the later one told" if decided else "not decided"


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Sixteen agents, all tasks at once")
    for name in ("mode", "records", "errands", "seconds", "commits", "refused", "re-runs", "given up", "verdict"):
        table.add_column(name, justify="left" if name in ("mode", "given up", "verdict") else "right")
    for outcome in outcomes:
        verdict = outcome.verdict
        faults = len(verdict.faults) + len(outcome.silent) + (not outcome.is_verified)
        table.add_row(
            outcome.mode, str(outcome.records), str(outcome.errands), f"{outcome.seconds:.2f}", str(verdict.commits),
            ", ".join(f"{count} {code}" for code, count in sorted(verdict.refusals.items())), str(outcome.reruns),
            ", ".join(f"{count} {why}" for why, count in sorted(outcome.moot.items())),
            f"[red]{faults} faults[/]" if faults else "[green]nothing lost[/]",
        )  # fmt: skip
    return table


def _drill_table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Arranged collisions")
    for name in ("mode", "two agents at once", "how it ended"):
        table.add_column(name)
    for outcome in outcomes:
        for drill, ends in outcome.drills.items():
            table.add_row(outcome.mode, drill, ", ".join(f"{end}: {count}" for end, count in sorted(ends.items())))
    return table


def _post_table(post: Post) -> Table:
    judged = f"[red]{len(post.wrong)} wrong[/]" if post.wrong else "[green]as it should be[/]"
    same = post.wanted - post.different
    table = Table(
        title=f"E-mails as effects: {post.wanted} wanted, {same} of them the same as another, {post.conditional} on a"
        f" condition; {post.sent} sent, {len(post.held_back)} held back, {judged}"
    )
    for name in ("held back", "to", "why"):
        table.add_column(name)
    for letter in post.held_back:
        table.add_row(letter.subject, letter.recipient, letter.why)
    return table
