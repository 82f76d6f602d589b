"""The Studio client over the fake Studio and in mock mode: orders, waiting, files, tokens, and what breaks."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from local.fakes.studio import STUDIO_EMAIL, FakeStudio
from local.signer import Signer, certs_server
from shared.config import current_settings
from shared.core.canonical import Json
from shared.core.money import ZERO
from shared.core.status import CallOutcome
from shared.errors import (
    InvalidInputError,
    NotEnoughSettingsError,
    ProviderDownError,
    ProviderRefusedError,
    SuspendedError,
)
from shared.providers.assets import Assets
from shared.providers.google_identity import id_token
from shared.providers.studio import (
    Order,
    approved_asset,
    fetch_asset_to_local,
    quote_generations,
    request_generation,
    wait_for_approval,
)
from shared.providers.studio_wire import NO_LOGO_NO_TEXT, Generation, StudioBrief, wake_key
from shared.trace.journal import Signal, wait_for
from tests.support.model_calls import WORKSPACE, MemoryJournalStore, in_run, settings_as
from tests.support.serving import answering
from tests.support.studio import BRIEF, MOST, decide, listening, mock_studio, real_studio

T = TypeVar("T")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[FakeStudio]:
    """Real mode against a fake of its own."""
    with real_studio(tmp_path) as fake:
        yield fake


def by(run: int = 1, place: str = "post-1") -> Order:
    return Order(WORKSPACE, UUID(int=run), place)


async def order(brief: StudioBrief = BRIEF, whose: Order | None = None, most_usd: Decimal = MOST) -> Generation:
    made, _ = await request_generation(brief, whose or by(), most_usd=most_usd)
    return made


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def test_an_order_forbids_logos_and_text(studio: FakeStudio) -> None:
    """Whatever the prompt says, the brief that arrives forbids logos and on-screen text in so many words."""
    run(order(StudioBrief(prompt="Show our logo large, with the price as text.", duration_s=5)))
    (row,) = studio.desk.bill()["generations"]

    assert row["brief"]["instructions"] == NO_LOGO_NO_TEXT
    assert row["brief"]["forbid"] == ["logo", "on_screen_text"]


def test_the_price_is_known_before(studio: FakeStudio) -> None:
    """Quotes are asked first; more than is allowed orders nothing, and says how much it would be."""
    (quote,) = run(quote_generations([BRIEF], most_usd=MOST))

    assert quote.cost_usd == Decimal("0.80")
    with pytest.raises(InvalidInputError, match=r"max_studio_usd: Studio asks \$1.6000 for this; allowed: \$1.0000"):
        run(quote_generations([BRIEF, BRIEF], most_usd=MOST))
    assert studio.desk.bill()["generations"] == []


def test_studio_holds_the_limit_too(studio: FakeStudio) -> None:
    """An order names what it may cost: Studio refuses rather than charge more."""
    with pytest.raises(ProviderRefusedError, match="cost_above_limit") as refused:
        run(order(most_usd=Decimal("0.79")))

    assert refused.value.reason == "cost_above_limit"
    assert studio.desk.bill()["total_usd"] == "0"


def test_the_same_order_twice_is_one(studio: FakeStudio) -> None:
    """The same run, place and brief is the same generation; with another of these it is another."""
    first, again = run(order()), run(order())
    others = [
        run(order(whose=by(place="post-2"))),
        run(order(whose=by(run=2))),
        run(order(BRIEF.model_copy(update={"duration_s": 11}))),
    ]

    assert first.id == again.id
    assert len({first.id, *(other.id for other in others)}) == 4
    assert studio.desk.bill()["total_usd"] == "3.23"


@pytest.mark.parametrize("fault", ["cut", "503:after", "503", "429"])
def test_a_lost_answer_orders_nothing_twice(studio: FakeStudio, fault: str) -> None:
    """An order whose answer was lost is asked again under the same key: one generation, one charge, cost told once."""
    studio.script(fault)
    first, second = MemoryJournalStore(), MemoryJournalStore()
    with pytest.raises(ProviderDownError):
        in_run(order, first)
    made = in_run(order, second, after=first)

    assert [row["id"] for row in studio.desk.bill()["generations"]] == [made.id]
    assert (first.one().outcome, second.one().outcome) == (CallOutcome.FAILED, CallOutcome.PAID)
    lost, paid = first.one().answer, second.one().answer
    assert lost is not None
    assert paid is not None
    assert (lost.cost_known, paid.cost_usd) == (False, Decimal("0.80"))


def test_an_order_is_remembered(studio: FakeStudio) -> None:
    """An attempt after a crash, or a run that does the step again, answers the order from the journal: Studio is not
    asked, and it costs nothing again."""
    first = MemoryJournalStore()
    made = in_run(order, first)

    async def again() -> tuple[Generation, Decimal]:
        return await request_generation(BRIEF, by(run=2), most_usd=MOST)

    assert in_run(again, MemoryJournalStore(), after=first) == (made, ZERO)
    assert studio.desk.bill()["counts"]["generations"] == 1


class Crash(BaseException):
    """The process dies: nothing after this is written."""


class DyingStore(MemoryJournalStore):
    """A journal whose process dies before it writes the answer of a billable call."""

    def finish(self, row: Any) -> None:
        raise Crash


def test_a_crash_after_the_order(studio: FakeStudio) -> None:
    """Dead between asking and writing down: the next attempt is in doubt, asks again, and gets the same generation."""
    dead = DyingStore()
    with pytest.raises(Crash):
        in_run(order, dead)
    again = MemoryJournalStore()
    made = in_run(order, again, after=dead)

    assert again.in_doubt == {dead.one().id}
    assert [row["id"] for row in studio.desk.bill()["generations"]] == [made.id]


def approval(made: Generation) -> Callable[[], Coroutine[Any, Any, Generation]]:
    async def waited() -> Generation:
        return await wait_for_approval(wait_for, made)

    return waited


def test_waiting_suspends(studio: FakeStudio) -> None:
    """While nobody has decided, the step is suspended on the generation's key; Studio is not asked at all."""
    made = run(order())
    with pytest.raises(SuspendedError) as suspended:
        in_run(approval(made), MemoryJournalStore())

    assert (suspended.value.wake_key, suspended.value.timeout_s) == (wake_key(made.id), 604_800)
    assert "read" not in studio.desk.bill()["counts"]


