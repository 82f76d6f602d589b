"""Reading accounts in real mode: the Display API over HTTP, what it does not tell, and what may go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.fakes.serving import FakeVendor, Request, Response, Route
from local.fakes.tiktok_content import FakeTikTokContent
from local.fakes.tiktok_desk import SCOPES, Creator
from shared.agents.audience_mapper import AudienceMapperAgent
from shared.agents.trend_watcher import TrendWatcherAgent
from shared.config import Settings, current_settings, use_settings
from shared.core.canonical import JsonObject
from shared.errors import (
    AgentError,
    InvalidInputError,
    NotEnoughSettingsError,
    ProviderDownError,
    ProviderRefusedError,
)
from shared.providers.records import AccountData
from shared.providers.tiktok import check_account, list_accounts, read_account, read_trends
from tests.support.audits import WORKSPACE, MemoryRecords, run_in_this_mode

HANDLE = "lakucosmetics"


@pytest.fixture
def fake() -> Iterator[FakeTikTokContent]:
    few = Creator("few", scopes=SCOPES - {"user.info.stats"})
    blind = Creator("blind", scopes=SCOPES - {"video.list"})
    with FakeTikTokContent(creators=(few, blind)) as one:
        yield one


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    before = current_settings()
    yield
    use_settings(before)


def connect(url: str, token: str | None = f"act.{HANDLE}", **more: Any) -> None:
    """Real mode at this address, with the token of this account."""
    given: dict[str, Any] = {"tiktok_provider_mode": "real", "tiktok_open_api_url": url, "mock_latency_scale": 0}
    given["army_workspace_id"] = WORKSPACE
    use_settings(Settings.model_validate({**given, "tiktok_access_token": token, "tiktok_timeout_s": 5, **more}))


def business(url: str, name: str = HANDLE) -> JsonObject:
    """The settings that connect the Business API too."""
    keys = ("tiktok_business_api_url", "tiktok_business_token", "tiktok_business_id")
    return dict(zip(keys, (url, f"act.{name}", f"open-{name}"), strict=True))


def read(handle: str = HANDLE, max_posts: int = 500) -> AccountData:
    return asyncio.run(read_account(handle, max_posts=max_posts))


def test_an_account_is_read_whole(fake: FakeTikTokContent) -> None:
    """Several pages of videos, each once, newest first, none later than the data; the profile's counts."""
    connect(fake.base_url)
    data = read()
    times = [post.published_at for post in data.posts]

    assert (data.source, data.profile.handle, data.profile.verified) == ("real", HANDLE, True)
    assert data.profile.followers == 48_200
    assert len({post.id for post in data.posts}) == len(data.posts) > 40
    assert times == sorted(times, reverse=True)
    assert data.as_of - timedelta(days=3) < times[0] <= data.as_of
    assert all(post.views and post.hashtags and post.duration_s for post in data.posts)
    assert fake.counts["video_list"] == -(-len(data.posts) // 20)


def test_unknown_is_said(fake: FakeTikTokContent) -> None:
    """What the API does not tell is None everywhere, and the notes name it."""
    connect(fake.base_url)
    data = read()
    told = " ".join(data.notes)

    assert (data.audience, data.comments, data.health, data.follower_days, data.profile.region) == (None,) * 5
    for field in ("saves", "for_you_share", "search_visible", "is_ad", "language", "music_title"):
        assert {getattr(post, field) for post in data.posts} == {None}
    for name in ("Saves", "reach", "Completion", "Audience", "comment texts", "search visibility", "150 characters"):
        assert name in told
    assert "TIKTOK_BUSINESS_TOKEN" in told


def test_the_audience_is_the_business_accounts(fake: FakeTikTokContent) -> None:
    """Where the Business API is connected, it tells who follows: ages, genders and countries as the product names
    them."""
    connect(fake.base_url, **business(fake.base_url))
    data = read()

    assert data.audience is not None
    assert {"18-24", "25-34"} < data.audience.age_shares.keys()
    assert data.audience.gender_shares.keys() == {"female", "male", "other"}
    assert {"US", "other"} < data.audience.region_shares.keys()
    assert all(0 <= share <= 1 for share in data.audience.age_shares.values())
    assert data.audience.active_hour_shares == {}
    assert "Audience" not in " ".join(data.notes)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"tiktok_business_token": "nothing"}, "set TIKTOK_BUSINESS_TOKEN"),
        (business("", "competitor_cosmetics"), "is of '@competitor_cosmetics'"),
    ],
)
def test_an_audience_that_is_not_told(fake: FakeTikTokContent, more: JsonObject, why: str) -> None:
    """A refused token, or that of another account: the rest is read, and the note says why."""
    own = business(fake.base_url)
    connect(fake.base_url, **{**own, **more, "tiktok_business_api_url": fake.base_url})
    data = read()

    assert data.posts
    assert data.audience is None
    assert why in " ".join(data.notes)


