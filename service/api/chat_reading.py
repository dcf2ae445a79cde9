"""A chat as a case: whose turn each message is, what is read of it, and what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import ValidationError

from service.errors import InvalidRequest, NotFound, messages
from service.intake import invalid
from service.schemas import MAX_MESSAGES, Inquiry, Message, Style
from service.schemas.chat import MODELS, SHOWN, SPEAKERS, TEXTS, ChatCase, ChatIgnored, ChatMessage, ChatRequest

MAX_FIELDS = 20
"""Names of ignored fields that are repeated to the caller."""


def inquiry_of(asked: ChatRequest) -> tuple[Inquiry, ChatIgnored]:
    """The inquiry a chat stands for, and what of the chat it leaves out.

    Raises:
        NotFound: ``model_not_found``.
        InvalidRequest: nobody asked anything, the last word is not the customer's, more than one answer is to be
            streamed, or a turn is too long.
    """
    writer = MODELS.get(asked.model)
    if writer is None:
        named = asked.model[:80].encode("utf-8", "replace").decode()
        raise NotFound("model_not_found", model=named, models="、".join(MODELS))
    if asked.stream and (asked.n or 1) > 1:
        raise _at("n_streamed", "/n")
    turns, places = _turns(asked.messages)
    if not any(turn.role == "customer" for turn in turns):
        raise _at("chat_no_user", "/messages")
    if turns[-1].role != "customer":
        raise _at("chat_last_not_user", f"/messages/{places[-1]}/role")
    case = asked.youli or ChatCase()
    told = {name: getattr(case, name) for name in type(case).model_fields}
    told |= {"messages": turns[-MAX_MESSAGES:], "writer": writer, "style": _style(asked, case.style)}
    told["variants"] = asked.n or 1
    try:
        inquiry = Inquiry.model_validate({**told, "stream": bool(asked.stream)})
    except ValidationError as error:  # all that is left is that nothing was said
        raise invalid(error.errors(include_url=False, include_input=False)) from None
    return inquiry, _ignored(asked, len(turns))


def _turns(said: tuple[ChatMessage, ...]) -> tuple[tuple[Message, ...], list[int]]:
    """The turns of buyer and agent, and the message each stood in."""
    turns, places = [], []
    for place, message in enumerate(said):
        for turn in _turns_in(message, place):
            turns.append(turn)
            places.append(place)
    return tuple(turns), places


def _turns_in(message: ChatMessage, place: int) -> Iterator[Message]:
    """What was shown, then what was said: the words lead."""
    role = SPEAKERS.get(message.role)
    if role is None:
        return
    for part in message.content:
        kind = SHOWN.get(part.type)
        if kind is not None:
            yield Message.model_validate({"role": role, "content": "", "kind": kind})
    texts = [part.text or part.refusal or "" for part in message.content if part.type in TEXTS]
    if texts or (role == "customer" and not message.content):
        try:
            yield Message(role=role, content="\n".join(texts))
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            raise invalid({**one, "loc": ("messages", place, "content")} for one in found) from None


def _style(asked: ChatRequest, style: Style) -> Style:
    """The style, no longer than the tokens asked for; fewer than a reply needs are not obeyed."""
    given = [limit for limit in (asked.max_tokens, asked.max_completion_tokens) if limit is not None]
    least = next(one.ge for one in Style.model_fields["max_chars"].metadata if hasattr(one, "ge"))
    limit = min([*given, style.max_chars])
    return style if limit == style.max_chars or limit < least else style.model_copy(update={"max_chars": limit})


def _ignored(asked: ChatRequest, turns: int) -> ChatIgnored:
    roles = Counter(message.role for message in asked.messages if message.role not in SPEAKERS)
    spoken = [part for message in asked.messages if message.role in SPEAKERS for part in message.content]
    parts = Counter(_plain(part.type) for part in spoken if part.type not in TEXTS)
    fields = sorted(_plain(name) for name in asked.model_extra or {})[:MAX_FIELDS]
    return ChatIgnored(roles=roles, parts=parts, older=max(0, turns - MAX_MESSAGES), fields=fields)


def _plain(name: str) -> str:
    """A name as it may be sent back."""
    return name[:60].encode("utf-8", "replace").decode()


def _at(code: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(code, errors=[{"pointer": pointer, "message": messages()[code]["detail"]}])
