"""``youli eval review``, ``agree`` and ``queue``: people's word about scores, how far both agree, what waits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.inputs import one_line, read_bytes, shown, usage
from service.commands.words import faint, green, printable, red, strong, word
from service.errors import InvalidRequest, YouliError
from service.settings import read_settings

if TYPE_CHECKING:
    from evals.agreement import Agreed, Agreement
    from evals.queue import Waiting
    from evals.review_intake import Taken
    from evals.reviews import ReviewsIn


def run_review(file: str, run: str | None, as_json: bool) -> int:
    """Take a file of reviews into its run.

    Raises:
        UsageError: the file cannot be read, or is none; no such run.
        InvalidRequest: ``reviews_refused`` — rows that do not fit; nothing was taken.
    """
    from evals.report.again import rewrite
    from evals.review_intake import take_in
    from evals.reviews import ReviewsIn
    from evals.rubric import load_rubric
    from evals.runs import find_run, runs_dir
    from service.intake import read_json, read_model

    try:
        given = read_model(ReviewsIn, read_json(read_bytes(file)))
    except InvalidRequest as error:
        raise one_line(error) from None
    settings = read_settings()
    folder = find_run(run or given.run, settings.data_dir)
    taken = take_in(folder, given, load_rubric())
    if taken.taken and folder.parent == runs_dir(settings.data_dir):
        _tell(folder, given, taken)
    page = None
    try:
        page = rewrite(folder, settings.data_dir, settings.knowledge_dir) if taken.taken else None
    except YouliError as error:  # the reviews are kept all the same
        taken.notes.append(error.detail)
    if as_json:
        print(taken.model_dump_json(indent=2))
        return 0
    for note in taken.notes:
        print(red(printable(note)))
    print(printable(word("eval_people", "taken", **taken.model_dump(exclude={"notes"}))))
    if taken.open_appeals:
        print(word("eval_people", "appeals", n=taken.open_appeals))
    if page is not None:
        print(word("eval", "report_file", path=shown(str(page))))
    return 0


def _tell(folder: Path, given: ReviewsIn, taken: Taken) -> None:
    """Tell the desk's audit trail of reviews of one of its runs, as the API's door does."""
    from evals.runs import read_info
    from service.commands.database import with_database
    from service.database.deeds import reviews_added

    told = reviews_added(taken.run, read_info(folder).shop, given.rubric, given.reviews, taken.taken)
    with_database(lambda database, _: database.note(told))


def run_agree(runs: list[str], as_json: bool) -> int:
    """Say how far the scorers of runs and blind reviewers agree; without a run, of all runs that were reviewed.

    Raises:
        UsageError: no such run, or nothing was reviewed.
    """
    from evals.agreement import agreement
    from evals.review_items import Reviewed
    from evals.review_log import NAME
    from evals.rubric import load_rubric
    from evals.runs import find_run, runs_dir

    data_dir = read_settings().data_dir
    folders = [find_run(run, data_dir) for run in runs]
    if not runs:
        folders = sorted(path.parent for path in runs_dir(data_dir).glob(f"*/{NAME}"))
    if not folders:
        raise usage("eval_none_reviewed")
    found = agreement([Reviewed.read(folder) for folder in _apart(folders)], load_rubric())
    print(found.model_dump_json(indent=2) if as_json else "\n".join(_lines(found)))
    return 0


def run_queue(shop: str, limit: int, as_json: bool) -> int:
    """List what waits for a person in a shop's runs, the most pressing first."""
    from evals.queue import waiting
    from evals.rubric import load_rubric

    page = waiting(read_settings().data_dir, shop, load_rubric(), limit)
    if as_json:
        print(page.model_dump_json(indent=2))
        return 0
    print(strong(word("eval_people", "waiting", total=page.total, **page.counts)))
    for one in page.items:
        print(printable(_waiting(one)))
        if one.reason:
            print(
                faint(
                    printable(
                        "  " + word("eval_people", "waiting_said", names="、".join(one.reviewers), reason=one.reason)
                    )
                )
            )
        if one.referred:
            print(faint(printable("  " + word("eval_people", "waiting_referred", reason=one.referred))))
    return 0


def _waiting(one: Waiting) -> str:
    if one.kind == "live":
        why = "、".join(word("eval_people", f"why_{name}") for name in one.why)
        return word("eval_people", "waiting_live", case=one.case, name=one.name, why=why)
    sides = {"machine": one.machine, "wanted": one.wanted or ("failed" if one.machine == "passed" else "passed")}
    said = {side: word("eval_people", f"status_{status}") for side, status in sides.items()}
    about = {
        "run": one.run,
        "case": one.case,
        "scorer": one.scorer_name + (f"（{one.criterion}）" if one.criterion else ""),
    }
    return word("eval_people", f"waiting_{one.kind}", **about, **said)


def _apart(folders: list[Path]) -> list[Path]:
    """The same run named twice counts once."""
    return list({folder.resolve(): folder for folder in folders}.values())


def _lines(found: Agreement) -> list[str]:
    names = "、".join(found.reviewers) or "—"
    head = word("eval_people", "head", runs=len(found.runs), used=found.used, names=names, rubric=found.rubric)
    told = [strong(printable(head))]
    if found.stale:
        told.append(faint(word("eval_people", "stale", n=found.stale)))
    if not found.scorers:
        told.append(word("eval_people", "nothing"))
    return told + [_line(one) for one in found.scorers]


def _line(one: Agreed) -> str:
    kappa = "—"
    if one.kappa is not None and one.low is not None and one.high is not None:
        kappa = f"{one.kappa:.2f} [{one.low:.2f}, {one.high:.2f}]"
    parts = {
        "name": one.name,
        "by": word("eval_people", f"by_{one.by}"),
        "n": one.n,
        "agreed": "—" if one.agreed is None else f"{one.agreed:.0%}",
        "agreed_run": "—" if one.agreed_run is None else f"{one.agreed_run:.0%}",
        "kappa": kappa,
        "people": one.people_failed,
        "machine": one.machine_failed,
    }
    line = printable(word("eval_people", "line", **parts))
    if one.warning:
        line += "  " + word("eval_people", f"warning_{one.warning}")
    if one.by == "judge":
        mark = word("eval_people", "calibrated" if one.calibrated else "uncalibrated")
        line += "  " + (green(mark) if one.calibrated else red(mark))
    return line
