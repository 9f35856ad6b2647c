"""The tools that change something: write, write_all, offer, act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast

import msgspec

from comity import limits
from comity.errors import InvalidRequest
from comity.model.definition import Definition
from comity.model.proposals import AnyChange, Effect, Emit, IfForeign, Proposal
from comity.model.spelling import misspelt
from comity.model.texts import listed
from comity.operations import Start, WorkflowAnswer
from comity.server.intents import HeldIntents
from comity.server.mcp.arguments import Act, Changing, Offer, Write, WriteAll, named
from comity.server.mcp.visiting import Visitor
from comity.server.mcp.wording import Reply, decided, reply

Wish = AnyChange | Effect

_LISTS: Final = ("include", "exclude", "append")
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def digest(*content: Any) -> str:
    """Return what stands for a content, whoever writes it down in whichever order of names."""
    return sha256(_encoder.encode(content)).hexdigest()[:12]


def write(visitor: Visitor, held: HeldIntents, asked: Write) -> Reply:
    """Change one record."""
    return _propose(visitor, held, asked, [_change({"do": asked.do, "record": asked.record, "fields": asked.fields})])


def write_all(visitor: Visitor, held: HeldIntents, asked: WriteAll) -> Reply:
    """Change several records at once, or none."""
    if not asked.changes:
        raise InvalidRequest("changes: give at least one")
    return _propose(visitor, held, asked, [_change(change) for change in asked.changes])


def offer(visitor: Visitor, held: HeldIntents, asked: Offer) -> Reply:
    """Change one record, offering to its owner what belongs to others."""
    change = _change({"do": "put", "record": asked.record, "fields": asked.fields})
    return _propose(visitor, held, asked, [change], if_foreign="offer", ttl=asked.ttl or None)


def act(visitor: Visitor, held: HeldIntents, asked: Act) -> Reply:
    """Do what the definition has a name for: emit an event, want an effect, start a workflow."""
    definition = visitor.definition()
    if any(workflow.name == asked.name for workflow in definition.workflows):
        return _start(visitor, held, asked)
    action, wish = _deed(definition, asked)
    return _propose(visitor, held, msgspec.structs.replace(asked, action=action), [wish])


def _propose(
    visitor: Visitor,
    held: HeldIntents,
    asked: Changing,
    wishes: Sequence[Wish],
    *,
    if_foreign: IfForeign = "refuse",
    ttl: str | None = None,
) -> Reply:
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:

        def draft(id: str) -> Proposal:
            for wish in wishes:
                turn.intent.collect(_once_more(wish, id) if asked.again else wish)
            return turn.intent.draft(
                id,
                accept=asked.accept if asked.accept >= 0 else None,
                action=asked.action or None,
                reason=asked.reason or None,
                if_foreign=if_foreign,
                ttl=ttl,
            )

        content = digest(wishes, if_foreign, asked.action)
        return decided(turn.propose(content, draft, again=asked.again), turn)


def _once_more(wish: Wish, id: str) -> Wish:
    """Return a wish that isn't the one wanted before: of an effect one alone is delivered for each intent (S35)."""
    return msgspec.structs.replace(wish, once=id) if isinstance(wish, Effect) else wish


# -- what is wanted


def _change(given: Mapping[str, Any]) -> Wish:
    """Return a change as a model writes it; raises InvalidRequest with what would be right."""
    meant = {"do": "put", **_opened(given)}
    if meant["do"] == "effect":
        return _effect({name: value for name, value in meant.items() if name != "do"})
    if meant["do"] in _LISTS and isinstance(meant.get("fields"), dict):
        fields = cast("dict[str, Any]", meant["fields"])
        meant["fields"] = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    if not meant.get("fields"):
        meant.pop("fields", None)
    if problems := list(misspelt({"changes": [meant]}, Proposal)):
        raise InvalidRequest("; ".join(problems))
    try:
        return msgspec.convert(meant, AnyChange)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"a change such as {_EXAMPLE}: {error}") from None


_EXAMPLE: Final = '{"do": "put", "record": "customer/acme", "fields": {"status": "active"}}'


def _opened(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change whose fields, or data, may have been written as a JSON text."""
    meant = dict(given)
    for name in ("fields", "data"):
        if isinstance(text := meant.get(name), str):
            try:
                meant[name] = msgspec.json.decode(text)
            except msgspec.DecodeError:
                raise InvalidRequest(f"{name}: an object belongs here, such as {{'status': 'active'}}") from None
    return meant


def _effect(given: Mapping[str, Any]) -> Effect:
    known = {"name": str, "record": str, "data": dict}
    wrong = [name for name, value in given.items() if name not in known or not isinstance(value, known[name])]
    if wrong or "name" not in given:
        raise InvalidRequest('an effect among changes: {"do": "effect", "name": …, "record": …, "data": {…}}')
    return Effect(given["name"], given.get("record"), given.get("data", {}))


def _deed(definition: Definition, asked: Act) -> tuple[str, Wish]:
    """Return what a name means, with its action: an event of the record's kind, an action's effect, or an effect."""
    kind = next((one for one in definition.kinds if one.name == asked.record.partition("/")[0]), None)
    action = next((one for one in definition.actions if one.name == asked.name), None)
    if kind is not None and any(event.name == asked.name for event in kind.events):
        return asked.action, Emit(asked.record, asked.name, asked.data)
    if action is not None:
        return action.name, Effect(_only_effect(action.name, action.effects), asked.record or None, asked.data)
    if any(effect.name == asked.name for effect in definition.effects):
        return asked.action or _action_of(definition, asked.name), Effect(asked.name, asked.record or None, asked.data)
    if kind is None and asked.record and not definition.kinds:
        return asked.action, Emit(asked.record, asked.name, asked.data)
    raise InvalidRequest(f"name: {named('event, action, effect or workflow', asked.name, _names(definition, asked))}")


def _only_effect(action: str, effects: Sequence[str]) -> str:
    if len(effects) == 1:
        return effects[0]
    if not effects:
        raise InvalidRequest(f"{action} has no effect: make its changes with write, and say action={action!r} there")
    raise InvalidRequest(f"{action} may have several effects: say name={listed(effects)} with action={action!r}")


def _action_of(definition: Definition, effect: str) -> str:
    """Return the only action that may have an effect; none, where that isn't plain."""
    found = [action.name for action in definition.actions if effect in action.effects]
    return found[0] if len(found) == 1 else ""


def _names(definition: Definition, asked: Act) -> list[str]:
    events = [
        event.name for kind in definition.kinds if asked.record.startswith(f"{kind.name}/") for event in kind.events
    ]
    groups = definition.actions, definition.effects, definition.workflows
    return [*events, *(one.name for group in groups for one in group)]


def _start(visitor: Visitor, held: HeldIntents, asked: Act) -> Reply:
    content = digest(asked.name, asked.data)
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:
        key = f"{turn.id}-{content}" + (f"-{turn.basis}" if asked.again else "")
        request = Start(workflow=asked.name, params=asked.data, key=key, reason=asked.reason or None)
        run: WorkflowAnswer = visitor.ask(request)
        turn.tell()
        return reply(str(run).split("\n"), turn, budget=limits.MCP_ANSWER_TOKENS, run=run.run, state=run.state)
