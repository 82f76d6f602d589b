"""Publishing by the Content Posting API, against the fake over HTTP: one post, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.drill.until import until
from local.fakes.tiktok_content import FakeTikTokContent
from local.fakes.tiktok_desk import Creator
from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.registry import effect_of
from shared.errors import EffectPendingError, EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.media.films import Film
from shared.providers.chunks import LEAST_CHUNK
from shared.providers.tiktok_errors import ADVICE
from tests.support.publishing import (
    HANDLE,
    DiedError,
    Notes,
    a_post,
    an_order,
    dies_after,
    film_path,
    kept_film,
    real_settings,
    video_bytes,
)

THREE_CHUNKS = 3 * LEAST_CHUNK + 77


@pytest.fixture
def fake() -> Iterator[FakeTikTokContent]:
    with FakeTikTokContent() as one:
        yield one


@pytest.fixture
def settings(fake: FakeTikTokContent, tmp_path: Path) -> Settings:
    return real_settings(fake.base_url, tmp_path)


@pytest.fixture
def small(settings: Settings) -> Film:
    """A video that is one chunk."""
    return kept_film(settings)


@pytest.fixture
def large(settings: Settings) -> Film:
    """A video of three chunks."""
    return kept_film(settings, video_bytes(THREE_CHUNKS))


def act(settings: Settings, order: EffectOrder) -> Receipt:
    return asyncio.run(effect_of("publish_video", settings).act(order))


def find(settings: Settings, order: EffectOrder) -> Receipt | None:
    return asyncio.run(effect_of("publish_video", settings).find(order))


def published(fake: FakeTikTokContent) -> JsonObject:
    """The one post that the books have as published."""
    (row,) = [row for row in fake.desk.books() if row["is_accepted"]]
    return row


def refusal(settings: Settings, payload: JsonObject) -> EffectRefusedError:
    with pytest.raises(EffectRefusedError) as refused:
        act(settings, an_order(payload))
    return refused.value


def test_a_video_is_published(fake: FakeTikTokContent, settings: Settings, large: Film) -> None:
    """The bytes, the caption and the flags arrive as they were approved; the receipt leads to the post."""
    receipt = act(settings, an_order(a_post(large, disable_duet=True)))

    row = published(fake)
    assert row["sha256"] == large.sha256
    assert row["caption"] == a_post()["caption"]
    sent = row["post_info"]
    assert (sent["disable_duet"], sent["is_aigc"], sent["brand_organic_toggle"]) == (True, True, True)
    assert sent["disable_stitch"] is True, "the account has switched it off"
    assert receipt.reference == row["post_id"]
    assert receipt.url == f"https://www.tiktok.com/@{HANDLE}/video/{row['post_id']}"
    assert (receipt.event, receipt.details["publish_id"]) == ("tiktok.posted", row["publish_id"])
    assert fake.counts["upload"] == 3


def test_a_private_post_has_no_id(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """TikTok tells ids of public posts only: the receipt names the publish id."""
    receipt = act(settings, an_order(a_post(small, privacy_level="SELF_ONLY")))

    assert receipt.url is None
    assert receipt.reference == published(fake)["publish_id"]


def test_an_id_that_comes_late_is_waited_for(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """A public post is complete before moderation gives it an id."""
    fake.faults({"on": "post", "what": "moderation", "value": 2})

    assert act(settings, an_order(a_post(small))).url is not None


def test_an_id_that_does_not_come_is_done_without(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """Moderation may take hours; the post is out, and that is the receipt."""
    fake.faults({"on": "post", "what": "moderation", "value": 100})

    assert act(settings, an_order(a_post(small))).reference == published(fake)["publish_id"]


@pytest.mark.parametrize("notes", [1, 2, 3, 4])
def test_a_death_after_any_note_leaves_one_post(
    fake: FakeTikTokContent, settings: Settings, large: Film, notes: int
) -> None:
    """Killed after opening the post, or after any chunk: the next attempt goes on with the same post."""
    kept = Notes(dies_after(notes))
    with pytest.raises(DiedError):
        act(settings, an_order(a_post(large), kept))
    found = find(settings, an_order(a_post(large), kept))
    receipt = found or act(settings, an_order(a_post(large), kept))

    assert (found is not None) == (notes == 4), "only when all chunks had arrived"
    assert receipt.reference == published(fake)["post_id"]
    assert fake.counts["init"] == 1
    assert fake.counts["upload"] == 3


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_death_while_a_chunk_is_under_way_leaves_one_post(
    fake: FakeTikTokContent, settings: Settings, large: Film, chunk: int
) -> None:
    """Killed while TikTok has the chunk and has not answered yet: its status says how much it has."""
    fake.faults({"on": "upload", "what": "delay", "seconds": 30, "skip": chunk})
    kept = Notes()
    there = (0, LEAST_CHUNK, 2 * LEAST_CHUNK, large.bytes)[chunk + 1]

    async def killed() -> None:
        doing = asyncio.ensure_future(effect_of("publish_video", settings).act(an_order(a_post(large), kept)))
        await asyncio.to_thread(until, lambda: sum(row["bytes"] for row in fake.desk.books()) == there)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    asyncio.run(killed())
    order = an_order(a_post(large), kept)
    receipt = find(settings, order) or act(settings, order)

    assert receipt.reference == published(fake)["post_id"]
    assert fake.counts["init"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"what": "status", "status": 503},
        {"what": "status", "status": 503, "after": True},
        {"what": "cut"},
        {"what": "cut", "after": True},
        {"what": "status", "status": 503, "times": 3},
    ],
)
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_chunk_without_a_good_answer_is_settled_by_the_status(
    fake: FakeTikTokContent, settings: Settings, large: Film, fault: JsonObject, skip: int
) -> None:
    """5xx and cut lines, before and after TikTok has kept the chunk, at the first and at the last one."""
    fake.faults({"on": "upload", "skip": skip, **fault})

    assert act(settings, an_order(a_post(large))).reference == published(fake)["post_id"]
    assert fake.counts["init"] == 1


def test_a_chunk_that_is_never_answered_waits_for_the_next_attempt(
    fake: FakeTikTokContent, settings: Settings, large: Film
) -> None:
    """Four tries, then later: with what has arrived, not from the beginning."""
    fake.faults({"on": "upload", "what": "status", "status": 500, "skip": 1, "times": 4})
    kept = Notes()
    with pytest.raises(ProviderDownError):
        act(settings, an_order(a_post(large), kept))

    assert kept.last["sent"] == LEAST_CHUNK
    assert find(settings, an_order(a_post(large), kept)) is None
    assert act(settings, an_order(a_post(large), kept)).reference == published(fake)["post_id"]
    assert fake.counts["upload"] == 7


@pytest.mark.parametrize("what", ["status", "cut"])
@pytest.mark.parametrize("after", [False, True])
def test_opening_without_an_answer_is_harmless(
    fake: FakeTikTokContent, settings: Settings, small: Film, what: str, after: bool
) -> None:
    """Nothing is published before the bytes are there: the next attempt opens another one."""
    fake.faults({"on": "init", "what": what, "after": after})
    kept = Notes()
    with pytest.raises(ProviderDownError):
        act(settings, an_order(a_post(small), kept))

    assert kept.last == {}
    assert find(settings, an_order(a_post(small), kept)) is None
    assert act(settings, an_order(a_post(small), kept)).reference == published(fake)["post_id"]


def test_an_attempt_ends_at_its_deadline_and_the_next_goes_on(
    fake: FakeTikTokContent, tmp_path: Path, settings: Settings, small: Film
) -> None:
    """Still processing when the time is over: later, with the same post, and without sending it again."""
    hurried = real_settings(fake.base_url, tmp_path, publish_within_s=0.3, publish_pace=0.02)
    fake.faults({"on": "post", "what": "processing", "value": 3})
    kept = Notes()
    with pytest.raises(EffectPendingError, match="PROCESSING_UPLOAD"):
        act(hurried, an_order(a_post(small), kept))

    assert act(settings, an_order(a_post(small), kept)).reference == published(fake)["post_id"]
    assert (fake.counts["init"], fake.counts["upload"]) == (1, 1)


def test_a_look_that_fails_is_repeated(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """A 5xx, a cut line and a rate limit while it waits do not end the attempt."""
    for fault in ({"what": "status"}, {"what": "cut"}, {"what": "code", "code": "rate_limit_exceeded"}):
        fake.faults({"on": "status", "skip": 1, **fault})
    fake.faults({"on": "post", "what": "processing", "value": 3})

    assert act(settings, an_order(a_post(small))).reference == published(fake)["post_id"]


@pytest.mark.parametrize(
    "reason",
    [
        "file_format_check_failed",
        "duration_check_failed",
        "frame_rate_check_failed",
        "picture_size_check_failed",
        "auth_removed",
        "spam_risk",
        "spam_risk_text",
        "spam_risk_user_banned_from_posting",
        "spam_risk_too_many_posts",
        "publish_cancelled",
    ],
)
def test_a_post_that_fails_for_good_is_refused(
    fake: FakeTikTokContent, settings: Settings, small: Film, reason: str
) -> None:
    """The vendor's reason, and what a person can do."""
    fake.faults({"on": "post", "what": "fail", "value": reason})
    error = refusal(settings, a_post(small))

    assert error.reason == reason
    assert ADVICE[reason] in error.message


