"""Publishing by the Business API, against the fake over HTTP: one call publishes, and a lost answer is read back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.fakes.tiktok_content import FakeTikTokContent
from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.registry import effect_of
from shared.errors import EffectPendingError, EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.media.films import Film
from tests.support.publishing import (
    DiedError,
    Notes,
    a_post,
    an_order,
    dies_after,
    kept_film,
    real_settings,
    served,
)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Real mode, with the assets where TikTok can fetch them."""
    folder = tmp_path / "assets"
    folder.mkdir()
    with served(folder) as url:
        yield real_settings("http://127.0.0.1:9", tmp_path, asset_public_url=url)


@pytest.fixture
def fake(settings: Settings) -> Iterator[FakeTikTokContent]:
    """A fake for which each look at the clock is a second later: tests ask faster than ten times a second."""
    assert settings.asset_public_url is not None
    seconds = itertools.count(1_795_000_000)
    with FakeTikTokContent(verified=(settings.asset_public_url,), clock=lambda: float(next(seconds))) as one:
        yield one


@pytest.fixture
def video(settings: Settings) -> Film:
    return kept_film(settings)


def order_for(video: Film, kept: Notes | None = None, **changes: Any) -> EffectOrder:
    return an_order(a_post(video, back_end="business", **changes), kept)


def act(fake: FakeTikTokContent, settings: Settings, order: EffectOrder) -> Receipt:
    return asyncio.run(effect_of("publish_video", at(fake, settings)).act(order))


def find(fake: FakeTikTokContent, settings: Settings, order: EffectOrder) -> Receipt | None:
    return asyncio.run(effect_of("publish_video", at(fake, settings)).find(order))


def at(fake: FakeTikTokContent, settings: Settings) -> Settings:
    return settings.model_copy(update={"tiktok_business_api_url": fake.base_url})


def published(fake: FakeTikTokContent) -> list[JsonObject]:
    for pulling in fake.desk.pulling:
        pulling.join(10)
    return [row for row in fake.desk.books() if row["is_accepted"]]


