"""Records, pages of them, counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import CELL_CHARS, bad, dim, facts, good, table, value
from comity.model.texts import counted
from comity.operations import CountAnswer, RecordAnswer, RecordsAnswer, Request

MOST_COLUMNS: Final = 10


def record(request: Request, answer: RecordAnswer) -> Iterator[RenderableType]:
    """Yield one record, a field in each line."""
    if answer.life == "absent":
        yield bad(f"{answer.record} isn't there, and never was (revision {answer.revision})")
        return
    life = good(answer.life) if answer.life == "live" else bad(answer.life)
    head = (answer.record, "bold"), f"  version {answer.version}, ", life, f", as of revision {answer.revision}"
    yield Text.assemble(*head)
    if answer.is_erased:
        yield dim("Its values were erased.")
    names = [*answer.known, *(name for name in answer.values if name not in answer.known)]
    yield facts(*((name, value(answer.values.get(name))) for name in names))


def records(request: Request, answer: RecordsAnswer) -> Iterator[RenderableType]:
    """Yield a page of records as one table for each kind, and how to get the next page."""
    kinds: dict[str, list[RecordAnswer]] = {}
    for one in answer.records:
        kinds.setdefault(one.record.partition("/")[0], []).append(one)
    for kind, members in kinds.items():
        yield _table(kind, members)
        yield Text()
    yield dim(f"{counted(len(answer.records), 'record')}, as of revision {answer.revision}")
    if answer.after is not None:
        yield Text.assemble("There may be more: repeat it with ", (f"--after {answer.after}", "bold"))


def _table(kind: str, members: Sequence[RecordAnswer]) -> RenderableType:
    known = members[0].known
    seen = dict.fromkeys([*known, *(name for one in members for name in one.values)])
    used = [name for name in seen if any(name in one.values for one in members)]
    shown = used[:MOST_COLUMNS]
    left = len(used) - len(shown)
    are_alive = all(one.life == "live" for one in members)
    made = table(kind, *shown, *([f"{left} more"] if left else []), *([] if are_alive else ["life"]), "version")
    for one in members:
        cells: list[Text | str] = [value(one.values.get(name), CELL_CHARS) for name in shown]
        name = one.record.partition("/")[2]
        tail = [*(["…"] if left else []), *([] if are_alive else [one.life]), str(one.version)]
        made.add_row(Text(name, style="bold"), *cells, *tail)
    return made


def count(request: Request, answer: CountAnswer) -> Iterator[RenderableType]:
    """Yield a number."""
    yield Text(str(answer.count))
