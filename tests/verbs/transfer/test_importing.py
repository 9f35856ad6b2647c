from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import Workspace, limits
from comity.errors import InvalidRequest, NotFound
from comity.operations import Import, ImportAnswer

DEFINITION = """
[agents]
sales = { role = "sales" }
support = { role = "support" }
[kinds.customer.fields]
name = { type = "string", required = true, owner = "sales" }
zip = { type = "string", owner = "sales" }
value = { type = "number", minimum = 0, owner = "sales" }
tags = { type = "array", items = { type = "string" }, owner = "sales" }
tickets = { type = "integer", owner = "support" }
[[kinds.customer.guards]]
name = "no bargain"
check = "default(after.value, 1.0) != 13.0"
[kinds.person.fields]
name = { type = "string" }
boss = { ref = "person" }
"""


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with comity.open(tmp_path / "crm.db") as workspace:
        yield workspace


@pytest.fixture
def declared(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "comity.toml").write_text(DEFINITION)
    with comity.open(tmp_path / "declared.db", definition=tmp_path / "comity.toml") as workspace:
        yield workspace


def write(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def problems(answer: ImportAnswer) -> list[tuple[int, str]]:
    return [(error.line, error.problem.split(":")[0]) for error in answer.errors]


def counts(answer: ImportAnswer) -> tuple[int, int, int, int]:
    return answer.committed, answer.unchanged, answer.earlier, len(answer.errors) + answer.more_errors


# -- what rows say


def test_csv_cells_are_typed_as_declared(declared: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path, "customers.csv", 'id,name,zip,value,tags\nacme,42,04109,1.50,"[""a""]"\nbeta,Beta,,,\n')
    assert counts(declared.agent("sales").import_file(file)) == (2, 0, 0, 0)
    assert dict(declared.get("customer/acme")) == {"name": "42", "zip": "04109", "value": 1.5, "tags": ("a",)}
    assert dict(declared.get("customer/beta")) == {"name": "Beta"}


def test_undeclared_columns_are_guessed_as_a_whole(ws: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path, "order.csv", "order_id;Ship to;zip;n;paid\n1;Köln;50667;7;true\n2;Leipzig;04109;8;\n")
    assert counts(ws.agent("sales").import_file(file)) == (2, 0, 0, 0)
    assert dict(ws.get("order/1")) == {"Ship_to": "Köln", "zip": "50667", "n": 7, "paid": True}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("customers.json", '[{"id": "acme", "n": 1}, {"id": 7, "n": null}]'),
        ("x.json", '{"customer": [{"id": "acme", "n": 1}, {"id": 7}], "other": []}'),
        ("customer.ndjson", '{"customer_id": "acme", "n": 1}\n\n{"id": "7"}\n'),
        ("x.jsonl", '{"record": "customer/acme", "values": {"n": 1}}\n{"record": "customer/7", "values": {}}'),
        ("customer.tsv", "$id\tn\nacme\t1\n7\t\n"),
    ],
)
def test_forms_of_files(ws: Workspace, tmp_path: Path, name: str, text: str) -> None:
    answer = ws.agent("sales").import_file(write(tmp_path, name, text))
    assert counts(answer) == (2, 0, 0, 0), answer
    assert dict(ws.get("customer/acme")) == {"n": 1}
    assert ws.get("customer/7").exists


def test_null_clears_and_an_empty_cell_says_nothing(ws: Workspace, tmp_path: Path) -> None:
    sales = ws.agent("sales")
    sales.put("customer/acme", a=1, b=2)
    sales.import_file(write(tmp_path, "customer.csv", "id,a,b\nacme,,3\n"))
    assert dict(ws.get("customer/acme")) == {"a": 1, "b": 3}
    sales.import_file(write(tmp_path, "customer.ndjson", '{"id": "acme", "a": null}'))
    assert dict(ws.get("customer/acme")) == {"b": 3}


def test_the_key_may_be_any_column(ws: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path, "customer.csv", "name,code\nAcme,c1\n")
    with pytest.raises(InvalidRequest, match="name, code"):
        ws.agent("sales").import_file(file)
    with pytest.raises(InvalidRequest, match="no column 'nope'"):
        ws.agent("sales").import_file(file, key="nope")
    assert ws.agent("sales").import_file(file, key="code").committed == 1
    assert dict(ws.get("customer/c1")) == {"name": "Acme"}


