"""The fake posting APIs themselves: they refuse what the documents say is refused, and their books are exact."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.fakes.tiktok_content import FakeTikTokContent
from local.fakes.tiktok_desk import Creator
from tests.support.publishing import HANDLE, video_bytes

AUTH = {"authorization": f"Bearer act.{HANDLE}"}
BUSINESS = {"access-token": f"act.{HANDLE}"}
MIB5 = 5 * 2**20


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Iterator[FakeTikTokContent]:
    """A fake of its own for each test."""
    with FakeTikTokContent(clock=clock) as one:
        yield one


def call(
    fake: FakeTikTokContent, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    """One raw HTTP call: status, headers, and the body read as JSON; None if it is empty."""
    line = http.client.HTTPConnection(urlsplit(fake.base_url).netloc, timeout=10)
    try:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        line.request(method, path, data, AUTH if headers is None else headers)
        response = line.getresponse()
        text = response.read()
        return response.status, {k.lower(): v for k, v in response.headers.items()}, json.loads(text) if text else None
    finally:
        line.close()


def v2(fake: FakeTikTokContent, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, str, Any]:
    """A call of the open API: status, error code, data."""
    status, _, found = call(fake, "POST", f"/v2/post/publish/{path}", body, headers)
    return status, found["error"]["code"], found["data"]


def post_info(**changes: Any) -> dict[str, Any]:
    return {"title": "3-step glow", "privacy_level": "PUBLIC_TO_EVERYONE", **changes}


def file_source(size: int, chunk: int | None = None, count: int = 1) -> dict[str, Any]:
    chunk = size if chunk is None else chunk
    return {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk, "total_chunk_count": count}


def begun(fake: FakeTikTokContent, size: int, chunk: int | None = None, count: int = 1) -> tuple[str, str]:
    """A post that waits for its bytes: its id, and the path to upload to."""
    body = {"post_info": post_info(), "source_info": file_source(size, chunk, count)}
    status, _, data = v2(fake, "video/init/", body)
    assert status == 200
    url = urlsplit(data["upload_url"])
    return data["publish_id"], f"{url.path}?{url.query}"


def put(fake: FakeTikTokContent, path: str, part: bytes, first: int, total: int, **changes: str) -> tuple[int, str]:
    """One chunk: the status, and the Content-Range that came back."""
    stated = f"bytes {first}-{first + len(part) - 1}/{total}"
    headers = {"content-type": "video/mp4", "content-range": stated, **changes}
    status, back, _ = call(fake, "PUT", path, part, headers)
    return status, back.get("content-range", "")


def status_of(fake: FakeTikTokContent, publish_id: str) -> Any:
    return v2(fake, "status/fetch/", {"publish_id": publish_id})[2]


def books(fake: FakeTikTokContent) -> Any:
    return call(fake, "GET", "/_posts")[2]


def test_creator_info_has_the_documented_shape(fake: FakeTikTokContent) -> None:
    """The account of the token, with its privacy levels and its longest video."""
    status, code, data = v2(fake, "creator_info/query/", {})

    assert (status, code) == (200, "ok")
    assert data["creator_username"] == HANDLE
    assert "SELF_ONLY" in data["privacy_level_options"]
    assert data["max_video_post_duration_sec"] == 300


def test_a_video_in_chunks_is_published(fake: FakeTikTokContent) -> None:
    """206 for a chunk with more to come, 201 for the last; processing, then complete with the misspelt field."""
    video = video_bytes(2 * MIB5 + 77)
    publish_id, path = begun(fake, len(video), MIB5, 2)

    assert put(fake, path, video[:MIB5], 0, len(video)) == (206, f"bytes 0-{MIB5 - 1}/{len(video)}")
    assert status_of(fake, publish_id) == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": MIB5}
    assert put(fake, path, video[MIB5:], MIB5, len(video)) == (201, f"bytes 0-{len(video) - 1}/{len(video)}")
    assert status_of(fake, publish_id)["status"] == "PROCESSING_UPLOAD"
    done = status_of(fake, publish_id)
    assert done["status"] == "PUBLISH_COMPLETE"
    assert isinstance(done["publicaly_available_post_id"][0], int)
    assert books(fake)["published"] == 1


@pytest.mark.parametrize(
    ("info", "status", "code"),
    [
        (post_info(privacy_level="FOLLOWER_OF_CREATOR"), 403, "privacy_level_option_mismatch"),
        (post_info(privacy_level="ALL"), 400, "invalid_param"),
        (post_info(title="a" * 2201), 400, "invalid_param"),
        (post_info(title="🌿" * 1101), 400, "invalid_param"),
        (post_info(is_aigc="yes"), 400, "invalid_param"),
        (post_info(privacy_level="SELF_ONLY", brand_content_toggle=True), 400, "invalid_param"),
        (None, 400, "invalid_param"),
    ],
)
def test_post_info_is_checked(fake: FakeTikTokContent, info: Any, status: int, code: str) -> None:
    """Each rule has its documented code and status."""
    assert v2(fake, "video/init/", {"post_info": info, "source_info": file_source(1000)})[:2] == (status, code)


@pytest.mark.parametrize(
    "source",
    [
        file_source(50_000_123, 10_000_000, 6),
        file_source(50_000_123, 10_000_000, 4),
        file_source(10_000_000, MIB5 - 1, 1),
        file_source(130_000_000, 65_000_000, 2),
        file_source(70_000_000),
        file_source(1000, 2000, 0),
        file_source(0),
        file_source(4_000_000_001, 10_000_000, 400),
        {"source": "FILE_UPLOAD", "video_size": "1000", "chunk_size": 1000, "total_chunk_count": 1},
        {"source": "CARRIER_PIGEON"},
        None,
    ],
)
def test_chunk_plans_are_checked(fake: FakeTikTokContent, source: Any) -> None:
    """Counts that are not the floor, chunks that are too small or too large, sizes that are none."""
    body = {"post_info": post_info(), "source_info": source}

    assert v2(fake, "video/init/", body)[:2] == (400, "invalid_param")


def test_chunks_are_checked(fake: FakeTikTokContent) -> None:
    """Malformed is 400, another range than the next is 416, an unknown or finished upload 404."""
    video = video_bytes(2 * MIB5)
    _, path = begun(fake, len(video), MIB5, 2)

    assert put(fake, path, video[:MIB5], MIB5, len(video))[0] == 416
    assert put(fake, path, video[:100], 0, len(video))[0] == 416
    assert put(fake, path, video[:MIB5], 0, len(video) + 1)[0] == 416
    assert put(fake, path, video[:MIB5], 0, len(video), **{"content-range": "bytes 0-99/100"})[0] == 400
    assert put(fake, path, video[:MIB5], 0, len(video), **{"content-range": "all of it"})[0] == 400
    assert put(fake, path, video[:MIB5], 0, len(video), **{"content-type": "text/html"})[0] == 400
    assert put(fake, path + "0", video[:MIB5], 0, len(video))[0] == 404
    assert put(fake, path, video[:MIB5], 0, len(video))[0] == 206
    assert put(fake, path, video[:MIB5], 0, len(video))[0] == 416
    assert put(fake, path, video[MIB5:], MIB5, len(video))[0] == 201
    assert put(fake, path, video[MIB5:], MIB5, len(video))[0] == 404


def test_an_upload_address_expires(fake: FakeTikTokContent, clock: Clock) -> None:
    """After an hour it answers 403, and nothing is published."""
    video = video_bytes()
    _, path = begun(fake, len(video))
    clock.now += 3600

    assert put(fake, path, video, 0, len(video))[0] == 403
    assert books(fake)["published"] == 0


def test_what_is_no_video_fails(fake: FakeTikTokContent) -> None:
    """Bytes that do not begin like MP4 are taken, and fail in processing."""
    publish_id, path = begun(fake, 4000)

    assert put(fake, path, b"x" * 4000, 0, 4000)[0] == 201
    found = status_of(fake, publish_id)
    assert (found["status"], found["fail_reason"]) == ("FAILED", "file_format_check_failed")
    assert books(fake)["published"] == 0


@pytest.mark.parametrize(("path", "most"), [("creator_info/query/", 20), ("video/init/", 6), ("status/fetch/", 30)])
def test_each_token_has_its_limits(fake: FakeTikTokContent, clock: Clock, path: str, most: int) -> None:
    """So many a minute, as a sliding window; another token has its own."""
    for _ in range(most):
        assert v2(fake, path, {})[1] != "rate_limit_exceeded"

    assert v2(fake, path, {})[:2] == (429, "rate_limit_exceeded")
    assert v2(fake, path, {}, {"authorization": "Bearer act.another"})[1] != "rate_limit_exceeded"
    clock.now += 61
    assert v2(fake, path, {})[1] != "rate_limit_exceeded"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic act.x"}])
def test_a_token_is_needed(fake: FakeTikTokContent, headers: dict[str, str]) -> None:
    """Without one, or with what is none, 401."""
    assert v2(fake, "creator_info/query/", {}, headers)[:2] == (401, "access_token_invalid")


def test_the_daily_cap_is_an_error_with_status_200(fake: FakeTikTokContent, clock: Clock) -> None:
    """creator_info tells of the cap with HTTP 200; init refuses with 403; a day later it is over."""
    for _ in range(15):
        _, path = begun(fake, 4000)
        assert put(fake, path, video_bytes(4000), 0, 4000)[0] == 201
        clock.now += 61

    body = {"post_info": post_info(), "source_info": file_source(4000)}
    assert v2(fake, "creator_info/query/", {})[:2] == (200, "spam_risk_too_many_posts")
    assert v2(fake, "video/init/", body)[:2] == (403, "spam_risk_too_many_posts")
    clock.now += 86_400
    assert v2(fake, "creator_info/query/", {})[1] == "ok"


def test_an_unaudited_app_posts_for_the_creator_only() -> None:
    """Until TikTok has audited the app, everything but SELF_ONLY is refused."""
    with FakeTikTokContent(is_audited=False) as fake:
        body = {"post_info": post_info(), "source_info": file_source(4000)}

        assert v2(fake, "video/init/", body)[:2] == (403, "unaudited_client_can_only_post_to_private_accounts")
        body["post_info"]["privacy_level"] = "SELF_ONLY"
        assert v2(fake, "video/init/", body)[0] == 200


def test_a_private_account_has_other_levels() -> None:
    """The options are those of the account."""
    levels = ("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
    with FakeTikTokContent(creators=(Creator(HANDLE, levels),)) as fake:
        assert v2(fake, "creator_info/query/", {})[2]["privacy_level_options"] == list(levels)


def test_a_post_is_its_own_accounts(fake: FakeTikTokContent) -> None:
    """An unknown id and another account's id have codes of their own."""
    publish_id, _ = begun(fake, 4000)
    other = {"authorization": "Bearer act.another"}

    assert v2(fake, "status/fetch/", {"publish_id": "x"})[:2] == (400, "invalid_publish_id")
    assert v2(fake, "status/fetch/", {"publish_id": publish_id}, other)[:2] == (
        400,
        "token_not_authorized_for_specified_publish_id",
    )