def test_tiktok_fetches_the_video(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """The bytes behind the address are those that were approved; the receipt leads to the post."""
    receipt = act(fake, settings, order_for(video, brand_organic_toggle=True))

    (row,) = published(fake)
    assert row["sha256"] == video.sha256
    assert (row["post_info"]["is_brand_organic"], row["post_info"]["is_ai_generated"]) == (True, True)
    assert receipt.reference == row["post_id"]
    assert receipt.vendor == "tiktok-business"


@pytest.mark.parametrize(
    "fault", [{"what": "cut"}, {"what": "status", "status": 502}, {"what": "code", "code": "50000"}]
)
def test_a_lost_answer_is_read_back(
    fake: FakeTikTokContent, settings: Settings, video: Film, fault: JsonObject
) -> None:
    """TikTok had acted and did not say so: the post is found in the account's list, and there is one."""
    act(fake, settings, order_for(video))
    fake.faults({"on": "business_publish", "after": True, **fault})
    receipt = act(fake, settings, order_for(video))

    rows = published(fake)
    assert len(rows) == 2, "an earlier post with the same caption, and this one"
    assert receipt.reference == rows[1]["post_id"]
    assert fake.counts["business_publish"] == 2


@pytest.mark.parametrize("fault", [{"what": "cut"}, {"what": "status", "status": 502}])
def test_an_answer_that_is_lost_for_good_is_for_a_person(
    fake: FakeTikTokContent, settings: Settings, video: Film, fault: JsonObject
) -> None:
    """Nothing shows: it may still come, so the call is not made again, however often it is looked at."""
    fake.faults({"on": "business_publish", **fault})
    kept = Notes()
    for _ in range(2):
        with pytest.raises(EffectUnknownError, match="no new post"):
            act(fake, settings, order_for(video, kept))
    with pytest.raises(EffectUnknownError):
        find(fake, settings, order_for(video, kept))

    assert fake.counts["business_publish"] == 1


def test_a_persons_word_counts_where_tiktok_is_silent(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """A person says that it did not happen: it is looked for once more, and made."""
    fake.faults({"on": "business_publish", "what": "cut"})
    kept = Notes()
    with pytest.raises(EffectUnknownError):
        act(fake, settings, order_for(video, kept))
    said = replace(order_for(video, kept), progress={**kept.last, "asked_again": True})

    assert find(fake, settings, said) is None
    assert [row["post_id"] for row in published(fake)] == []
    assert act(fake, settings, said).reference == published(fake)[0]["post_id"]


def test_a_wrong_word_of_a_person_does_not_post_twice(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """It shows after all: what is there is the receipt."""
    kept = Notes(dies_after(1))
    with pytest.raises(DiedError):
        act(fake, settings, order_for(video, kept))
    act(fake, settings, order_for(video))
    said = replace(order_for(video, kept), progress={**kept.last, "asked_again": True})
    receipt = find(fake, settings, said)

    assert receipt is not None
    assert [row["post_id"] for row in published(fake)] == [receipt.reference]


def test_two_posts_that_could_be_it_are_for_a_person(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """Somebody posted the same caption meanwhile: which one is ours, the list does not tell."""
    kept = Notes(dies_after(1))
    with pytest.raises(DiedError):
        act(fake, settings, order_for(video, kept))
    for number in range(2):
        act(fake, settings, order_for(video))
        assert len(published(fake)) == number + 1
    with pytest.raises(EffectUnknownError, match="several new posts"):
        find(fake, settings, order_for(video, kept))


def test_a_death_before_the_call_is_not_repeated_blindly(
    fake: FakeTikTokContent, settings: Settings, video: Film
) -> None:
    """Killed between the note and the call: from outside that is the same as a lost answer."""
    kept = Notes(dies_after(1))
    with pytest.raises(DiedError):
        act(fake, settings, order_for(video, kept))
    with pytest.raises(EffectUnknownError):
        find(fake, settings, order_for(video, kept))

    assert fake.counts["business_publish"] == 0


def test_a_death_after_the_call_goes_on_waiting(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """Killed with the id in hand: the next attempt asks for its status."""
    kept = Notes(dies_after(2))
    with pytest.raises(DiedError):
        act(fake, settings, order_for(video, kept))
    receipt = find(fake, settings, order_for(video, kept))

    assert receipt is not None
    assert [row["post_id"] for row in published(fake)] == [receipt.reference]
    assert fake.counts["business_publish"] == 1


def test_nothing_was_done_before_the_first_note(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """Without progress the call was surely not made."""
    assert find(fake, settings, order_for(video)) is None


@pytest.mark.parametrize("code", ["40001", "40002", "40050", "40104", "40105"])
def test_a_clear_no_is_refused(fake: FakeTikTokContent, settings: Settings, video: Film, code: str) -> None:
    """The code is the reason; nothing is left in doubt."""
    fake.faults({"on": "business_publish", "what": "code", "code": code})
    kept = Notes()
    with pytest.raises(EffectRefusedError) as refused:
        act(fake, settings, order_for(video, kept))

    assert refused.value.reason == code
    assert kept.last == {}


@pytest.mark.parametrize("code", ["40016", "40100", "40132", "40133", "60001"])
def test_what_may_pass_is_tried_later(fake: FakeTikTokContent, settings: Settings, video: Film, code: str) -> None:
    """Throttled or in maintenance: TikTok did not act, and the next attempt asks again."""
    fake.faults({"on": "business_publish", "what": "code", "code": code})
    kept = Notes()
    with pytest.raises(ProviderDownError):
        act(fake, settings, order_for(video, kept))

    assert act(fake, settings, order_for(video, kept)).url is not None
    assert len(published(fake)) == 1


def test_a_failed_post_is_refused(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """The reason of the status is the reason."""
    fake.faults({"on": "post", "what": "fail", "value": "spam_risk_text"})
    with pytest.raises(EffectRefusedError) as refused:
        act(fake, settings, order_for(video))

    assert refused.value.reason == "spam_risk_text"


def test_a_fetch_that_failed_is_tried_anew(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """TikTok could not fetch the file: that post is not out, and the next attempt makes another."""
    fake.faults({"on": "post", "what": "fail", "value": "video_pull_failed"})
    kept = Notes()
    with pytest.raises(ProviderDownError, match="video_pull_failed"):
        act(fake, settings, order_for(video, kept))

    assert act(fake, settings, order_for(video, kept)).url is not None


def test_an_address_that_has_no_file_fails(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """TikTok takes nothing but a 200 for the video."""
    elsewhere = settings.model_copy(update={"asset_public_url": f"{settings.asset_public_url}/missing"})
    with pytest.raises(ProviderDownError, match="video_pull_failed"):
        act(fake, elsewhere, order_for(video))

    assert published(fake) == []


def test_another_account_is_refused(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """The token is of the wrong account: refused before anything is asked for."""
    with pytest.raises(EffectRefusedError) as refused:
        act(fake, settings, order_for(video, handle="somebody_else"))

    assert refused.value.reason == "wrong_account"
    assert fake.counts["business_publish"] == 0


def test_missing_settings_are_named_together(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """One message names all that the back end needs."""
    bare = settings.model_copy(update={"tiktok_business_token": None, "asset_public_url": None})
    with pytest.raises(EffectRefusedError, match="TIKTOK_BUSINESS_TOKEN, ASSET_PUBLIC_URL"):
        act(fake, bare, order_for(video))


def test_a_throttled_search_goes_on_later(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """The lost answer is still looked for in the next attempt, and the call is not made again."""
    fake.faults({"on": "business_publish", "what": "cut", "after": True})
    fake.faults({"on": "business_list", "what": "code", "code": "40100", "skip": 1})
    kept = Notes()
    with pytest.raises(EffectPendingError):
        act(fake, settings, order_for(video, kept))
    receipt = act(fake, settings, order_for(video, kept))

    assert [row["post_id"] for row in published(fake)] == [receipt.reference]
    assert fake.counts["business_publish"] == 1


def test_a_look_that_fails_is_repeated(fake: FakeTikTokContent, settings: Settings, video: Film) -> None:
    """A throttled look while it waits does not end the attempt."""
    fake.faults({"on": "business_status", "what": "code", "code": "40100", "skip": 1})
    fake.faults({"on": "post", "what": "processing", "value": 3})

    assert act(fake, settings, order_for(video)).url is not None