# -- what is wrong is listed, and stops nothing else


@pytest.mark.parametrize(
    ("name", "data", "lines"),
    [
        ("c.csv", b'id,n\nok,1\nb,2,3\nc\n"d\n",4\n\xff,5\n,6\n\n', [3, 4, 5, 7, 8]),
        ("c.csv", b'id,n\nok,1\na,"never closed\n', [3]),
        (
            "c.ndjson",
            b'{"id":"ok"}\n{"id":\n[1]\n{"n":1}\n{"id":true}\n{"id":"a b"}\n\xff\n' + b"[" * 5000,
            [2, 3, 4, 5, 6, 7, 8],
        ),
        ("c.json", b'[{"id": "ok"},\n 7,\n {"id": "x y"},\n {"id": NaN}]', [2, 3, 4]),
        ("c.json", b'[{"id": "ok"}\n {"id": "b"}]', [2]),
        ("c.json", b'[{"id": "ok"}] x', [1]),
        ("c.json", b'{"c": [{"id": "ok"}], "d": 3}', [1]),
        ("c.json", b'{"c": [{"id": "ok"}]\n "d": []}', [2]),
    ],
)
def test_malformed_lines_are_listed_and_the_others_taken(
    ws: Workspace, tmp_path: Path, name: str, data: bytes, lines: list[int]
) -> None:
    answer = ws.agent("sales").import_file(write(tmp_path, name, data), kind="c")
    assert [error.line for error in answer.errors] == lines
    assert answer.committed == 1
    assert ws.get("c/ok").exists


