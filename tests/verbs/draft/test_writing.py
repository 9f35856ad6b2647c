"""Drafts of what is there: they load, and accept what they were drafted from."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.clock import SystemClock
from comity.deciding.compile import Compiled, compile_definition
from comity.errors import InvalidRequest, NotFound
from comity.model.definition import FieldDefinition
from comity.model.reading import read_definition
from comity.model.records import RecordState
from comity.model.values import normalise
from comity.store.sqlite import SqliteStore
from comity.verbs.draft import draft_from, draft_from_records, field_name, kind_name
from comity.verbs.draft.columns import value_of

CUSTOMERS = """\
Customer ID,name,e-mail,tier,seats,rating,active,since,last call,zip,note
00000007,Ann,ann@x.org,gold,3,4.5,true,2024-01-02,2024-01-02 10:00:00,01234,
00000008,Bob,bob@x.org,silver,12,-1,FALSE,2024-01-03,2024-01-02T10:00:00Z,99999,
"""
MORE_CUSTOMERS = CUSTOMERS + "".join(
    f"c{n},N{n},n{n}@x.org,{'gold' if n % 2 else 'silver'},{n},{n}.5,true,2024-02-01,2024-02-01 08:00,0{n},\n"
    for n in range(20)
)


def write(folder: Path, text: str, name: str = "customers.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def compiled(text: str) -> Compiled:
    return compile_definition(read_definition(text), 1)


def fields_of(text: str, kind: str) -> dict[str, FieldDefinition]:
    return {name: field.definition for name, field in compiled(text).kinds[kind].fields.items()}


def schemas_of(text: str, kind: str) -> dict[str, dict[str, Any]]:
    return {name: field.schema for name, field in fields_of(text, kind).items()}


def assert_accepts(text: str, kind: str, source: str) -> None:
    """Check that a draft accepts each row of the CSV that it was drafted from."""
    fields = list(compiled(text).kinds[kind].fields.values())
    rows = [row for row in csv.reader(io.StringIO(source)) if row]
    skipped = len(rows[0]) - len(fields)
    for row in rows[1:]:
        for field, value in zip(fields, row[skipped:], strict=False):
            if value:
                meant = normalise(value_of(value, field.definition.schema))
                assert field.problems(field.normalise(meant)) == []


def test_types_are_guessed_from_a_csv(tmp_path: Path) -> None:
    text = draft_from(write(tmp_path, MORE_CUSTOMERS))
    assert schemas_of(text, "customer") == {
        "name": {"type": "string"},
        "e_mail": {"type": "string", "format": "email"},
        "tier": {"enum": ["gold", "silver"]},
        "seats": {"type": "integer"},
        "rating": {"type": "number"},
        "active": {"type": "boolean"},
        "since": {"type": "string", "format": "date"},
        "last_call": {"type": "string", "format": "date-time"},
        "zip": {"type": "string"},
        "note": {},
    }
    assert "Its column Customer ID holds the records' ids" in text
    assert "# the column e-mail" in text
    assert_accepts(text, "customer", MORE_CUSTOMERS)


def test_a_few_empty_ids_are_told(tmp_path: Path) -> None:
    drafted = draft_from(write(tmp_path, "id,name\n1,Ann\n,Bob\n3,Cy\n"), None)
    assert set(fields_of(drafted, "customer")) == {"name"}
    assert "It is empty in 1, which can't be imported so." in drafted
    assert set(fields_of(draft_from(write(tmp_path, "id,name\n1,Ann\n,Bob\n"), None), "customer")) == {"id", "name"}


def test_a_few_rows_make_no_enum(tmp_path: Path) -> None:
    assert schemas_of(draft_from(write(tmp_path, CUSTOMERS)), "customer")["tier"] == {"type": "string"}


def test_the_records_may_be_called_otherwise(tmp_path: Path) -> None:
    assert "client" in compiled(draft_from(write(tmp_path, CUSTOMERS), "client")).kinds


@pytest.mark.parametrize("kind", ["$agent", "agent", "two words", ""])
def test_the_records_may_not_be_called_what_no_kind_may_be(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InvalidRequest, match=r"no name for a kind|means something else"):
        draft_from(write(tmp_path, CUSTOMERS), kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id;a\n1;2\n", {"a": {"type": "integer"}}),
        ("id\ta\n1\t2\n", {"a": {"type": "integer"}}),
        ("\ufeffid,a\r\n1,2\r\n", {"a": {"type": "integer"}}),
        ("id,a,A,a\n1,2,3,4\n", {"a": {"type": "integer"}, "A_2": {"type": "integer"}}),
        ("id,a\n1,2\n1,3\n", {"id": {"type": "integer"}, "a": {"type": "integer"}}),
        ("id,a\n", {"id": {}, "a": {}}),
        ('id,a\n1,"two\nlines, ""quoted"""\n', {"a": {"type": "string"}}),
        ("id,a\n1,9223372036854775808\n", {"a": {"type": "string"}}),
        ("id,a\n1,2024-02-30\n", {"a": {"type": "string"}}),
        ("id,a,\n1,2,3\n4\n", {"a": {"type": "integer"}}),
    ],
)
def test_shapes_of_csv(tmp_path: Path, text: str, expected: dict[str, dict[str, Any]]) -> None:
    assert schemas_of(draft_from(write(tmp_path, text)), "customer") == expected


