"""The topics' own examples, which are their tests."""

from __future__ import annotations

from service.errors import RulebookError, phrase
from service.library.conflicts.claims import Claim, Listener
from service.library.conflicts.statements import statements
from service.library.conflicts.topics import Topics
from service.library.outline import Section

BESIDE = " ｜ "
"""Parts a sentence from the heading it stands under."""


def hear(listener: Listener, topics: Topics, example: str) -> list[Claim]:
    """The claims of one sentence, under a heading if one is given behind the bar."""
    sentence, _, heading = example.partition(BESIDE)
    section = Section(heading.strip(), 1, 0, 0, len(sentence))
    found: list[Claim] = []
    for statement in statements(sentence, [section], "", topics.reading):
        found += listener.claims(statement)
    return found


def check_topics(topics: Topics) -> list[RulebookError]:
    """What the topics' examples are not heard as they should be."""
    listener = Listener(topics)
    problems: list[RulebookError] = []
    for topic in topics.topics.values():
        for name, answer in topic.entry.answers.items():
            for example in answer.example:
                heard = sorted({c.answer for c in hear(listener, topics, example) if c.topic == topic.id})
                if heard != [name]:
                    told = {"topic": topic.id, "answer": name, "example": example, "heard": "、".join(heard) or "-"}
                    problems.append(RulebookError(topic.file, topic.line, phrase("topic_example_missed", **told)))
        for example in topic.entry.near:
            heard = sorted({c.answer for c in hear(listener, topics, example) if c.topic == topic.id})
            if heard:
                told = {"topic": topic.id, "example": example, "heard": "、".join(heard)}
                problems.append(RulebookError(topic.file, topic.line, phrase("topic_example_hit", **told)))
    return problems
