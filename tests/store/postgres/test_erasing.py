"""S37 on PostgreSQL: no cell of any table holds what was erased, and it is said where else it may be."""

from __future__ import annotations

import psycopg
import pytest

import comity
from tests.semantics.test_erasure import ACME, SECRET, erase, write_much
from tests.server import Server

TABLES = ("commits", "events", "records", "answers", "bookkeeping")


def leaks(server: Server) -> list[str]:
    """Return the tables that hold the secret."""
    with psycopg.connect(server.url) as raw:
        return [
            table
            for table in TABLES
            if raw.execute(
                f"SELECT count(*) FROM comity.{table} AS t WHERE t::text LIKE %s", (f"%{SECRET}%",)
            ).fetchone() != (0,)
        ]  # fmt: skip


def test_s37_nothing_of_a_record_is_left_in_any_table(workspace_url: str, server: Server) -> None:
    with comity.open(workspace_url) as ws:
        write_much(ws)
        assert leaks(server) == ["commits", "events", "records", "answers"]
        answer = erase(ws)
        assert answer.is_done
        assert "write-ahead log" in answer.left
        assert leaks(server) == []
        assert ws.verify().problems == ()
        assert ws.get(ACME).is_erased
        assert ws.get("ticket/t1").title == "export fails for 1"


@pytest.mark.parametrize("table", ["commits", "events"])
def test_s37_the_server_keeps_everybody_from_emptying_more(workspace_url: str, server: Server, table: str) -> None:
    with comity.open(workspace_url) as ws:
        write_much(ws)
        erase(ws)
        kept = ws.get("customer/globex").revision
        workspace = workspace_url.partition("workspace=")[2]
        sql = f"UPDATE comity.{table} SET payload = NULL, salt = NULL WHERE workspace = %s AND revision = %s"
        with psycopg.connect(server.url) as raw, pytest.raises(psycopg.IntegrityError, match="append-only"):
            raw.execute(sql.encode(), (workspace, kept - 1))
        assert ws.verify().problems == ()