def test_an_unknown_reason_is_refused_and_shown(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """What the documents do not name is not tried again blindly."""
    fake.faults({"on": "post", "what": "fail", "value": "moon_phase"})

    assert refusal(settings, a_post(small)).reason == "moon_phase"


@pytest.mark.parametrize("reason", ["internal", "video_pull_failed"])
def test_a_failure_of_tiktoks_own_is_tried_anew(
    fake: FakeTikTokContent, settings: Settings, small: Film, reason: str
) -> None:
    """The failed post is not out, so the next attempt makes another."""
    fake.faults({"on": "post", "what": "fail", "value": reason})
    kept = Notes()
    with pytest.raises(ProviderDownError, match=reason):
        act(settings, an_order(a_post(small), kept))

    assert find(settings, an_order(a_post(small), kept)) is None
    assert act(settings, an_order(a_post(small), kept)).reference == published(fake)["post_id"]


@pytest.mark.parametrize("call", ["creator_info", "init"])
@pytest.mark.parametrize(
    "code",
    [
        "access_token_invalid",
        "scope_not_authorized",
        "scope_permission_missed",
        "spam_risk_too_many_posts",
        "spam_risk_user_banned_from_posting",
        "reached_active_user_cap",
        "unaudited_client_can_only_post_to_private_accounts",
        "privacy_level_option_mismatch",
        "url_ownership_unverified",
        "invalid_param",
    ],
)
def test_each_documented_no_is_refused(
    fake: FakeTikTokContent, settings: Settings, small: Film, call: str, code: str
) -> None:
    """Also where it comes with HTTP 200: the code, and what to do; nothing is begun."""
    fake.faults({"on": call, "what": "code", "code": code})
    error = refusal(settings, a_post(small))

    assert error.reason == code
    assert ADVICE[code] in error.message
    assert fake.desk.books() == []


@pytest.mark.parametrize("call", ["creator_info", "init"])
@pytest.mark.parametrize(("code", "after_s"), [("rate_limit_exceeded", 60.0), ("internal_error", None)])
def test_what_may_pass_is_tried_later(
    fake: FakeTikTokContent, settings: Settings, small: Film, call: str, code: str, after_s: float | None
) -> None:
    """A rate limit says when: its window is a minute."""
    fake.faults({"on": call, "what": "code", "code": code})
    with pytest.raises(ProviderDownError) as later:
        act(settings, an_order(a_post(small)))

    assert later.value.retry_after_s == after_s


def test_the_limit_of_the_token_is_met(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """Six posts a minute; the seventh is for later, and nothing of it was begun."""
    for number in range(6):
        act(settings, an_order(a_post(small), idempotency_key=f"effect-{number}"))
    with pytest.raises(ProviderDownError, match="rate_limit_exceeded"):
        act(settings, an_order(a_post(small), idempotency_key="effect-6"))

    assert len(fake.desk.books()) == 6


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"handle": "somebody_else"}, "wrong_account"),
        ({"privacy_level": "FOLLOWER_OF_CREATOR"}, "privacy_level_option_mismatch"),
    ],
)
def test_what_the_account_does_not_allow_is_not_begun(
    fake: FakeTikTokContent, settings: Settings, small: Film, changes: JsonObject, reason: str
) -> None:
    """Another account's token, or a level that it has not: refused before anything is opened."""
    assert refusal(settings, a_post(small, **changes)).reason == reason
    assert fake.counts["init"] == 0


