"""The ad director's films: planned, made by mock and fake Studio, shown in ads, and what is done without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.fakes.studio import FakeStudio
from shared.agents.ad_campaign_director import AdCampaignDirectorAgent
from shared.agents.ad_films import FilmsDraft
from shared.agents.base import AgentResult
from shared.agents.post_plans import film_problems
from shared.agents.records import Brand
from shared.core.money import ZERO
from shared.core.status import CallKind, CallOutcome
from shared.effects.launch_campaign import LaunchCampaign
from shared.errors import AgentError, SuspendedError
from shared.llm.fixtures import find_fixture
from shared.llm.prompt import read_data_blocks
from shared.media.folder_films import FolderFilms
from shared.providers.studio_wire import FORBIDDEN, wake_key
from shared.trace.journal import Signal
from tests.contracts.test_content_producer import Dead, MortalStore, approve_all, calls, decided
from tests.support.audits import WORKSPACE, MemoryRecords, MemoryRunLog, run_in_this_mode
from tests.support.campaigns import POST
from tests.support.model_calls import MemoryJournalStore, mock_mode
from tests.support.studio import real_studio

BRAND = UUID(int=3)
SEGMENT = {"segment_id": "s1", "name": "Slow skincare", "hashtags": ["slowskin"], "score": 80}
GIVEN: dict[str, Any] = {
    "handle": "@LakuCosmetics",
    "ad_budget_usd": "300",
    "advertiser_id": "7000",
    "duration_s": 5,
    "segments": [SEGMENT],
    "published": [POST],
}


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Path]:
    """Mock mode; the folder of the assets."""
    with mock_mode(asset_dir=tmp_path / "assets"):
        yield tmp_path / "assets"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[FakeStudio]:
    """The mock model over a fake Studio."""
    with real_studio(tmp_path, claude_mode="mock", mock_latency_scale=0) as fake:
        yield fake


def directed(given: dict[str, Any], log: MemoryRunLog | None = None, brand: Brand | None = None) -> AgentResult:
    records = MemoryRecords({BRAND: brand} if brand else {})
    more = {"brand_id": str(BRAND)} if brand else {}
    return run_in_this_mode(AdCampaignDirectorAgent(records), {**GIVEN, **more, **given}, log or MemoryRunLog())


def launched(log: MemoryRunLog) -> LaunchCampaign:
    (effect,) = log.proposed.values()
    return LaunchCampaign.model_validate(effect.payload)


def suspended(given: dict[str, Any]) -> MemoryRunLog:
    """The log of an attempt that waits for Studio's person."""
    log = MemoryRunLog()
    with pytest.raises(SuspendedError):
        directed(given, log)
    assert log.proposed == {}
    return log


def test_one_film_more_than_there_is(mock: Path) -> None:
    """By default two are shown: the post, and a film of Studio's, upright and kept, each with its ads. What it cost is
    told and counted; entered again it costs nothing and proposes the same."""
    log = MemoryRunLog()
    result = directed({}, log)
    payload, (film,) = launched(log), result.output["assets"]

    shown = {ad.post_id or (ad.asset and ad.asset.sha256) for ad in payload.ads}
    assert shown == {"71", film["sha256"]}
    assert FolderFilms(mock).find(WORKSPACE, film["sha256"]).bytes == film["bytes"]
    assert (film["width"], film["height"], film["status"]) == (1080, 1920, "approved")
    assert [one["creative_id"] for one in result.output["plan"]["creatives"]] == ["c1", "f1"]
    paid = [row.answer.cost_usd for row in log.rows.list_rows() if row.answer]
    assert (result.output["studio_cost_usd"], result.cost_usd) == ("0.50", sum(paid, ZERO))

    again = MemoryRunLog(before=log.rows)
    assert directed({}, again).cost_usd == ZERO
    assert [one.digest for one in again.proposed.values()] == [one.digest for one in log.proposed.values()]


@pytest.mark.parametrize(("variants", "published"), [(0, [POST]), (1, [POST]), (2, [POST, {**POST, "id": "e2"}])])
def test_with_enough_to_show_studio_is_not_asked(mock: Path, variants: int, published: list[Any]) -> None:
    """Neither is a model asked for films."""
    log = MemoryRunLog()
    output = directed({"film_variants": variants, "published": published}, log).output

    assert (output["films"], output["assets"], output["studio_cost_usd"]) == ([], [], "0")
    assert [row for row in log.rows.list_rows() if "studio" in row.call.label] == []
    assert len(calls(log, CallKind.LLM)) == 1


def test_a_person_decides_about_the_films(studio: FakeStudio) -> None:
    """All are ordered before anybody waits, each forbids logos and words. What is approved is shown; who rejected the
    other one, and why, stands in the plan; both were paid for."""
    first = suspended({"film_variants": 3})
    orders = studio.desk.bill()["generations"]
    assert len(orders) == 2
    assert all(set(FORBIDDEN) <= set(order["brief"]["forbid"]) for order in orders)
    assert orders[0]["brief"]["prompt"] != orders[1]["brief"]["prompt"]

    second = approve_all(studio, first, "rejected", "approved")
    output = directed({"film_variants": 3}, second).output

    assert [one["creative_id"] for one in output["plan"]["creatives"]] == ["c1", "f1"]
    assert output["plan"]["missing_creatives"] == ["ad-film-1 was not made: the render was rejected by Kim: too dark"]
    assert "too dark" in output["plan"]["rationale"]
    assert [ad.post_id for ad in launched(second).ads] == ["71", None]
    assert output["studio_cost_usd"] == studio.desk.bill()["total_usd"] == "1.30"
    films = [row for row in calls(second, CallKind.LLM) if row.call.label == "films"]
    assert [row.outcome for row in films] == [CallOutcome.REUSED]


