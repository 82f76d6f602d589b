"""What a campaign has come to, and whether it is so: receipts are held against files and the vendors' own records."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from cli.client import Api
from cli.options import RUNS
from cli.walk import answer_of
from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.core.definitions import WORKFLOW_NODE
from shared.errors import InvalidInputError, NotFoundError
from shared.media.boxes import starts_fast
from shared.media.films import film_store
from shared.media.probe import probe_video
from shared.media.vertical import HEIGHT, UPRIGHT, WIDTH

RECORDS = {  # the pages of the fakes that hold what they were made to do, by kind of effect
    "publish_video": ("tiktok", "_posts", "posts"),
    "launch_campaign": ("ads", "_campaigns", None),
    "update_listing": ("shop", "_edits", None),
    "send_message": ("shop", "_messages", None),
}


def campaign_end(api: Api, run_id: str, settings: Settings, fakes: Mapping[str, str]) -> JsonObject:
    """The run with its effects, what the vendors have on record of them, the proof of its spend, and `problems`: what
    does not agree. Without fakes there is no vendor to ask, and nothing is on record."""
    run = api.get(f"{RUNS}/{run_id}")
    effects = [_judged(effect, settings, fakes) for effect in api.get(f"{RUNS}/{run_id}/effects")["effects"]]
    proof = api.get(f"{RUNS}/{run_id}/proof")
    problems = [f"{one['title']}: {problem}" for one in effects for problem in one["problems"]]
    inner = [_inner(api, step) for step in run["steps"] if step["agent_name"] == WORKFLOW_NODE and step["output_jsonb"]]
    if any(verdict != "proved" for verdict in (proof["verdict"], *(one["verdict"] for one in inner))):
        problems.append("the spend differs from what its calls come to")
    return {
        "workflow_run_id": run_id,
        "status": run["status"],
        "error_message": run["error_message"],
        "runs_inside": inner,
        "effects": effects,
        "not_run": [step["label"] for step in run["steps"] if step["status"] in ("skipped", "cancelled")],
        "plan_md": run["report_md"],
        "proof": proof,
        "problems": problems,
    }


def _inner(api: Api, step: JsonObject) -> JsonObject:
    """The run that a step started or took over, with the verdict on what it cost."""
    output = step["output_jsonb"]
    proof = api.get(f"{RUNS}/{output['run_id']}/proof")
    return {
        "title": step["label"],
        "workflow_run_id": output["run_id"],
        "reused": output["reused"],
        "cost_usd": output["cost_usd"],
        "verdict": proof["verdict"],
    }


def _judged(effect: JsonObject, settings: Settings, fakes: Mapping[str, str]) -> JsonObject:
    """An effect in short, with its file, what the vendor has on record, and what is wrong with either."""
    found: JsonObject = {
        name: effect[name] for name in ("id", "kind", "title", "status", "amount_usd", "released_usd", "receipt")
    }
    records = _records(effect["kind"], fakes)
    problems: list[str] = []
    if effect["kind"] == "publish_video":
        found["video"] = _video(effect["payload"]["asset"]["sha256"], settings)
        problems += found["video"]["problems"]
    if records is not None:
        on_record = [one for one in records if MATCHES[effect["kind"]](one, effect)]
        found["on_record"] = on_record[0] if on_record else None
        problems += _of_records(effect, on_record)
    return {**found, "problems": problems}


def _records(kind: str, fakes: Mapping[str, str]) -> list[Any] | None:
    fake, page, name = RECORDS[kind]
    if fake not in fakes:
        return None
    told = answer_of("GET", f"{fakes[fake]}/{page}")
    return list(told if name is None else told[name])


def _reference(effect: JsonObject) -> str:
    return str((effect["receipt"] or {}).get("reference"))


def _is_post(one: JsonObject, effect: JsonObject) -> bool:
    return bool(one["is_accepted"]) and one["sha256"] == effect["payload"]["asset"]["sha256"]


def _is_campaign(one: JsonObject, effect: JsonObject) -> bool:
    return str(one["campaign_id"]) == _reference(effect)


def _is_edit(one: JsonObject, effect: JsonObject) -> bool:
    return str(one["product_id"]) == str(effect["payload"]["product_id"])


def _is_message(one: JsonObject, effect: JsonObject) -> bool:
    return str(one["creator_open_id"]) == str(effect["payload"]["creator_open_id"]) and one["type"] == "TEXT"


MATCHES: dict[str, Callable[[JsonObject, JsonObject], bool]] = {
    "publish_video": _is_post,
    "launch_campaign": _is_campaign,
    "update_listing": _is_edit,
    "send_message": _is_message,
}


def _of_records(effect: JsonObject, on_record: Sequence[JsonObject]) -> list[str]:
    """Done is once on record, anything else never; a campaign runs within what was released for it."""
    if effect["status"] != "done":
        return [f"is {effect['status']}, but the vendor has it on record"] if on_record else []
    if len(on_record) != 1:
        return [f"is on the vendor's record {len(on_record)} times, not once"]
    return _of_campaign(effect, on_record[0]) if effect["kind"] == "launch_campaign" else []


def _of_campaign(effect: JsonObject, record: JsonObject) -> list[str]:
    problems = [] if record["runs"] else ["does not run at the vendor"]
    released = Decimal(effect["released_usd"] or "0")
    if Decimal(str(record["budget"])) > released:
        problems.append(f"has a budget of ${record['budget']} at the vendor; ${released:f} was released")
    return problems


def _video(sha256: str, settings: Settings) -> JsonObject:
    """The kept film, read again: its bytes are those of its name, and it is an upright MP4 with H.264 and AAC. A copy
    lies in the folder `videos`."""
    copy = settings.assets_folder.absolute().parent / "videos" / f"{sha256[:12]}.mp4"
    copy.parent.mkdir(parents=True, exist_ok=True)
    films = film_store(settings)
    try:
        with films.open(films.find(settings.army_workspace_id, sha256)) as film, copy.open("wb") as file:
            shutil.copyfileobj(film, file)
        facts = asyncio.run(probe_video(copy))
    except (NotFoundError, InvalidInputError) as wrong:
        return {"sha256": sha256, "file": None, "problems": [wrong.message]}
    holds = {
        f"{WIDTH}×{HEIGHT}": (facts.width, facts.height) == (WIDTH, HEIGHT) and facts.aspect == UPRIGHT,
        "H.264": facts.codec == "h264",
        "AAC": facts.audio == "aac",
        "an MP4 that starts fast": starts_fast(copy),
    }
    return {
        "sha256": sha256,
        "file": str(copy),
        "width": facts.width,
        "height": facts.height,
        "video": facts.codec,
        "audio": facts.audio,
        "duration_s": facts.duration_s,
        "fps": round(facts.fps, 3),
        "bytes": facts.bytes,
        "problems": [f"the file is not {name}" for name, is_so in holds.items() if not is_so],
    }