def test_a_lost_audience_is_asked_for_again(fake: FakeTikTokContent) -> None:
    """A passing failure is no reason to go on without it."""
    connect(fake.base_url, **business(fake.base_url))
    fake.faults({"on": "business_get", "what": "cut"})

    with pytest.raises(ProviderDownError):
        read()
    assert read().audience is not None


def test_only_the_newest_are_read(fake: FakeTikTokContent) -> None:
    """No page is asked for that is not needed, and the note says that there are more."""
    connect(fake.base_url)
    data = read(max_posts=20)

    assert len(data.posts) == 20
    assert fake.counts["video_list"] == 1
    assert data.notes[-1] == "The newest 20 videos were read; there are more."


def test_another_account_is_refused(fake: FakeTikTokContent) -> None:
    """A token reads its own account, so no other one is answered with its numbers."""
    connect(fake.base_url)

    with pytest.raises(InvalidInputError, match="is of @lakucosmetics, not '@competitor_cosmetics'") as refused:
        read("competitor_cosmetics")
    assert refused.value.field == "handle"
    assert fake.counts["video_list"] == 0


def test_the_account_is_listed(fake: FakeTikTokContent) -> None:
    """The one account that there is, with what its profile counts."""
    connect(fake.base_url)

    assert list_accounts(None) == [(HANDLE, 278)]


def test_without_a_token_nothing_is_asked(fake: FakeTikTokContent) -> None:
    """The door says which setting is missing; with it, it asks nobody."""
    connect(fake.base_url, None)
    with pytest.raises(NotEnoughSettingsError, match="TIKTOK_ACCESS_TOKEN"):
        check_account(HANDLE, None)
    with pytest.raises(NotEnoughSettingsError, match="TIKTOK_ACCESS_TOKEN"):
        read()
    connect(fake.base_url)
    check_account("@somebody", None)

    assert not fake.counts


@pytest.mark.parametrize(("name", "scope"), [("few", "user.info.stats"), ("blind", "video.list")])
def test_a_missing_scope_is_named(fake: FakeTikTokContent, name: str, scope: str) -> None:
    """The refusal says which scopes reading needs."""
    connect(fake.base_url, f"act.{name}")

    with pytest.raises(ProviderRefusedError, match=scope) as refused:
        read(name)
    assert refused.value.reason == "scope_not_authorized"


def test_a_dead_token_is_refused(fake: FakeTikTokContent) -> None:
    """A person has to connect the account again; the token itself is not shown."""
    connect(fake.base_url, "rft.secret-token")

    with pytest.raises(ProviderRefusedError, match="set TIKTOK_ACCESS_TOKEN") as refused:
        read()
    assert refused.value.reason == "access_token_invalid"
    assert "secret-token" not in str(refused.value)


@pytest.mark.parametrize(
    "fault",
    [
        {"what": "status", "status": 502},
        {"what": "cut"},
        {"what": "code", "code": "internal_error"},
        {"what": "code", "code": "rate_limit_exceeded"},
    ],
)
@pytest.mark.parametrize("call", ["user_info", "video_list"])
def test_what_may_pass_is_transient(fake: FakeTikTokContent, call: str, fault: JsonObject) -> None:
    """A lost or late answer is a reason to read again; over the limit, after a minute."""
    connect(fake.base_url)
    fake.faults({"on": call, **fault})

    with pytest.raises(ProviderDownError) as down:
        read()
    assert down.value.retry_after_s == (60 if fault.get("code") == "rate_limit_exceeded" else None)
    assert read().posts


class Pages(FakeVendor):
    """A TikTok that tells exactly these pages of videos, and after them the last one again and again."""

    def __init__(self, *pages: JsonObject) -> None:
        super().__init__()
        self._pages = list(pages)
        self.asked: list[JsonObject] = []

    def routes(self) -> dict[tuple[str, str], Route]:
        user = {"username": "LakuCosmetics", "display_name": "Laku \x00", "follower_count": 3}
        return {
            ("GET", "/v2/user/info/"): ("user_info", lambda _: _ok({"user": user})),
            ("POST", "/v2/video/list/"): ("video_list", self._page),
        }

    def coded(self, request: Request, code: str) -> Response:
        return Response(400, {"data": {}, "error": {"code": code}})

    def _page(self, request: Request) -> Response:
        self.asked.append(request.json())
        return _ok(self._pages[min(len(self.asked), len(self._pages)) - 1])