def test_a_video_longer_than_the_account_may_post(tmp_path: Path) -> None:
    """Each account has its own longest video."""
    with FakeTikTokContent(creators=(Creator(HANDLE, most_seconds=20),)) as fake:
        settings = real_settings(fake.base_url, tmp_path)
        file = kept_film(settings)

        assert refusal(settings, a_post(file)).reason == "duration_check_failed"


def test_a_file_that_is_gone_is_refused(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """Without its file there is nothing to publish, and nobody is asked."""
    film_path(settings, small).unlink()

    assert refusal(settings, a_post(small)).reason == "asset_missing"
    assert sum(fake.counts.values()) == 0


def test_other_bytes_than_were_approved_are_not_sent(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """A file that was changed under its name, or has another length, is not published."""
    payload = a_post(small)
    payload["asset"]["bytes"] += 1
    assert refusal(settings, payload).reason == "asset_changed"

    film_path(settings, small).chmod(0o644)
    film_path(settings, small).write_bytes(video_bytes()[::-1])
    assert refusal(settings, a_post(small)).reason == "asset_missing"
    assert fake.desk.books() == []


def test_an_address_that_expired_starts_over(fake: FakeTikTokContent, settings: Settings, large: Film) -> None:
    """What was left of an upload an hour ago can never be published, so a new one is made."""
    kept = Notes(dies_after(2))
    fake.faults({"on": "post", "what": "expire", "value": 3600})
    with pytest.raises(DiedError):
        act(settings, an_order(a_post(large), kept))
    fake.desk.posts[kept.last["publish_id"]].good_for_s = 0
    with pytest.raises(ProviderDownError, match="expired"):
        act(settings, an_order(a_post(large), kept))

    assert kept.last == {}
    assert act(settings, an_order(a_post(large), kept)).reference == published(fake)["post_id"]


def forgotten(fake: FakeTikTokContent, kept: Notes) -> None:
    """TikTok does not know the post any more."""
    del fake.desk.posts[kept.last["publish_id"]]


def disconnected(fake: FakeTikTokContent, kept: Notes) -> None:
    """The account has taken its token back."""
    fake.faults({"on": "status", "what": "code", "code": "access_token_invalid"})


@pytest.mark.parametrize("happens", [forgotten, disconnected])
@pytest.mark.parametrize("method", [act, find])
def test_a_full_upload_that_nobody_can_tell_of_is_unknown(
    fake: FakeTikTokContent,
    settings: Settings,
    small: Film,
    happens: Callable[[FakeTikTokContent, Notes], None],
    method: Callable[[Settings, EffectOrder], Any],
) -> None:
    """All bytes may have arrived, and TikTok does not say: a person decides, and nothing is sent again."""
    kept = Notes(dies_after(2))
    with pytest.raises(DiedError):
        act(settings, an_order(a_post(small), kept))
    happens(fake, kept)
    with pytest.raises(EffectUnknownError):
        method(settings, an_order(a_post(small), kept))

    assert fake.counts["upload"] == 1


@pytest.mark.parametrize("method", [act, find])
def test_a_full_upload_is_never_called_undone(
    fake: FakeTikTokContent, settings: Settings, small: Film, method: Callable[[Settings, EffectOrder], Any]
) -> None:
    """TikTok is down after the bytes have arrived: that is begun, not undone."""
    kept = Notes(dies_after(2))
    with pytest.raises(DiedError):
        act(settings, an_order(a_post(small), kept))
    fake.faults({"on": "status", "what": "status"})
    with pytest.raises(EffectPendingError):
        method(settings, an_order(a_post(small), kept))


def test_a_persons_word_counts_where_tiktok_is_silent(fake: FakeTikTokContent, settings: Settings, small: Film) -> None:
    """TikTok has forgotten the upload and a person says that it is not out: it is made anew."""
    kept = Notes(dies_after(2))
    with pytest.raises(DiedError):
        act(settings, an_order(a_post(small), kept))
    forgotten(fake, kept)
    said = an_order(a_post(small), kept, progress={**kept.last, "asked_again": True})
    with pytest.raises(ProviderDownError, match="a person says"):
        find(settings, said)

    assert act(settings, an_order(a_post(small), kept)).reference == published(fake)["post_id"]


def test_a_partial_upload_that_was_forgotten_starts_over(
    fake: FakeTikTokContent, settings: Settings, large: Film
) -> None:
    """With chunks missing it cannot be out, so nobody needs to decide."""
    kept = Notes(dies_after(2))
    with pytest.raises(DiedError):
        act(settings, an_order(a_post(large), kept))
    forgotten(fake, kept)
    with pytest.raises(ProviderDownError):
        find(settings, an_order(a_post(large), kept))

    assert act(settings, an_order(a_post(large), kept)).reference == published(fake)["post_id"]


def test_without_a_token_it_says_which_setting(fake: FakeTikTokContent, tmp_path: Path, small: Film) -> None:
    """The name of what is missing; once something was begun, not having it is no no."""
    settings = real_settings(fake.base_url, tmp_path, tiktok_access_token=None)
    assert "TIKTOK_ACCESS_TOKEN" in refusal(settings, a_post(small)).message
    assert find(settings, an_order(a_post(small))) is None

    kept = Notes(dies_after(2))
    with pytest.raises(DiedError):
        act(real_settings(fake.base_url, tmp_path), an_order(a_post(small), kept))
    for method in (act, find):
        with pytest.raises(EffectUnknownError, match="TIKTOK_ACCESS_TOKEN"):
            method(settings, an_order(a_post(small), kept))


def test_nobody_at_the_address_is_tried_later(tmp_path: Path) -> None:
    """No connection: nothing happened."""
    settings = real_settings("http://127.0.0.1:9", tmp_path)
    file = kept_film(settings)
    with pytest.raises(ProviderDownError, match="ConnectError"):
        act(settings, an_order(a_post(file)))


def test_a_wrong_address_names_the_setting(fake: FakeTikTokContent, tmp_path: Path, small: Film) -> None:
    """A 404 that is not TikTok's own is our setting."""
    settings = real_settings(fake.base_url + "/nowhere", tmp_path)

    assert "TIKTOK_OPEN_API_URL" in refusal(settings, a_post(small)).message


def test_the_token_is_in_no_log_and_no_error(
    fake: FakeTikTokContent, settings: Settings, small: Film, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the account's token nor that of the upload address is written anywhere but into the progress."""
    fake.faults({"on": "upload", "what": "status", "times": 4})
    kept = Notes()
    with caplog.at_level(logging.DEBUG), pytest.raises(EffectPendingError) as later:
        act(settings, an_order(a_post(small), kept))
    upload_token = kept.last["upload_url"].rpartition("=")[2]

    assert upload_token
    for text in (caplog.text, str(later.value)):
        assert f"act.{HANDLE}" not in text
        assert upload_token not in text
