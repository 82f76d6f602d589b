"""The fake of the Ads API keeps the documented rules, by hand-made requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.fakes.tiktok_ads import BASE, FakeTikTokAds
from local.processes import Command, Part, answers, free_port
from shared.core.canonical import JsonObject

ADVERTISER = "7000000000000000001"
CAMPAIGN: JsonObject = {
    "campaign_name": "Glow Launch",
    "objective_type": "WEB_CONVERSIONS",
    "budget_mode": "BUDGET_MODE_DAY",
    "budget": 50,
    "operation_status": "DISABLE",
}
ADGROUP: JsonObject = {
    "adgroup_name": "US F18-34",
    "promotion_type": "WEBSITE",
    "location_ids": ["6252001"],
    "age_groups": ["AGE_18_24"],
    "budget_mode": "BUDGET_MODE_DAY",
    "budget": 20,
    "schedule_type": "SCHEDULE_FROM_NOW",
    "schedule_start_time": "2099-11-19 00:00:00",
    "pacing": "PACING_MODE_SMOOTH",
    "optimization_goal": "CONVERT",
    "billing_event": "OCPM",
    "pixel_id": "7300000000000000001",
    "optimization_event": "SHOPPING",
    "operation_status": "DISABLE",
}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeTikTokAds]:
    with FakeTikTokAds() as started:
        yield started


@pytest.fixture(autouse=True)
def empty(fake: FakeTikTokAds) -> None:
    """Each test begins with an advertiser without campaigns."""
    for level in fake.desk.things.values():
        level.clear()
    fake.desk.seen.clear()
    fake.script.clear()


def said(fake: FakeTikTokAds, method: str, path: str, body: JsonObject | None = None, **query: str) -> JsonObject:
    """The envelope of one answer, which is HTTP 200 whatever it says."""
    headers = {"Access-Token": "t", "Content-Type": "application/json"}
    url = f"{fake.base_url}{BASE}{path}"
    http = urllib3.PoolManager()
    if method == "GET":
        answer = http.request("GET", url, fields={"advertiser_id": ADVERTISER, **query}, headers=headers)
    else:
        answer = http.request(
            "POST", url, body=json.dumps({"advertiser_id": ADVERTISER, **(body or {})}), headers=headers
        )
    assert answer.status == 200
    read: JsonObject = json.loads(answer.data)
    assert read.keys() == {"code", "message", "request_id", "data"}
    return read


def campaign(fake: FakeTikTokAds, **changes: Any) -> JsonObject:
    return said(fake, "POST", "campaign/create/", {**CAMPAIGN, **changes})


def adgroup(fake: FakeTikTokAds, **changes: Any) -> JsonObject:
    made = campaign(fake)["data"]["campaign_id"]
    return said(fake, "POST", "adgroup/create/", {**ADGROUP, "campaign_id": made, **changes})


def test_the_slash_at_the_end_is_needed(fake: FakeTikTokAds) -> None:
    """Without it there is no such path."""
    answer = urllib3.PoolManager().request("GET", f"{fake.base_url}{BASE}campaign/get", headers={"Access-Token": "t"})

    assert answer.status == 404


def test_a_token_is_needed(fake: FakeTikTokAds) -> None:
    """HTTP 200, and the code that says so."""
    answer = urllib3.PoolManager().request("GET", f"{fake.base_url}{BASE}campaign/get/")

    assert (answer.status, json.loads(answer.data)["code"]) == (200, 40104)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": 49.99},
        {"budget": 49.99, "budget_mode": "BUDGET_MODE_TOTAL"},
        {"budget": "50"},
        {"budget": None},
        {"campaign_name": ""},
        {"objective_type": "WORLD_PEACE"},
    ],
)
def test_impossible_campaigns(fake: FakeTikTokAds, changes: JsonObject) -> None:
    """Below the minimum, without a name, or for nothing that there is."""
    assert campaign(fake, **changes)["code"] == 40002
    assert fake.campaigns() == []


def test_budgets_without_end_need_none(fake: FakeTikTokAds) -> None:
    """A campaign may leave the budget to its ad groups."""
    assert campaign(fake, budget=None, budget_mode="BUDGET_MODE_INFINITE")["code"] == 0


def test_names_and_request_ids_are_good_once(fake: FakeTikTokAds) -> None:
    """The same name is refused, and so is the same request."""
    assert campaign(fake, request_id="1")["code"] == 0
    assert campaign(fake, request_id="2")["code"] == 40002
    assert campaign(fake, request_id="1", campaign_name="Another")["code"] == 40050


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"budget": 19.99}, 40002),
        ({"pixel_id": None}, 40002),
        ({"schedule_start_time": "2020-01-01 00:00:00"}, 40002),
        ({"schedule_start_time": "tomorrow"}, 40002),
        ({"schedule_type": "SCHEDULE_START_END", "schedule_end_time": "2099-11-18 00:00:00"}, 40002),
        ({"age_groups": ["AGE_13_17"]}, 40065),
        ({"age_groups": []}, 40065),
        ({"age_groups": [], "location_ids": ["2921044"]}, 0),
        ({"campaign_id": "1"}, 40002),
        ({"promotion_type": "VIDEO_SHOPPING"}, 40002),
    ],
)
def test_ad_groups(fake: FakeTikTokAds, changes: JsonObject, code: int) -> None:
    """The minimum of a day, times, ages, and what an objective needs."""
    assert adgroup(fake, **changes)["code"] == code


def test_a_lifetime_needs_the_minimum_of_each_day(fake: FakeTikTokAds) -> None:
    """Three days want $60."""
    span = {"schedule_type": "SCHEDULE_START_END", "schedule_end_time": "2099-11-22 00:00:00"}

    assert adgroup(fake, **span, budget_mode="BUDGET_MODE_TOTAL", budget=59.99)["code"] == 40002
    made = fake.campaigns()[0]["campaign_id"]
    body = {**ADGROUP, **span, "campaign_id": made, "budget_mode": "BUDGET_MODE_TOTAL", "budget": 60}
    assert said(fake, "POST", "adgroup/create/", body)["code"] == 0


def test_pages(fake: FakeTikTokAds) -> None:
    """Five campaigns in pages of two, newest first, found by a part of their names."""
    for number in range(5):
        campaign(fake, campaign_name=f"Glow {number}")
    filtering = json.dumps({"campaign_name": "glow"})
    pages = [
        said(fake, "GET", "campaign/get/", filtering=filtering, page=str(page), page_size="2")["data"]
        for page in (1, 2, 3)
    ]

    assert [one["campaign_name"][-1] for page in pages for one in page["list"]] == ["4", "3", "2", "1", "0"]
    assert pages[0]["page_info"] == {"page": 1, "page_size": 2, "total_number": 5, "total_page": 3}


def test_nothing_runs_before_all_is_on(fake: FakeTikTokAds) -> None:
    """Campaign, ad group and ad: only with the last of them is anything shown."""
    group = adgroup(fake)["data"]
    creative = {
        "ad_name": "v1",
        "ad_format": "SINGLE_VIDEO",
        "identity_type": "TT_USER",
        "identity_id": "1",
        "tiktok_item_id": "73",
        "ad_text": "Glow",
        "operation_status": "DISABLE",
    }
    made = said(fake, "POST", "ad/create/", {"adgroup_id": group["adgroup_id"], "creatives": [creative]})["data"]
    ids = {"ad": made["ad_ids"], "adgroup": [group["adgroup_id"]], "campaign": [group["campaign_id"]]}
    runs = []
    for level, named in ids.items():
        said(fake, "POST", f"{level}/status/update/", {f"{level}_ids": named, "operation_status": "ENABLE"})
        runs.append(fake.campaigns()[0]["runs"])

    assert runs == [False, False, True]


@pytest.mark.parametrize("name", ["tiktok_ads", "tiktok_shop"])
def test_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    """Each fake starts from the command line and answers."""
    port = free_port()
    argv = [sys.executable, "-m", f"local.fakes.{name}", "--port", str(port)]
    part = Part(Command(name, argv, {}, tmp_path / f"{name}.log", lambda: answers(port)))
    try:
        part.wait_ready()
    finally:
        part.stop()