def test_a_decision_wakes(studio: FakeStudio) -> None:
    """A signal wakes, and the decision is read from Studio, with who took it."""
    made = run(order())
    decide(studio, made.id, note="lovely")
    store = MemoryJournalStore(signals={wake_key(made.id): Signal({"status": "approved"})})
    found = in_run(approval(made), store)

    assert (found.status, found.decision.by if found.decision else "") == ("approved", "Kim")
    assert studio.desk.bill()["counts"]["read"] == 1


def test_a_forged_signal_approves_nothing(studio: FakeStudio) -> None:
    """A signal that says approved while Studio knows of no decision is not believed; later it may be true."""
    made = run(order())
    forged = MemoryJournalStore(signals={wake_key(made.id): Signal({"status": "approved"})})
    with pytest.raises(ProviderDownError, match="awaiting_approval still"):
        in_run(approval(made), forged)
    decide(studio, made.id)

    assert in_run(approval(made), MemoryJournalStore(signals=forged.signals), after=forged).status == "approved"


@pytest.mark.parametrize("is_decided", [True, False])
def test_time_over_looks_once_more(studio: FakeStudio, is_decided: bool) -> None:
    """When the time is over the status is read once: a callback may have been lost; undecided is an end."""
    made = run(order())
    if is_decided:
        decide(studio, made.id)
    store = MemoryJournalStore(signals={wake_key(made.id): Signal(None)})
    if is_decided:
        assert in_run(approval(made), store).status == "approved"
    else:
        with pytest.raises(ProviderRefusedError, match="nobody decided about the render gen_000001 within 604800 s"):
            in_run(approval(made), store)
    assert studio.desk.bill()["counts"]["read"] == 1


@pytest.mark.parametrize(
    ("status", "told"), [("rejected", "rejected by Kim: too dark"), ("failed", "failed by Kim"), ("expired", "expired")]
)
def test_a_no_is_told(studio: FakeStudio, status: str, told: str) -> None:
    """Who said no, and why, is what the error says."""
    made = run(order())
    decide(studio, made.id, status, note="too dark")
    store = MemoryJournalStore(signals={wake_key(made.id): Signal({})})
    found = in_run(approval(made), store)

    with pytest.raises(ProviderRefusedError, match=told):
        approved_asset(found)