def test_an_address_must_be_verified(fake: FakeTikTokContent) -> None:
    """PULL_FROM_URL takes addresses below a verified beginning only."""
    source = {"source": "PULL_FROM_URL", "video_url": "https://elsewhere.example/clip.mp4"}

    found = v2(fake, "video/init/", {"post_info": post_info(), "source_info": source})
    assert found[:2] == (403, "url_ownership_unverified")


def test_business_errors_come_with_status_200(fake: FakeTikTokContent) -> None:
    """The code in the body is the error; the slash at the end belongs to the path."""

    def business(path: str, headers: dict[str, str]) -> tuple[int, Any]:
        status, _, body = call(fake, "GET", f"/open_api/v1.3/business/{path}", None, headers)
        return status, None if body is None else body["code"]

    mine = f"get/?business_id=open-{HANDLE}"
    assert business(mine, {}) == (200, 40104)
    assert business(mine, {"access-token": "old"}) == (200, 40105)
    assert business("get/?business_id=open-another", BUSINESS) == (200, 40001)
    assert business(f"get?business_id=open-{HANDLE}", BUSINESS) == (404, None)
    assert business(mine + "&fields=username", BUSINESS) == (200, 40002)
    codes = [business(mine + '&fields=["username"]', BUSINESS)[1] for _ in range(11)]
    assert codes[0] == 0
    assert codes[-1] == 40100


