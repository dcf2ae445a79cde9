"""评测: starting runs of the suite, seeing how they stand, reading their reports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from evals.result_lines import labelled_lines
from evals.results import RunIn, RunInfo, RunOut, RunPage
from evals.runs import ID, all_runs, count_results, new_run_id, read_summary, runs_dir, unreadable_runs
from service.acting import ANY_SHOP, acting
from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.eval_process import EvalProcess
from service.api.gate import Gate
from service.api.route import StrictRoute
from service.database.deeds import run_started
from service.errors import Conflict, NotFound, UsageError
from service.room import need_room
from service.schemas import Shop

router = APIRouter(route_class=StrictRoute)

RunId = Annotated[str, Path(max_length=100, description=parameter("run"))]
ShopQuery = Annotated[Shop, Query(description=parameter("shop"))]

REPORTS = {
    "html": ("report.html", "text/html; charset=utf-8"),
    "junit": ("junit.xml", "application/xml"),
    "csv": ("results.csv", "text/csv; charset=utf-8"),
    "jsonl": ("results.jsonl", "application/x-ndjson"),
    "markdown": ("report.md", "text/markdown; charset=utf-8"),
    "json": ("summary.json", "application/json"),
}
"""Format → the file of the run's folder, and what it is."""

_NOBODYS = RunInfo(id="run_0", state="done", started_at=datetime(2026, 1, 1, tzinfo=UTC)).model_dump_json()
_SHOWN = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address may be a signed one
}


class RunsQuery(BaseModel):
    """Which runs are listed."""

    model_config = ConfigDict(extra="forbid")

    shop: Shop = Field(default="default", description=parameter("shop"))
    limit: int = Field(default=20, ge=1, le=100, description=parameter("limit"))


def process_of(request: Request) -> EvalProcess:
    """The application's run that is under way."""
    process: EvalProcess = request.app.state.evals
    return process


@router.post(
    "/v1/evals/runs", response_model=RunOut, **described("start_run", 400, 404, 409, 413, 415, 422, 503, success=202)
)
async def start_run(
    request: Request,
    response: Response,
    wanted: Annotated[RunIn, Body(openapi_examples=request_examples("start_run"))],
) -> RunOut:
    """Begin a run in a process of its own."""
    desk = desk_of(request)
    need_room(desk.settings)
    info = RunInfo(
        id=new_run_id(),
        label=wanted.label,
        shop=wanted.shop,
        state="running",
        started_at=datetime.now(UTC),
        writer=wanted.writer,
        only=wanted.only,
        repeats=wanted.repeat,
    )
    folder = runs_dir(desk.settings.data_dir) / info.id
    await process_of(request).start(folder, info, wanted, desk.settings)
    await desk.library.database.note([run_started(info.id, info.shop, info.writer, info.repeats)])
    response.headers["Location"] = f"/v1/evals/runs/{info.id}"
    return RunOut(run=info, results=0)


@router.get("/v1/evals/runs", response_model=RunPage, **described("list_runs", 404, 422, 503))
async def list_runs(request: Request, query: Annotated[RunsQuery, Query()]) -> RunPage:
    """The runs of a shop, newest first."""
    home = runs_dir(desk_of(request).settings.data_dir)
    process = process_of(request)

    def work() -> list[RunOut]:
        mine = (info for info in all_runs(home.parent) if info.shop == query.shop)
        return [_out(home / info.id, process) for info, _ in zip(mine, range(query.limit), strict=False)]

    lost = await run_in_threadpool(unreadable_runs, home.parent) if acting().shop == ANY_SHOP else []
    return RunPage(runs=[await _addressed(request, run) for run in await run_in_threadpool(work)], unreadable=lost)


@router.get("/v1/evals/runs/{id}", response_model=RunOut, **described("get_run", 404, 422, 503))
async def get_run(request: Request, id: RunId, shop: ShopQuery = "default") -> RunOut:
    """How a run stands, and its numbers when it is done."""
    return await _addressed(request, await run_in_threadpool(_out, folder_of(request, id, shop), process_of(request)))


@router.get("/v1/evals/runs/{id}/report", response_class=Response, **described("get_report", 404, 409, 422, 503))
async def get_report(
    request: Request,
    id: RunId,
    shop: ShopQuery = "default",
    format: Annotated[
        Literal["html", "junit", "csv", "jsonl", "markdown", "json"], Query(description=parameter("report_format"))
    ] = "html",
    expires: Annotated[int | None, Query(ge=0, le=10**12, description=parameter("report_expires"))] = None,
    signature: Annotated[str | None, Query(max_length=200, description=parameter("report_signature"))] = None,
) -> Response:
    """The report; a page that runs nothing but its own script and loads nothing. Signatures are read at the gate."""
    folder = folder_of(request, id, shop)
    info = process_of(request).state_of(folder)
    name, kind = REPORTS[format]
    path = folder / name
    if info.state == "running" or not path.is_file():
        raise Conflict("report_not_ready", run=info.id, state=info.state)
    body = await run_in_threadpool(path.read_bytes)
    if format == "jsonl":
        body = await run_in_threadpool(labelled_lines, body)
    attached = {} if format == "html" else {"Content-Disposition": f'attachment; filename="{id}-{name}"'}
    return Response(body, 200, {**_SHOWN, **attached}, kind)


def folder_of(request: Request, id: str, shop: str) -> FilePath:
    """The folder of a shop's run.

    Raises:
        NotFound: ``eval_not_found``: there is none of this name, or not this shop's.
    """
    folder = runs_dir(desk_of(request).settings.data_dir) / id
    if ID.fullmatch(id):
        try:
            if process_of(request).state_of(folder).shop == shop:
                return folder
        except UsageError:
            RunInfo.model_validate_json(_NOBODYS)  # so that none takes as long to find as another shop's
    raise NotFound("eval_not_found", run=id[:80])


def _out(folder: FilePath, process: EvalProcess) -> RunOut:
    info = process.state_of(folder)
    ready = info.state != "running" and (folder / REPORTS["html"][0]).is_file()
    suffix = "" if info.shop == "default" else f"?shop={info.shop}"
    return RunOut(
        run=info,
        results=count_results(folder),
        summary=read_summary(folder) if info.state == "done" else None,
        report_url=f"/v1/evals/runs/{info.id}/report{suffix}" if ready else None,
    )


async def _addressed(request: Request, run: RunOut) -> RunOut:
    """The run with an address of its report that a browser can open: signed where keys are asked for."""
    gate: Gate | None = request.app.state.gate
    if run.report_url is None or gate is None:
        return run
    path = run.report_url.partition("?")[0]
    query = await gate.report_query(run.run.id, run.run.shop)
    return run.model_copy(update={"report_url": f"{gate.address(request.scope)}{path}?{query}"})
