"""Speaking the protocol: by standard input and output to one agent, and by HTTP to any that shows who it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar

import anyio
import mcp_types as types
from anyio import CapacityLimiter
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from comity import __version__, limits
from comity.errors import ComityError, NotPermitted
from comity.server.intents import HeldIntents
from comity.server.mcp import resources
from comity.server.mcp.tools import BY_NAME, INSTRUCTIONS, Selection, call, selected, unknown
from comity.server.mcp.visiting import Visitor
from comity.server.mcp.wording import Reply
from comity.server.problems import Failure, respond
from comity.workspace import Agent

T = TypeVar("T")

Context = ServerRequestContext[Any, Any]
Page = types.PaginatedRequestParams | None
VisitorOf = Callable[[Request], Awaitable[Visitor]]
"""Return who asks, by the headers and the path of a request; raises NotPermitted for who shows nothing good."""

_WAITING: Final = frozenset({"wait", "claim"})
"""The tools that may wait for others, in threads of their own: there are few for all the others."""
_VISITOR: Final = "comity.visitor"
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class McpApp(NamedTuple):
    """Be what a server mounts: the application, and the lifespan in which it must be served."""

    app: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[None]]


class _Threads:
    """Run what blocks in threads: so many at once that wait, so many that don't."""

    def __init__(self) -> None:
        self._short = CapacityLimiter(limits.MCP_CALLS_AT_ONCE)
        self._long = CapacityLimiter(limits.MCP_WAITS_AT_ONCE)

    async def run(self, function: Callable[[], T], *, is_long: bool = False) -> T:
        """Return what a function returns."""
        return await anyio.to_thread.run_sync(function, limiter=self._long if is_long else self._short)


class _Handlers:
    """Answer each sort of request for whoever ``visitor_of`` finds in it."""

    def __init__(self, visitor_of: Callable[[Context], Visitor], held: HeldIntents, tools: Selection) -> None:
        self._visitor_of = visitor_of
        self._held = held
        self._offered = selected(tools)
        self._list = types.ListToolsResult(tools=[tool.listed() for tool in self._offered])
        self._schemas = {tool.name: tool.input_schema for tool in self._list.tools}
        self._threads = _Threads()

    async def list_tools(self, context: Context, params: Page) -> types.ListToolsResult:
        """Return the tools that are offered."""
        return self._list

    def schema_of(self, tool: str) -> Mapping[str, Any] | None:
        """Return the schema of a tool's arguments, which each call over HTTP is looked at by."""
        return self._schemas.get(tool)

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Return what a tool answers."""
        tool = BY_NAME.get(params.name)
        if tool is None or tool not in self._offered:
            return _result(unknown(params.name, self._offered))
        visitor, given = self._visitor_of(context), params.arguments
        is_long = tool.name in _WAITING
        return _result(await self._threads.run(lambda: call(tool, visitor, self._held, given), is_long=is_long))

    async def list_resources(self, context: Context, params: Page) -> types.ListResourcesResult:
        """Return what can be read without knowing any name."""
        return types.ListResourcesResult(resources=resources.listed(self._visitor_of(context)))

    async def list_templates(self, context: Context, params: Page) -> types.ListResourceTemplatesResult:
        """Return how records, and what happened to them, are named."""
        templates = resources.templates(self._visitor_of(context).workspace)
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Return a resource."""
        visitor = self._visitor_of(context)
        try:
            contents = await self._threads.run(lambda: resources.read(visitor, str(params.uri)))
        except ComityError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from None
        return types.ReadResourceResult(contents=[contents])

    async def list_prompts(self, context: Context, params: Page) -> types.ListPromptsResult:
        """Return the prompt for the working routine."""
        return types.ListPromptsResult(prompts=[resources.ROUTINE])

    async def get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        """Return the working routine, for a task."""
        if params.name != resources.ROUTINE.name:
            raise MCPError(INVALID_PARAMS, f"there is no prompt {params.name[:40]!r}: there is 'routine'")
        return resources.routine((params.arguments or {}).get("task", ""))


def make_server(
    visitor_of: Callable[[Context], Visitor], *, held: HeldIntents, tools: Selection = "all"
) -> Server[dict[str, Any]]:
    """Return the server: its tools, resources and prompt, for whoever ``visitor_of`` finds in a request."""
    handlers = _Handlers(visitor_of, held, tools)
    return Server(
        "comity",
        version=__version__,
        instructions=INSTRUCTIONS,
        get_tool_input_schema=handlers.schema_of,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
    )


def _result(reply: Reply) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=reply.text)],
        structured_content=reply.facts or None,
        is_error=reply.is_error,
    )


def serve_stdio(agent: Agent, *, workspace: str = "main", tools: Selection = "all") -> None:
    """Serve one agent by standard input and output until the client leaves."""
    visitor = Visitor(agent, workspace)
    server = make_server(lambda context: visitor, held=HeldIntents(), tools=tools)

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    asyncio.run(serve())


def mcp_app(visitor_of: VisitorOf, *, held: HeldIntents, tools: Selection = "all") -> McpApp:
    """Return the application that speaks the protocol over HTTP: stateless, answers in JSON.

    Each request is answered for whom it shows; one that ``visitor_of`` raises
    NotPermitted for gets 401, any other error of Comity its status. Mount the application
    anywhere, and enter the lifespan, once, for as long as it is served. The intents are held
    in ``held``, beside those of other surfaces of the same process.
    """

    def visitor_in(context: Context) -> Visitor:
        request: Request | None = context.request
        assert request is not None, "every request by HTTP carries itself"
        visitor: Visitor = request.scope[_VISITOR]
        return visitor

    server = make_server(visitor_in, held=held, tools=tools)
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            visitor = await visitor_of(Request(scope, receive))
        except ComityError as error:
            is_stranger = isinstance(error, NotPermitted)
            failure = Failure(401, "unauthenticated", str(error)) if is_stranger else error
            await respond(failure, headers=_CHALLENGE if is_stranger else {})(scope, receive, send)
            return
        await manager.handle_request({**scope, _VISITOR: visitor}, receive, send)

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        async with manager.run():
            yield

    return McpApp(app, lifespan)