def test_faults_do_what_they_say(fake: FakeTikTokContent) -> None:
    """A status before acting, a status after having acted, and a line that is cut: what was done shows in the books."""
    body = {"post_info": post_info(), "source_info": file_source(4000)}
    wanted = [
        {"on": "init", "what": "status", "status": 502},
        {"on": "init", "what": "cut", "after": True, "skip": 1},
    ]
    assert call(fake, "POST", "/_faults", {"faults": wanted})[0] == 200

    assert call(fake, "POST", "/v2/post/publish/video/init/", body)[0] == 502
    assert books(fake)["posts"] == []
    assert call(fake, "POST", "/v2/post/publish/video/init/", body)[0] == 200
    with pytest.raises(http.client.RemoteDisconnected):
        call(fake, "POST", "/v2/post/publish/video/init/", body)
    assert len(books(fake)["posts"]) == 2
    assert books(fake)["requests"] == {"init": 3}


@pytest.mark.parametrize(
    "faults", [None, {}, {"faults": [{"what": "explode"}]}, {"faults": [{"on": "post", "what": "cut"}]}]
)
def test_a_script_that_does_nothing_is_refused(fake: FakeTikTokContent, faults: Any) -> None:
    """A misspelt fault would make a test pass for nothing."""
    assert call(fake, "POST", "/_faults", faults)[0] == 400


