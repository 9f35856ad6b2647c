"""What a Python user holds: workspaces, agents, intents, records.

``open`` gives a :class:`Workspace`; ``workspace.agent(name)`` an :class:`Agent`, who reads,
writes and opens intents; an :class:`Intent` remembers what was read through it and
proposes changes that rest on it; a :class:`Record` notes which of its fields are used.
Async handles are the same ones with an awaited answer, over the same core.

Handles know requests and answers only: nothing here looks into the store or the checks,
so that the same handles can stand before a remote server.
"""

from comity.workspace.agents import Agent, AsyncAgent
from comity.workspace.backups import make_backup, restore_backup
from comity.workspace.copying import copy
from comity.workspace.feeding import Consumer, Feed, Subscription
from comity.workspace.intents import AsyncIntent, Intent
from comity.workspace.opening import Workspace, open
from comity.workspace.records import Page, Record
from comity.workspace.working import Workflow

__all__ = [
    "Agent",
    "AsyncAgent",
    "AsyncIntent",
    "Consumer",
    "Feed",
    "Intent",
    "Page",
    "Record",
    "Subscription",
    "Workflow",
    "Workspace",
    "copy",
    "make_backup",
    "open",
    "restore_backup",
]