@pytest.mark.parametrize(("fault", "status"), [("reject", "rejected"), ("fail", "failed"), ("expire", "expired")])
def test_decided_at_once_is_not_waited_for(studio: FakeStudio, fault: str, status: str) -> None:
    """An order that comes back decided needs no waiting."""
    studio.script(fault)
    made = run(order())

    assert in_run(approval(made), MemoryJournalStore()).status == made.status == status


def test_polls_may_approve(studio: FakeStudio) -> None:
    """The fake's switch approves what was looked at often enough."""
    made = run(order())
    studio.desk.approve_after_polls = 2
    store = MemoryJournalStore(signals={wake_key(made.id): Signal({})})
    with pytest.raises(ProviderDownError):
        in_run(approval(made), store)

    assert in_run(approval(made), store).status == "approved"


def approved(studio: FakeStudio) -> Generation:
    made = run(order())
    decide(studio, made.id)
    store = MemoryJournalStore(signals={wake_key(made.id): Signal({})})
    return in_run(approval(made), store)


def test_the_file_is_fetched_once(studio: FakeStudio) -> None:
    """The approved file lies among the assets under its sha-256; a second fetch asks nobody."""
    made = approved(studio)
    first, again = run(fetch_asset_to_local(made)), run(fetch_asset_to_local(made))

    assert first == again
    assert first.path.read_bytes() == studio.desk.film
    assert studio.desk.bill()["counts"]["download"] == 1


def test_a_broken_stream_is_taken_up(studio: FakeStudio) -> None:
    """A download that breaks off goes on where it did: the parts make up the whole."""
    made = approved(studio)
    studio.script("short", "short", "ok")
    kept = run(fetch_asset_to_local(made))

    assert kept.path.read_bytes() == studio.desk.film
    assert studio.desk.bill()["counts"]["download"] == 3


@pytest.mark.parametrize(
    ("faults", "error", "told"),
    [
        (["short"] * 9, ProviderDownError, "broke off after"),
        (["damaged"], ProviderDownError, "damaged on its way"),
        (["html"], ProviderRefusedError, "no MP4, MOV, Matroska or WebM"),
        (["503"], ProviderDownError, "503 scripted"),
        (["404"], ProviderRefusedError, "404 scripted"),
    ],
)
def test_a_bad_download_leaves_nothing(
    studio: FakeStudio, tmp_path: Path, faults: list[str], error: type[Exception], told: str
) -> None:
    """What is not the announced film is not kept, not even in part."""
    made = approved(studio)
    studio.script(*faults)
    with pytest.raises(error, match=told):
        run(fetch_asset_to_local(made))

    assert [file for file in (tmp_path / "assets").rglob("*") if file.is_file()] == []


def test_a_fetch_is_done_again_where_the_file_is_gone(studio: FakeStudio) -> None:
    """Another machine remembers the fetch and has no file: it is fetched once more."""
    made, first = approved(studio), MemoryJournalStore()

    async def fetch() -> Path:
        return (await fetch_asset_to_local(made)).path

    in_run(fetch, first).unlink()

    assert in_run(fetch, MemoryJournalStore(), after=first).exists()


def test_too_large_is_not_begun(studio: FakeStudio) -> None:
    """A file that is announced over the limit, or as something else, is not downloaded."""
    made = approved(studio)
    assert made.asset is not None
    huge = made.model_copy(update={"asset": made.asset.model_copy(update={"bytes": 2_000_000_000})})
    page = made.model_copy(update={"asset": made.asset.model_copy(update={"content_type": "text/html"})})

    for odd, told in ((huge, "allowed: 1000000000"), (page, "'text/html'; allowed: video/mp4")):
        with pytest.raises(ProviderRefusedError, match=told):
            run(fetch_asset_to_local(odd))
    assert "download" not in studio.desk.bill()["counts"]


