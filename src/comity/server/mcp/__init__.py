"""The service's face for models: a few tools of the Model Context Protocol, worded to be used right at once.

Each tool is a short sentence, a flat schema, and an answer whose text says everything that a
model needs: what was decided, what others did, what to do next, and the handle of the
intent, which the next call carries. No tool approves, overrides, reverts or changes rules:
these are a human's, with a credential of their own; nor is anybody asked through the client
(elicitation), as that would prove no human.

What is wrong in a call is answered so that the model can correct itself. What others wrote
is quoted, cut and said to be data (S39). Every tool may be called again: what was done isn't
done twice (S8). Nothing is decided here, and no state is kept but the intents that
:mod:`comity.server.intents` holds.

It needs the extra ``mcp``, the official SDK, which speaks the protocol by stdio and HTTP.
"""

from comity.server.mcp.serving import Visitor, make_server, mcp_app, serve_stdio

__all__ = ["Visitor", "make_server", "mcp_app", "serve_stdio"]