def test_a_film_nobody_decides_about_is_done_without(studio: FakeStudio) -> None:
    """The time is over: the campaign goes on with its post, and tells the render that was paid for."""
    first = suspended({})
    (order,) = studio.desk.bill()["generations"]
    store = MemoryJournalStore(signals={wake_key(order["id"]): Signal(None)})
    log = MemoryRunLog(rows=store, before=first.rows)

    output = directed({}, log).output

    assert "nobody decided" in output["plan"]["missing_creatives"][0]
    assert [one["status"] for one in output["assets"]] == ["awaiting_approval"]
    assert [ad.post_id for ad in launched(log).ads] == ["71"]


def test_nothing_left_to_show_is_a_failure(studio: FakeStudio) -> None:
    """Without a post, and with every render rejected, the step fails and says so."""
    given = {"published": [], "film_variants": 1}
    log = approve_all(studio, suspended(given), "rejected")

    with pytest.raises(AgentError, match="nothing to show in ads: ad-film-1 was not made: the render was rejected"):
        directed(given, log)
    assert log.proposed == {}


def test_too_dear_is_done_without(studio: FakeStudio) -> None:
    """Nothing is ordered above the limit: the campaign goes on with its post. With nothing else, the field is named."""
    log = MemoryRunLog()
    output = directed({"max_films_usd": "0.60"}, log).output

    assert "Studio asks $0.6500" in output["plan"]["missing_creatives"][0]
    assert (len(launched(log).ads), studio.desk.bill()["generations"]) == (1, [])
    with pytest.raises(AgentError, match="max_films_usd: Studio asks"):
        directed({"max_films_usd": "0.60", "published": []})


def test_a_no_of_studio_is_done_without(studio: FakeStudio) -> None:
    """An order is refused: the campaign goes on with its post, and nothing is on the bill."""
    studio.desk.add_faults(["ok", "422"])
    log = MemoryRunLog()
    output = directed({}, log).output

    assert "422" in output["plan"]["missing_creatives"][0]
    assert (len(launched(log).ads), output["studio_cost_usd"]) == (1, "0")


def test_dying_after_every_write_orders_once(studio: FakeStudio) -> None:
    """Attempts that die at each write in turn: one order, one charge, one proposal; with no post its film is all."""
    log, deaths, signals = MemoryRunLog(), set[tuple[str, str]](), dict[str, Signal]()
    result, given = None, {"published": [], "film_variants": 1}
    while result is None and len(deaths) < 40:
        store = MortalStore(signals=signals)
        store.deaths, store.dies_before = deaths, False
        log = MemoryRunLog(rows=store, before=log.rows)
        try:
            result = directed(given, log)
        except Dead:
            continue
        except SuspendedError:
            signals = decided(studio)

    assert result is not None
    assert len(deaths) > 8
    assert [row["id"] for row in studio.desk.bill()["generations"]] == ["gen_000001"]
    assert [ad.post_id for ad in launched(log).ads] == [None]


def test_a_banned_term_is_never_ordered(studio: FakeStudio) -> None:
    """A plan that uses the brand's banned term, even when it is asked again, costs no render."""
    brand = Brand(name="Laku", banned_terms=("light", "water", "linen", "curtain", "table"))
    log = MemoryRunLog()
    output = directed({}, log, brand).output

    assert "which the brand does not use" in output["plan"]["missing_creatives"][0]
    assert studio.desk.bill()["generations"] == []
    assert [row.call.label for row in calls(log, CallKind.LLM)][:2] == ["films", "films"]


@pytest.mark.parametrize(
    ("field", "value"), [("film_variants", 6), ("film_variants", -1), ("duration_s", 61), ("max_films_usd", 0)]
)
def test_wrong_options_are_named(mock: Path, field: str, value: object) -> None:
    """Before anything is asked."""
    log = MemoryRunLog()
    with pytest.raises(AgentError, match=field):
        directed({field: value}, log)
    assert log.rows.list_rows() == []


@pytest.mark.parametrize("given", [{}, {"film_variants": 5, "duration_s": 60}, {"segments": [], "duration_s": 7}])
def test_every_mock_plan_passes_the_checks(mock: Path, given: dict[str, Any]) -> None:
    """Whatever variant is chosen: right shape, as many films as asked, no problem."""
    log = MemoryRunLog()
    directed({**given, "max_films_usd": "0.01"}, log)
    row = next(row for row in calls(log, CallKind.LLM) if row.call.label == "films")
    data = read_data_blocks(row.call.user_prompt or "")

    for variant in find_fixture("ad_campaign_director.films").variants:
        films = FilmsDraft.model_validate(json.loads(variant.text(data))).films
        assert len(films) == data["limits"]["films"]
        assert [film_problems(film, data["limits"]["duration_s"], ()) for film in films] == [[] for _ in films]