def test_the_fake_is_a_process_too() -> None:
    """It starts by itself and says where it is."""
    command = [sys.executable, "-m", "local.fakes.tiktok_content", "--port", "0"]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("fake TikTok on http://127.0.0.1:")
        finally:
            process.terminate()


def videos(fake: FakeTikTokContent, body: Any, fields: str = "id,create_time") -> tuple[int, str, Any]:
    """A page of the account's videos: status, error code, data."""
    status, _, found = call(fake, "POST", f"/v2/video/list/?fields={fields}", body)
    return status, found["error"]["code"], found["data"]


def test_videos_are_listed_in_pages(fake: FakeTikTokContent) -> None:
    """Ten by default, from before the cursor in milliseconds; the same each time, none of them in the future."""
    _, _, first = videos(fake, {})
    _, _, second = videos(fake, {"cursor": first["cursor"], "max_count": 20})
    times = [video["create_time"] for video in (*first["videos"], *second["videos"])]

    assert (len(first["videos"]), len(second["videos"]), first["has_more"]) == (10, 20, True)
    assert times == sorted(times, reverse=True)
    assert times[0] <= 1_795_000_000
    assert first["cursor"] == first["videos"][-1]["create_time"] * 1000
    assert videos(fake, {})[2] == first


@pytest.mark.parametrize(
    ("body", "fields", "code"),
    [
        ({"max_count": 21}, "id", "invalid_params"),
        ({"cursor": "x"}, "id", "invalid_params"),
        ({}, "id,reach", "invalid_params"),
        ({}, "", "invalid_params"),
    ],
)
def test_questions_about_videos_are_checked(fake: FakeTikTokContent, body: Any, fields: str, code: str) -> None:
    """A page has 20 videos at most, and only the documented fields."""
    assert videos(fake, body, fields)[:2] == (400, code)


def test_what_was_published_is_listed(fake: FakeTikTokContent) -> None:
    """A public post comes first once TikTok has done with it; the account's name is the token's."""
    video = video_bytes()
    publish_id, path = begun(fake, len(video))
    put(fake, path, video, 0, len(video))
    statuses = [status_of(fake, publish_id)["status"] for _ in range(2)]
    assert statuses[-1] == "PUBLISH_COMPLETE"
    (post,) = books(fake)["posts"]
    newest = videos(fake, {"max_count": 1}, "id,title,view_count")[2]["videos"][0]
    user = call(fake, "GET", "/v2/user/info/?fields=username,video_count")[2]["data"]["user"]

    assert newest == {"id": post["post_id"], "title": "3-step glow", "view_count": 0}
    assert user == {"username": HANDLE, "video_count": 278}
