"""The scale of passages and search: ``knowledge/library/search.yaml``."""

from __future__ import annotations

from pydantic import Field

from service.rulebook.yamlfile import StrictModel


class PassageSize(StrictModel):
    """Characters of a passage at most, and the size under which sections are joined."""

    limit: int = Field(ge=50, le=400)
    small: int = Field(ge=0)


class Bm25(StrictModel):
    """Weights of the lexical score.

    Attributes:
        k1: how soon repetition stops helping.
        b: how much long passages are held back.
        words: weight of dictionary words.
        grams: weight of character pairs.
        heading: how often a term of the title or section counts, one of the text being once.
    """

    k1: float
    b: float = Field(ge=0, le=1)
    words: float
    grams: float
    heading: float


class Asked(StrictModel):
    """What the typical questions of a document add.

    Attributes:
        passage: to the passage that answers the question best.
        document: to all passages of the document.
        b: how much long questions are held back.
    """

    passage: float
    document: float
    b: float = Field(ge=0, le=1)


class Widen(StrictModel):
    """How far a query is widened by the thesaurus; see :class:`service.rulebook.thesaurus.Ear`.

    Attributes:
        weight: what the words of documents count against those of the query.
        rest: what a group's further words add to its best one, 0 nothing, 1 fully.
    """

    weight: float
    rest: float = Field(ge=0, le=1)
    single: float = Field(ge=0, le=1)
    floor: float = Field(ge=0)
    full: float = Field(gt=0)
    whole: int = Field(ge=1)
    groups: int = Field(ge=1)


class Fuse(StrictModel):
    """Fusing the lexical and the vector answer by rank.

    Attributes:
        vector: weight of hashed vectors, which know letters.
        vector_semantic: weight of an endpoint's vectors, which know meaning.
        duplicate: cosine of hashed vectors from which a passage counts as said already.
        duplicate_semantic: the same of an endpoint's, to which sentences that differ by a number are close.
    """

    k: float = Field(gt=0)
    lexical: float
    vector: float
    vector_semantic: float
    depth: int = Field(ge=10)
    overfetch: int = Field(ge=1)
    duplicate: float = Field(gt=0, le=1)
    duplicate_semantic: float = Field(gt=0, le=1)


class Monotone(StrictModel):
    """Text that says the same over and over.

    Attributes:
        pairs: character pairs from which a text is judged.
        variety: different pairs of all pairs; below it a text is monotone.
        share: what is left of a monotone passage's score.
    """

    pairs: int = Field(ge=10)
    variety: float = Field(ge=0, le=1)
    share: float = Field(ge=0, le=1)


class Embed(StrictModel):
    """The offline embedder's size, and the texts an endpoint's model is known by (at most one call's worth)."""

    dim: int = Field(ge=64, le=4096)
    probes: list[str] = Field(min_length=5, max_length=10)


class Tuning(StrictModel):
    """``search.yaml``."""

    passage: PassageSize
    bm25: Bm25
    asked: Asked
    widen: Widen
    fuse: Fuse
    monotone: Monotone
    embed: Embed