def test_studio_knows_who_asks(tmp_path: Path) -> None:
    """Without a token, with one for somebody else, or of another key, Studio does nothing."""
    with real_studio(tmp_path, studio_audience="https://elsewhere.example") as fake:
        with pytest.raises(ProviderRefusedError, match="another audience"):
            run(order())
        strange = Signer(tmp_path / "strange").task_token("doors@x", fake.url)
        for headers in ({}, {"Authorization": f"Bearer {strange}"}):
            request = urllib.request.Request(f"{fake.url}/v1/quotes", b"{}", headers, method="POST")
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(request, timeout=10)

    assert fake.desk.bill()["generations"] == []


def test_the_callback_is_signed(tmp_path: Path) -> None:
    """A decision is told to the order's address, with what the order gave along and a token for that address."""
    with listening() as heard, real_studio(tmp_path, studio_callback_url=heard.url) as fake:
        made = run(order())
        told = decide(fake, made.id)["told"]
    ((headers, body),) = heard.posts

    assert told == 204
    assert (body["generation_id"], body["metadata"]) == (
        made.id,
        {"workspace_id": str(WORKSPACE), "run_id": str(UUID(int=1))},
    )
    claims = json.loads(_payload(headers["Authorization"].split(".")[1]))
    assert (claims["aud"], claims["email"]) == (heard.url, STUDIO_EMAIL)


def _payload(part: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_tokens_are_kept(tmp_path: Path) -> None:
    """One token serves many calls, for each audience its own."""
    with answering(certs_server(Signer(tmp_path), 0)) as url, settings_as(metadata_url=url):
        settings = current_settings()
        first, again = run(id_token("https://a.example", settings)), run(id_token("https://a.example", settings))
        other = run(id_token("https://b.example", settings))

    assert first == again != other


def test_no_identity_is_a_setting(tmp_path: Path) -> None:
    """An address that is no metadata server is named by its setting; one that does not answer may do so later."""

    def asked(url: str) -> str:
        with settings_as(metadata_url=url):
            return run(id_token("https://c.example", current_settings()))

    with listening() as heard, pytest.raises(ProviderDownError, match="answered 501"):
        asked(heard.url)
    with pytest.raises(ProviderDownError, match="did not answer"):
        asked("http://127.0.0.1:1")
    with (
        answering(certs_server(Signer(tmp_path), 0)) as url,
        pytest.raises(NotEnoughSettingsError, match="METADATA_URL"),
    ):
        asked(f"{url}/elsewhere")


def test_real_mode_needs_an_address() -> None:
    """Without STUDIO_URL the setting is named."""
    with settings_as(tiktok_provider_mode="real", studio_url=None), pytest.raises(NotEnoughSettingsError, match="URL"):
        run(order())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"brief": {"kind": "video", "duration_s": 5, "aspect_ratio": "16:9", "prompt": "x"}}, "house_rules"),
        ({"brief": {"kind": "video", "duration_s": 900, "aspect_ratio": "16:9", "prompt": "x"}}, "invalid_brief"),
        ({"brief": "x"}, "invalid_brief"),
        ({}, "invalid_brief"),
    ],
)
def test_studio_refuses_bad_briefs(studio: FakeStudio, tmp_path: Path, body: Json, code: str) -> None:
    """The fake holds the rules of the page: a brief that does not forbid logos and text is no brief."""
    token = Signer(tmp_path / "signer").task_token("doors@x", studio.url)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    request = urllib.request.Request(f"{studio.url}/v1/generations", json.dumps(body).encode(), headers, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)

    assert json.loads(refused.value.read())["error"]["code"] == code


def test_mock_studio_needs_nobody(tmp_path: Path) -> None:
    """In mock mode an order is approved at once and gives a real film, the same for the same order; nothing is waited
    for and no address is needed."""
    with mock_studio(tmp_path) as settings:
        made, again = run(order()), run(order())
        found = in_run(approval(made), MemoryJournalStore())
        kept = run(fetch_asset_to_local(found))

        assert made == again
        assert (made.status, made.cost_usd) == ("approved", Decimal("0.60"))
        assert Assets(settings.assets_folder).find(kept.sha256) == kept
        with pytest.raises(ProviderRefusedError, match="over"):
            run(order(most_usd=Decimal("0.1")))
