"""Real receivers on this machine: a web server and a mail server that keep what they get."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)


class Request:
    """Be one request as it came."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = body


Respond = Callable[["Receiver", BaseHTTPRequestHandler], None]


def take(receiver: Receiver, handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200)


def answer(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None, text: str = "") -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text.encode())


class Receiver(ThreadingHTTPServer):
    """Be a web server that answers as it is told."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, respond: Respond) -> None:
        receiver = self
        self.requests: list[Request] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.path, headers, body))
                respond(receiver, self)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class MailServer(socketserver.ThreadingTCPServer):
    """Be a mail server: ``replies`` changes what it says to a command, such as ``{"RCPT": "550 no"}``."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, replies: dict[str, str] | None = None) -> None:
        self.replies = replies or {}
        self.commands: list[str] = []
        self.messages: list[str] = []
        super().__init__(("127.0.0.1", 0), _Session)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: MailServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            self.server.commands.append(line)
            word = line.split(maxsplit=1)[0].upper()
            reply = self.server.replies.get(line) or self.server.replies.get(word)
            if reply == "hang up":
                return
            if reply is not None:
                self._say(reply)
            elif word == "DATA":
                self._data()
            elif word == "EHLO":
                self._say("250-here\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self._say("235 welcome")
            else:
                self._say("250 ok")

    def _data(self) -> None:
        self._say("354 go on")
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line.removeprefix("."))
        self.server.messages.append("".join(lines))
        self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def serving(server: Server) -> Generator[Server, None, None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