def _ok(data: JsonObject) -> Response:
    return Response(200, {"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}})


def told(*pages: JsonObject) -> tuple[AccountData, list[JsonObject]]:
    with Pages(*pages) as pager:
        connect(pager.base_url)
        return read(), pager.asked


def test_short_and_empty_pages_are_not_the_end() -> None:
    """`has_more` decides: pages may be short, empty, or repeat a video; ids may be numbers."""
    first = {"id": 7440123456789012399, "create_time": 1_794_906_000, "title": "3-step glow #routine", "view_count": 5}
    second = {"id": "7440123456789012398", "create_time": 1_794_900_000, "video_description": "again \ud800"}
    data, asked = told(
        {"videos": [first], "cursor": 1_794_906_000_000, "has_more": True},
        {"videos": [], "cursor": 1_794_903_000_000, "has_more": True},
        {"videos": [first, second], "cursor": 1_794_900_000_000, "has_more": False},
    )

    assert [post.id for post in data.posts] == ["7440123456789012399", "7440123456789012398"]
    assert data.posts[0].published_at == datetime.fromtimestamp(1_794_906_000, UTC)
    assert (data.posts[0].hashtags, data.posts[0].views) == (("routine",), 5)
    assert (data.posts[1].views, data.posts[1].duration_s, data.posts[1].caption) == (None, None, "again \ufffd")
    assert data.profile.nickname == "Laku \ufffd"
    assert [one.get("cursor") for one in asked] == [None, 1_794_906_000_000, 1_794_903_000_000]


def test_a_list_that_does_not_go_on_ends() -> None:
    """A cursor that stands still would be asked for ever."""
    video = {"id": "1", "create_time": 1_794_906_000}

    with pytest.raises(ProviderDownError, match="cursor does not go on"):
        told({"videos": [video], "cursor": 1_794_906_000_000, "has_more": True})


@pytest.mark.parametrize("video", [{"create_time": 1}, {"id": "1"}, {"id": "1", "create_time": 1, "view_count": -3}])
def test_an_answer_that_is_not_as_documented(video: JsonObject) -> None:
    """Is named, and no reason to make something up."""
    with pytest.raises(ProviderDownError, match="no good videos"):
        told({"videos": [video], "has_more": False})


def test_a_cut_hashtag_is_not_counted() -> None:
    """A caption of 150 characters may end in the middle of a word."""
    caption = f"{'word ' * 26}#brows #sk".ljust(150, "i")
    data, _ = told({"videos": [{"id": "1", "create_time": 1, "video_description": caption}], "has_more": False})

    assert len(data.posts[0].caption) == 150
    assert data.posts[0].hashtags == ("brows",)


def test_there_are_no_trends(fake: FakeTikTokContent) -> None:
    """Nothing is asked and nothing made up: the answer says why there are none."""
    connect(fake.base_url)
    trends = asyncio.run(read_trends(region="US"))

    assert (trends.source, trends.hashtags) == ("real", ())
    assert trends.why_none is not None
    assert "no API" in trends.why_none
    assert not fake.counts


def test_trend_watcher_says_so(fake: FakeTikTokContent) -> None:
    """Not enough data, for that reason, without a model call."""
    connect(fake.base_url)
    result = run_in_this_mode(TrendWatcherAgent(MemoryRecords()), {"handle": HANDLE})

    assert (result.output["status"], result.output["rising_hashtags"], result.model_used) == (
        "not_enough_data",
        [],
        None,
    )
    assert "no API open to brands" in result.output["reason"]


def test_segments_come_from_real_captions(fake: FakeTikTokContent) -> None:
    """The audience's segments are of the videos that were read; whom TikTok does not tell of stays unknown."""
    connect(fake.base_url)
    output = run_in_this_mode(AudienceMapperAgent(MemoryRecords()), {"handle": HANDLE}).output
    known = {post.id for post in read().posts}

    assert (output["status"], output["source"]) == ("ok", "real")
    assert output["segments"]
    assert all(set(segment["post_ids"]) <= known for segment in output["segments"])
    assert all(segment["active_hours"] == [] for segment in output["segments"])
    assert {**output["audience"], "comments_counted": 0} == {
        "age_shares": {},
        "gender_shares": {},
        "region_shares": {},
        "active_hours": [],
        "active_hours_basis": "unknown",
        "comments_counted": 0,
    }


def test_a_new_account_is_not_enough() -> None:
    """No video, no segment, no model call, no number."""
    with Pages({"videos": [], "has_more": False}) as pager:
        connect(pager.base_url)
        result = run_in_this_mode(AudienceMapperAgent(MemoryRecords()), {"handle": HANDLE})

    assert (result.output["status"], result.output["segments"], result.model_used) == ("not_enough_data", [], None)


def test_another_account_fails_the_agent_at_once(fake: FakeTikTokContent) -> None:
    """Asking again would not help, so the step is not tried again."""
    connect(fake.base_url)

    with pytest.raises(AgentError, match="only connected accounts can be read") as failed:
        run_in_this_mode(AudienceMapperAgent(MemoryRecords()), {"handle": "somebody_else"})
    assert not failed.value.retryable
