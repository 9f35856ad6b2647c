"""What PostgreSQL's distributed kin don't have, no statement asks for; and every key begins with the workspace."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest

from comity.store.migrations import read_migrations
from comity.store.postgres import PostgresStore, batch, erasing, indexes, opening, searching, snapshot, store
from comity.store.postgres.opening import PACKAGE
from tests.server import Server

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|BEGIN|COMMIT|SET LOCAL|ALTER|WITH|FROM|WHERE|LISTEN)\b")
COMMENT = re.compile(r"--[^\n]*")
FORBIDDEN = {
    "an advisory lock": r"advisory",
    "LISTEN and NOTIFY, but for hints": r"\b(LISTEN|UNLISTEN|NOTIFY|pg_notify)\b(?!\(%s, %s\) FROM held|\s\Z)",
    "a sequence": r"\b(SERIAL|BIGSERIAL|SMALLSERIAL|SEQUENCE|nextval|IDENTITY)\b",
    "a deferrable constraint": r"\bDEFERR(ABLE|ED)\b",
    "a lock of a table": r"\bLOCK TABLE\b",
    "the place of a row": r"\b(ctid|xmin|xmax|tableoid)\b",
    "a temporary or unlogged table": r"\b(TEMP|TEMPORARY|UNLOGGED)\b",
    "a cursor that is held": r"\bDECLARE\s+\w+\s+CURSOR\b|\bWITH HOLD\b",
    "an exclusion constraint": r"\bEXCLUDE USING\b",
    "a foreign key": r"\bREFERENCES\b",
    "two phases": r"\bPREPARE TRANSACTION\b",
    "state of the session": r"(?<!LOCAL )\bsearch_path\s*=|\bSET SESSION\b",
    "a level of isolation that has to be retried": r"\bSERIALIZABLE\b",
    "texts in another order": r"COLLATE (?!\"C\")",
}


def statements() -> Iterator[tuple[str, str]]:
    """Yield every text of the package that is, or may be part of, a statement, with where it stands."""
    for migration in read_migrations(PACKAGE):
        yield migration.name, COMMENT.sub("", migration.sql)
    for module in files(PACKAGE).iterdir():
        if not module.name.endswith(".py"):
            continue
        tree = ast.parse(module.read_text(encoding="utf-8"))
        docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and node not in docs and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode()
                if SQL.search(text):
                    yield f"{module.name}:{node.lineno}", text


def test_statements_are_found() -> None:
    found = list(statements())
    assert {place.partition(":")[0] for place, _ in found} >= {
        "batch.py",
        "opening.py",
        "queries.py",
        "snapshot.py",
        "log",
    }
    assert len(found) > 60


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_statement_asks_for(what: str) -> None:
    form = re.compile(FORBIDDEN[what], re.IGNORECASE)
    assert [(place, text) for place, text in statements() if form.search(text)] == []


def test_the_forms_find_what_they_forbid() -> None:
    wrong = "SELECT pg_advisory_lock(1); LISTEN x; id bigserial; DEFERRABLE; LOCK TABLE x; ctid; TEMP; SERIALIZABLE"
    found = [what for what, form in FORBIDDEN.items() if re.search(form, wrong, re.IGNORECASE)]
    assert len(found) == 8


SHARED = (indexes.OTHERS_WANT, erasing.VACUUM)
"""Statements about what all workspaces of a schema have together: an index, and the room of dead rows."""


def test_every_statement_on_a_table_names_the_workspace() -> None:
    tables = re.compile(r"\{s\}\.(commits|events|records|answers|keys|bookkeeping|heads|declared)\b")
    found = [text for _, text in constants() if tables.search(text)]
    assert len(found) > 30
    assert [text for text in found if "workspace" not in text and text not in SHARED] == []


def constants() -> Iterator[tuple[str, str]]:
    """Yield each statement that a module of the store keeps whole under a name."""
    for module in (batch, erasing, indexes, opening, searching, snapshot, store):
        for name, text in vars(module).items():
            if name.isupper() and isinstance(text, str | bytes):
                yield name, text if isinstance(text, str) else text.decode()


def test_every_key_and_index_begins_with_the_workspace(server: Server) -> None:
    PostgresStore.open(f"{server.url}&schema=keyed").close()
    sql = (
        "SELECT i.indexrelid::regclass::text, a.attname FROM pg_index AS i"
        " JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE n.nspname = 'keyed' AND c.relname <> 'migrations'"
    )
    with psycopg.connect(server.url) as raw:
        first = dict(raw.execute(sql).fetchall())
    assert len(first) > 15
    assert set(first.values()) == {"workspace"}