CELLS = st.text(alphabet='ab0123456789.-+eE@:T Z"\n,ÄtruefalseNaN_', max_size=8)


@given(st.lists(st.text(alphabet='aA_b1 /"é', max_size=5), min_size=1, max_size=4), st.data())
def test_any_csv_makes_a_definition_that_accepts_it(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], data: st.DataObject
) -> None:
    row = st.lists(CELLS, min_size=len(header), max_size=len(header))
    rows = data.draw(st.lists(row, max_size=6))
    path = tmp_path_factory.mktemp("csv") / "things.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    if not any(header):
        with pytest.raises(InvalidRequest, match="no first line"):
            draft_from(path)
    else:
        compiled(draft_from(path))


SHOP = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, active BOOLEAN, logo BLOB, created DATETIME, tier VARCHAR(10), x
);
CREATE TABLE orders (
    number TEXT PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    agent_id INTEGER REFERENCES customers ON DELETE SET NULL,
    weight REAL, placed TIMESTAMP, total DECIMAL(10, 2), "day" DATE
);
CREATE TABLE agents (name TEXT PRIMARY KEY, "order" TEXT REFERENCES orders (number));
CREATE TABLE "order lines" (a INTEGER, b INTEGER, PRIMARY KEY (a, b), FOREIGN KEY (a, b) REFERENCES pairs (c, d));
CREATE TABLE pairs (c INTEGER, d INTEGER, PRIMARY KEY (c, d));
CREATE VIEW everything AS SELECT * FROM customers;
INSERT INTO customers VALUES (1, 'a', 1, NULL, '2023-01-01 10:00:00', 'gold', 1), (2, 'b', 0, x'00', NULL, 'gold', 'y');
INSERT INTO orders VALUES ('A-1', 1, 2, 1.5, NULL, 3, '2024-01-02'), ('A-2', 1, NULL, 2, NULL, 4.25, '2024-01-03');
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as base:
        base.executescript(SHOP)
    return path


def test_tables_become_kinds(shop: Path) -> None:
    kinds = compiled(draft_from(shop)).kinds
    assert {name for name in kinds if not name.startswith("$")} == {
        "customer",
        "order",
        "agent_record",
        "order_line",
        "pair",
    }


def test_types_are_those_of_the_columns_and_of_what_is_in_them(shop: Path) -> None:
    text = draft_from(shop)
    assert schemas_of(text, "customer") == {
        "name": {"type": "string"},
        "active": {"type": "boolean"},
        "created": {"type": "string", "format": "date-time"},
        "tier": {"type": "string"},
        "x": {},
    }
    assert fields_of(text, "customer")["name"].required
    assert "Left out, as they hold bytes: logo." in text
    orders = schemas_of(text, "order")
    assert orders["weight"] == orders["total"] == {"type": "number"}
    assert orders["placed"] == {"type": "string", "format": "date-time"}
    assert orders["day"] == {"type": "string", "format": "date"}


def test_foreign_keys_become_references(shop: Path) -> None:
    text = draft_from(shop)
    found = {
        (kind, name): (field.ref, field.on_removal, field.required)
        for kind in ("order", "agent_record", "order_line")
        for name, field in fields_of(text, kind).items()
        if field.ref is not None
    }
    assert found == {
        ("order", "customer_id"): ("customer", "cascade", True),
        ("order", "agent_id"): ("customer", "detach", False),
        ("agent_record", "order"): ("order", "refuse", False),
    }


def test_one_table_may_be_wanted(shop: Path) -> None:
    text = draft_from(shop, "order")
    assert "customer" not in compiled(text).kinds
    assert schemas_of(text, "order")["customer_id"] == {"type": "integer"}
    with pytest.raises(NotFound, match="nothing for a kind 'ordr'; it has agent_record, customer"):
        draft_from(shop, "ordr")


def test_the_file_isnt_changed(shop: Path) -> None:
    before = shop.read_bytes()
    draft_from(shop)
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == ["shop.db"]


