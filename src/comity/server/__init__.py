"""The service: what lets agents in any language reach a workspace, over HTTP and MCP.

Everything here is a surface: it knows who asks, turns what was sent into a request of
:mod:`comity.operations`, has a handle of :mod:`comity.workspace` answer it, and sends the
answer. It decides nothing, keeps no state of records, and touches no store; what it must
remember for an agent that forgets, what it has read through which intent, it keeps in
memory, bounded, and says so when that is lost (S17).

It needs the extras ``server`` (HTTP) and ``mcp``; nothing else of Comity imports it but
the command line.
"""
