"""The same handles over HTTP: what stands before a server that is elsewhere.

A :class:`RemoteSession` answers the same requests as an embedded one, by asking a server
(:mod:`comity.server`). It promises what HTTP alone doesn't: whatever has an id, or changes
nothing, is asked again over a broken connection within a limit, and if no answer comes the
error says whether anything may have been done (S7); errors come back as the same classes,
decisions as the same values; the feed goes on where it broke off.

- :mod:`.address`      where a workspace is served
- :mod:`.wire`         kept connections, timeouts, one exchange
- :mod:`.repeating`    which requests are safe to repeat, and how long that is tried
- :mod:`.failures`     problem documents turned back into errors
- :mod:`.encoding`     requests as bytes, which no value passes that JSON would distort
- :mod:`.stream`       the feed as server-sent events, resumed where it broke off
- :mod:`.listening`    being told of commits
- :mod:`.session`      the session over all of these

Forbidden here: the engine, the store, the checks. It knows operations and the model only.
"""

from __future__ import annotations

from comity.remote.address import Address
from comity.remote.session import RemoteSession

__all__ = ["Address", "RemoteSession"]