def test_s30_a_workspace_without_definition_is_drafted_from_its_records(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    SqliteStore.open(str(path), clock=SystemClock()).close()
    assert not compiled(draft_from(path)).has_declared_kinds


def test_s30_records_of_undeclared_kinds_are_drafted() -> None:
    records = [
        RecordState("customer", "acme", life="live", values={"status": "active", "tags": ["a"], "n": 1}),
        RecordState("customer", "old", life="archived", values={"status": "lost", "n": 2.5, "extra": {"a": 1}}),
        RecordState("customer", "gone", life="deleted", values={"left": "out"}),
        RecordState("task-item", "t1", life="live", values={"done": True, "due": "2024-01-01T00:00:00Z"}),
        RecordState("agent", "a1", life="live", values={}),
        RecordState("$agent", "ann", life="live", values={"key": "k"}),
    ]
    text = draft_from_records("crm", records)
    assert schemas_of(text, "customer") == {
        "status": {"type": "string"},
        "tags": {"type": "array"},
        "n": {"type": "number"},
        "extra": {"type": "object"},
    }
    assert schemas_of(text, "task-item") == {
        "done": {"type": "boolean"},
        "due": {"type": "string", "format": "date-time"},
    }
    assert "agent_record" in compiled(text).kinds
    assert read_definition(text).name == "crm"


WRONG_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "no first line"),
    "bytes": (lambda path: path.write_bytes(b"id,a\n1,\xff\n"), "can't be read"),
    "cut": (lambda path: path.write_bytes(b'id,a\n1,"never closed\n'), "can't be read"),
    "damaged": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 200), "can't be read"),
    "folder": (lambda path: path.mkdir(), "can't be read"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_files_that_hold_no_tables_are_refused(tmp_path: Path, case: str) -> None:
    path = tmp_path / "file"
    make, message = WRONG_FILES[case]
    make(path)
    with pytest.raises(InvalidRequest, match=message):
        draft_from(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        draft_from(tmp_path / "nothing.csv")


WORKBENCH = Path(__file__).parents[4] / "shared" / "data" / "workbench"
LOOK_ALIKES = {
    "customers.csv": "customer_id,assigned_to_email,status,follow_up_by,notes\n"
    + "".join(f"{n:08},a{n}@x.com,{'Won' if n % 2 else 'Lost'},2023-12-{n:02},\n" for n in range(1, 31)),
    "project_tasks.csv": "task_id,task_name,list_name,due_date\n"
    + "".join(f"{n:08},Task {n},{'Backlog' if n % 2 else 'Done'},2023-11-{n:02}\n" for n in range(1, 31)),
    "emails.csv": "email_id,inbox/outbox,sender/recipient,sent_datetime,body\n"
    + "".join(f'{n:08},inbox,b{n}@x.com,2023-10-01 09:{n:02}:02,"Hi,\nyes"\n' for n in range(30)),
    "calendar_events.csv": "event_id,event_name,event_start,duration\n"
    + "".join(f"{n:08},Sync,2023-08-01 09:{n:02}:00,{30 * (n % 3 + 1)}\n" for n in range(30)),
}
EXPECTED: dict[str, dict[str, dict[str, Any]]] = {
    "customer": {"follow_up_by": {"type": "string", "format": "date"}},
    "project_task": {"due_date": {"type": "string", "format": "date"}},
    "email": {
        "inbox_outbox": {"type": "string"},
        "sender_recipient": {"type": "string", "format": "email"},
        "sent_datetime": {"type": "string", "format": "date-time"},
    },
    "calendar_event": {
        "event_start": {"type": "string", "format": "date-time"},
        "duration": {"type": "integer"},
    },
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
@pytest.mark.parametrize("origin", ["real", "look-alike"])
def test_tables_of_a_real_company_are_drafted(tmp_path: Path, name: str, origin: str) -> None:
    """In a clone without the shared data, look-alikes of the same shapes stand in for it."""
    real = WORKBENCH / name
    is_real = origin == "real" and real.exists()
    source = real.read_text(encoding="utf-8") if is_real else LOOK_ALIKES[name]
    text = draft_from(write(tmp_path, source, name))
    kind = kind_name(Path(name).stem)
    schemas = schemas_of(text, kind)
    assert schemas | EXPECTED[kind] == schemas
    assert "holds the records' ids" in text
    assert_accepts(text, kind, source)


@pytest.mark.parametrize(
    ("column", "field"),
    [("inbox/outbox", "inbox_outbox"), ("  ", "field"), ("1st", "f_1st"), ("Größe", "Grosse"), ("a" * 99, "a" * 64)],
)
def test_columns_become_fields(column: str, field: str) -> None:
    assert field_name(column) == field


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("customers", "customer"),
        ("companies", "company"),
        ("boxes", "box"),
        ("classes", "class"),
        ("address", "address"),
        ("news", "news"),
        ("s", "s"),
        ("events", "event_record"),
    ],
)
def test_tables_become_kinds_in_the_singular(table: str, kind: str) -> None:
    assert kind_name(table) == kind