def test_a_line_too_long_to_be_held_is_listed(ws: Workspace, tmp_path: Path) -> None:
    long = json.dumps({"id": "a", "text": "x" * limits.PROPOSAL_BYTES * 2})
    answer = ws.agent("sales").import_file(write(tmp_path, "c.ndjson", f'{{"id":"b"}}\n{long}\n{{"id":"c"}}\n'))
    assert (answer.committed, problems(answer)) == (2, [(2, "longer than 1048576 bytes")])


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("c.csv", b"", InvalidRequest),
        ("c.csv", b"id,a,a\n1,2,3\n", InvalidRequest),
        ("c.csv", b'"id\n', InvalidRequest),
        ("c.json", b"\xff\xfe", InvalidRequest),
        ("c.txt", b"", InvalidRequest),
    ],
)
def test_files_that_hold_no_rows(ws: Workspace, tmp_path: Path, name: str, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        ws.agent("sales").import_file(write(tmp_path, name, data))


@pytest.mark.parametrize("name", ["c.csv", "c.json", "c.ndjson"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_told_and_the_file_is_named(
    ws: Workspace, tmp_path: Path, name: str, encoding: str
) -> None:
    (tmp_path / name).write_text("id,name\n1,Ann\n", encoding=encoding)
    with pytest.raises(InvalidRequest, match=rf"{name}: this is no text in UTF-8"):
        ws.import_file(tmp_path / name)


def test_errors_in_json_say_which_item(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('[{"id": "a"}, {"name": 1}, 3, {"id": "a b"}]')
    problems = [error.problem for error in ws.import_file(tmp_path / "c.json").errors]
    assert [problem.partition(":")[0] for problem in problems] == ["item 2", "item 3", "item 4"]


@pytest.mark.parametrize("name", ["c.csv", "c.ndjson"])
def test_an_interrupt_says_how_much_is_done_and_leaves_the_file_in_peace(
    ws: Workspace, tmp_path: Path, name: str
) -> None:
    rows = [
        "id,n" if name == "c.csv" else '{"id": "x"}',
        *(f"{n},1" if name == "c.csv" else f'{{"id": "{n}"}}' for n in range(600)),
    ]
    (tmp_path / name).write_text("\n".join(rows))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="at least 256 rows were committed"):
        ws.answer(Import(file=str(tmp_path / name)), interrupt)
    answer = ws.import_file(tmp_path / name)
    assert (answer.earlier, answer.errors) == (256, ())


def test_a_file_that_is_not_there(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ws.import_file(tmp_path / "c.csv")
    with pytest.raises(InvalidRequest, match=r"U\+0000"):
        ws.import_file("c\0.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidRequest):
        ws.import_file(tmp_path / "folder.csv")


def test_no_more_errors_are_told_than_the_limit(ws: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path, "c.ndjson", "x\n" * (limits.IMPORT_ERRORS + 3))
    answer = ws.import_file(file)
    assert (len(answer.errors), answer.more_errors) == (limits.IMPORT_ERRORS, 3)


# -- all checks hold


def test_ownership_and_guards_hold_on_import(declared: Workspace, tmp_path: Path) -> None:
    text = "id,name,value,tickets,nme\na,A,1,,\nb,B,-1,,\nc,C,13,,\nd,D,1,4,\ne,,1,,\nf,F,1,,x\n"
    answer = declared.agent("sales").import_file(write(tmp_path, "customer.csv", text))
    assert problems(answer) == [
        (3, "shape.invalid_value"),
        (4, "guard.no_bargain"),
        (5, "ownership.other_domain"),
        (6, "shape.required"),
        (7, "shape.unknown_field"),
    ]
    assert answer.committed == 1


def test_s23_built_in_kinds_take_no_import(ws: Workspace, tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "x.ndjson",
        '{"record": "$agent/eve", "values": {"key": "k"}}\n{"record": "$definition/current", "values": {}}',
    )
    answer = ws.import_file(file)
    assert (answer.committed, [error.line for error in answer.errors]) == (0, [1, 2])
    assert not ws.get("$agent/eve").exists


def test_what_others_change_meanwhile_is_not_overwritten(ws: Workspace, tmp_path: Path) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    for n in (1, 2, 3):
        sales.put(f"c/k{n}", status="old", other=0)
    rows = [{"id": f"f{n}"} for n in range(300)] + [{"id": f"k{n}", "status": "imported"} for n in (1, 2, 3)]
    told: list[tuple[int, int]] = []

    def interfere(done: int, total: int) -> None:
        if not told:
            support.put("c/k1", status="escalated", was={"status": "old"}, reason="T-42")
            support.put("c/k2", other=1, was={"other": 0})
            support.put("c/k3", status="imported", was={"status": "old"})
        told.append((done, total))

    file = write(tmp_path, "c.ndjson", "\n".join(map(json.dumps, rows)))
    answer: ImportAnswer = sales.answer(Import(file=file), interfere)
    assert problems(answer) == [(301, "freshness.changed")]
    assert re.search(r'by support \d+ s ago: "T-42"', answer.errors[0].problem)
    assert (ws.get("c/k1").status, ws.get("c/k2").status) == ("escalated", "imported")
    assert (answer.committed, answer.unchanged) == (301, 1)
    assert told[-1][0] == told[-1][1] == Path(file).stat().st_size


# -- resuming


class Crash(Exception):
    pass


def test_s7_after_a_crash_an_import_does_nothing_twice(ws: Workspace, tmp_path: Path) -> None:
    sales = ws.agent("sales")
    file = write(tmp_path, "c.ndjson", "\n".join(json.dumps({"id": f"k{n}", "n": n}) for n in range(600)))

    def crash(done: int, total: int) -> None:
        raise Crash

    with pytest.raises(Crash):
        sales.answer(Import(file=file), crash)
    before = ws.revision
    assert 0 < before < 600
    ws.agent("support").put("c/k0", n=99, was={"n": 0})
    assert counts(sales.import_file(file)) == (600 - before, 0, before, 0)
    assert ws.get("c/k0").n == 99
    assert counts(sales.import_file(file)) == (0, 0, 600, 0)
    assert ws.revision == 601
    assert counts(ws.agent("other").import_file(file)) == (1, 599, 0, 0)


def test_s7_the_same_row_in_another_file_is_another_attempt(ws: Workspace, tmp_path: Path) -> None:
    sales = ws.agent("sales")
    for month, status in (("jan", "active"), ("feb", "at_risk"), ("mar", "active")):
        file = write(tmp_path, f"{month}.csv", f"id,status\nacme,{status}\n")
        assert counts(sales.import_file(file, kind="customer")) == (1, 0, 0, 0), month
        assert ws.get("customer/acme").status == status
        assert counts(sales.import_file(file, kind="customer")) == (0, 0, 1, 0), month
    assert counts(sales.import_file(tmp_path / "jan.csv", kind="customer")) == (0, 0, 1, 0)
    assert ws.get("customer/acme").status == "active"


def test_s7_a_file_that_says_something_else_now_is_another_file(ws: Workspace, tmp_path: Path) -> None:
    sales = ws.agent("sales")
    for text, beta in (("active", 1), ("at_risk", 2), ("active", 3)):
        file = write(tmp_path, "customer.csv", f"id,status,n\nacme,{text},\nbeta,,{beta}\n")
        assert counts(sales.import_file(file)) == (2, 0, 0, 0)
    assert ws.get("customer/acme").status == "active"


def test_s7_a_file_that_was_moved_is_still_the_same(ws: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "customer.csv", "id,n\na,1\n")
    ws.import_file(tmp_path / "customer.csv")
    (tmp_path / "done").mkdir()
    (tmp_path / "customer.csv").rename(tmp_path / "done" / "customer.csv")
    assert counts(ws.import_file(tmp_path / "done" / "customer.csv")) == (0, 0, 1, 0)


def test_again_takes_rows_anew(ws: Workspace, tmp_path: Path) -> None:
    sales = ws.agent("sales")
    file = write(tmp_path, "c.csv", "id,n\na,1\n")
    sales.import_file(file)
    sales.put("c/a", n=2, was={"n": 1})
    assert counts(sales.import_file(file)) == (0, 0, 1, 0)
    assert counts(sales.answer(Import(file=file, again=True))) == (1, 0, 0, 0)
    assert ws.get("c/a").n == 1


def test_s7_a_refused_row_is_tried_afresh(declared: Workspace, tmp_path: Path) -> None:
    sales = declared.agent("sales")
    file = write(tmp_path, "person.csv", "id,name,boss\nann,Ann,bob\n")
    for _ in range(3):
        assert problems(sales.import_file(file)) == [(2, "integrity.missing_target")]
    sales.put("person/bob", name="Bob")
    assert counts(sales.import_file(file)) == (1, 0, 0, 0)
    assert counts(sales.import_file(file)) == (0, 0, 1, 0)


def test_rows_may_refer_to_later_ones_but_not_in_a_circle(declared: Workspace, tmp_path: Path) -> None:
    chain = "".join(f"p{n},p{n + 1}\n" for n in range(700))
    file = write(tmp_path, "person.csv", f"id,boss\n{chain}p700,\nx,y\ny,x\nself,self\n")
    answer = declared.agent("sales").import_file(file)
    assert (answer.committed, answer.lines) == (702, 704)
    assert problems(answer) == [(703, "integrity.missing_target"), (704, "integrity.missing_target")]


def test_two_imports_of_one_file_at_once(ws: Workspace, tmp_path: Path) -> None:
    sales = ws.agent("sales")
    file = write(tmp_path, "c.ndjson", "\n".join(json.dumps({"id": f"k{n}", "n": n}) for n in range(300)))
    inner: list[ImportAnswer] = []

    def meanwhile(done: int, total: int) -> None:
        if not inner:
            inner.append(sales.import_file(file))

    outer: ImportAnswer = sales.answer(Import(file=file), meanwhile)
    assert outer.committed + inner[0].committed == 300
    assert outer.errors == inner[0].errors == ()
    assert ws.revision == 300


def test_dry_commits_nothing(ws: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path, "c.csv", "id,n\na,1\n \n")
    answer = ws.agent("sales").import_file(file, dry=True)
    assert (answer.committed, len(answer.errors), ws.revision) == (1, 1, 0)


def test_an_import_may_run_inside_an_event_loop(ws: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path, "c.csv", "id,n\na,1\n")

    async def run() -> Any:
        return ws.agent("sales").import_file(file)

    assert asyncio.run(run()).committed == 1
