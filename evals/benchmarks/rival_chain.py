"""The two parts of the plain chain that LangChain leaves to other packages: a chat model and a Chroma retriever."""

from __future__ import annotations

import random
import tempfile
from typing import Any

import chromadb
from chromadb.config import Settings
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from openai import AsyncOpenAI
from pydantic import ConfigDict, Field

from evals.benchmarks.texts import sentences
from service.library.embed import HashNgram

DIM = 512
ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class EndpointChat(BaseChatModel):
    """A chat model over the openai SDK; one client a process."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    client: AsyncOpenAI = Field(default_factory=AsyncOpenAI)

    @property
    def _llm_type(self) -> str:
        return "endpoint"

    def _generate(self, *arguments: Any, **named: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **named: Any,
    ) -> ChatResult:
        told: list[Any] = [{"role": ROLES[message.type], "content": message.content} for message in messages]
        answer = await self.client.chat.completions.create(model="fake-1", messages=told)
        message = AIMessage(content=answer.choices[0].message.content or "")
        return ChatResult(generations=[ChatGeneration(message=message)])


class Collection(BaseRetriever):
    """A retriever over a collection whose vectors are made here, as ours are without an endpoint for them."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    collection: Any
    embedder: Any
    k: int

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self.collection.query(query_embeddings=self.embedder.embed([query]), n_results=self.k)
        return [Document(page_content=text) for text in found["documents"][0]]


def stocked(count: int, k: int, size: int) -> Collection:
    """A retriever over ``count`` passages of ``size`` characters, kept in a folder of its own."""
    chance, said = random.Random(1), sentences()
    texts = ["".join(chance.choices(said, k=40))[:size] for _ in range(count)]
    embedder = HashNgram(DIM)
    client = chromadb.PersistentClient(
        path=tempfile.mkdtemp(prefix="beside-", dir="."), settings=Settings(anonymized_telemetry=False)
    )
    collection = client.create_collection("passages", embedding_function=None, metadata={"hnsw:space": "cosine"})
    collection.add(ids=[str(i) for i in range(count)], embeddings=embedder.embed(texts), documents=texts)
    return Collection(collection=collection, embedder=embedder, k=k)
