"""Tokens of connected accounts at work: chosen for the run, renewed once, and never broken in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from local.drill.until import until
from local.fakes.secret_manager import FakeSecretManager
from local.fakes.tiktok_content import FakeTikTokContent
from local.fakes.tiktok_shop import FakeTikTokShop
from local.fakes.tiktok_shop_desk import APP_KEY, APP_SECRET, CIPHER, REFRESH
from local.fakes.tiktok_tokens import CLIENT_KEY, CLIENT_SECRET
from shared.agents.registry import AGENT_REGISTRY
from shared.config import current_settings, use_settings
from shared.core.accounts import Vendor
from shared.core.ids import new_id
from shared.core.scrub import scrubbed
from shared.effects.registry import effect_of
from shared.engine.accounts import disconnect_account
from shared.engine.members import Member
from shared.engine.rooms import Rooms
from shared.errors import AccountUnusableError, EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.providers.accounts.access import AccountAccess, Asked, account_access
from shared.providers.accounts.tokens import Tokens, secret_name
from shared.providers.tiktok_business import business_reading
from shared.providers.tiktok_content import CreatorInfo, content_posting
from shared.providers.tiktok_shop import shop_api
from shared.secrets.files import FileSecrets
from shared.secrets.store import secret_store
from tests.engine.test_publish import PublishingAgent, approved, delivered, effect_of_run
from tests.support.connecting import at_fake, connected, expired, row_of
from tests.support.publishing import HANDLE, a_post, an_order
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, workflow

WANTED = Vendor.TIKTOK


@pytest.fixture
def fake() -> Iterator[FakeTikTokContent]:
    with FakeTikTokContent() as one:
        yield one


@pytest.fixture
def real(rooms: Rooms, fake: FakeTikTokContent, tmp_path: Path) -> Rooms:
    return at_fake(rooms, fake.base_url, tmp_path)


def asked(workspace: UUID, handle: str | None = HANDLE, vendor: Vendor = WANTED, run_id: UUID | None = None) -> Asked:
    return Asked(vendor, workspace, run_id=run_id, handle=handle)


def access(real: Rooms, whose: Asked) -> AccountAccess:
    found = asyncio.run(account_access(whose, real.settings))
    assert found is not None
    return found


def creator(real: Rooms, whose: Asked) -> CreatorInfo:
    """What TikTok says of the account: a call that carries its token."""

    async def within() -> CreatorInfo:
        async with content_posting(real.settings, whose) as api:
            return await api.creator_info()

    return asyncio.run(within())


def unusable(real: Rooms, whose: Asked) -> AccountUnusableError:
    with pytest.raises(AccountUnusableError) as refused:
        access(real, whose)
    return refused.value


# Which account.


def test_each_workspace_acts_as_its_own(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """Two accounts here, another elsewhere: each call carries the token of the handle that it is for."""
    elsewhere = uuid4()
    for where, name in ((workspace, HANDLE), (workspace, "second"), (elsewhere, "third")):
        connected(real, where, fake.pairs.issue(name), handle=name)

    assert creator(real, asked(workspace)).creator_username == HANDLE
    assert creator(real, asked(workspace, "second")).creator_username == "second"
    assert creator(real, asked(elsewhere, "third")).creator_username == "third"


def test_nobody_takes_an_account_of_elsewhere(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """Neither an account of another workspace nor the settings' token answers for a workspace that has none."""
    connected(real, workspace, fake.pairs.issue(HANDLE))
    with_token = replace(real, settings=real.settings.model_copy(update={"tiktok_access_token": None}))

    refused = unusable(with_token, asked(uuid4()))
    assert refused.reason == "account_missing"
    assert "army accounts connect tiktok" in refused.message
    assert sum(fake.counts.values()) == 0


def test_the_settings_are_one_workspaces(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """Their token counts in ARMY_WORKSPACE_ID, while that has connected nothing of the vendor."""
    ours = replace(real, settings=real.settings.model_copy(update={"army_workspace_id": workspace}))

    assert asyncio.run(account_access(asked(workspace), ours.settings)) is None
    account_id = connected(ours, workspace, fake.pairs.issue("second"), handle="second")
    assert unusable(ours, asked(workspace)).reason == "account_missing"
    disconnect_account(account_id, Member(workspace, "bo", ("admin",)), ours)
    assert unusable(ours, asked(workspace, "second")).reason == "account_disconnected"


def test_a_brand_has_its_own(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """A run of a brand takes the brand's shop, else one for all; never another brand's. Several are a question."""
    brands = [new_id() for _ in range(3)]
    for brand in brands:
        values = {"name": "b", "voice": "", "guidelines": "", "banned_terms": []}
        real.store.move(workspace, "create_brand", workspace_id=workspace, id=brand, **values)
    runs = [started(workflow(step("a")), workspace, real, brief={"brand_id": str(brand)}).run_id for brand in brands]
    none = started(workflow(step("a")), workspace, real).run_id
    for shop, brand in (("1", brands[0]), ("2", brands[1])):
        pair = {"access_token": f"TTP_{shop}", "open_id": shop}
        connected(real, workspace, pair, vendor=Vendor.SHOP, handle=None, brand_id=brand, cipher="c")

    def of(run_id: UUID) -> Asked:
        return asked(workspace, None, Vendor.SHOP, run_id)

    assert [access(real, of(run_id)).external_id for run_id in runs[:2]] == ["1", "2"]
    assert unusable(real, of(runs[2])).reason == "account_of_another_brand"
    assert unusable(real, of(none)).reason == "account_ambiguous"
    pair = {"access_token": "TTP_3", "open_id": "3"}
    connected(real, workspace, pair, vendor=Vendor.SHOP, handle=None, cipher="c")
    assert [access(real, of(run_id)).external_id for run_id in (*runs, none)] == ["1", "2", "3", "3"]


# Renewing.


@pytest.mark.parametrize("left_s", [-5.0, 60.0], ids=["over", "soon over"])
def test_a_token_is_renewed_before_it_is_used(
    real: Rooms, workspace: UUID, fake: FakeTikTokContent, left_s: float
) -> None:
    """The vendor never sees the old one; the new pair is a new version, the old one is destroyed."""
    account_id = connected(real, workspace, expired(fake), left_s=left_s)
    before = row_of(real, workspace, account_id)

    assert creator(real, asked(workspace)).creator_username == HANDLE
    after = row_of(real, workspace, account_id)
    assert (fake.counts["oauth"], fake.counts["creator_info"]) == (1, 1)
    assert (after.status, after.secret_ref != before.secret_ref) == ("connected", True)
    assert after.access_expires_at > before.access_expires_at
    folder = real.settings.army_home / "secrets" / secret_name(workspace, account_id)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("vendor", [Vendor.TIKTOK, Vendor.BUSINESS])
def test_a_token_that_is_refused_is_renewed_once(
    real: Rooms, workspace: UUID, fake: FakeTikTokContent, vendor: Vendor
) -> None:
    """It ran out earlier than was told: the call is made again with another, and counts as one."""
    connected(real, workspace, expired(fake), vendor=vendor)

    async def named() -> str:
        async with business_reading(real.settings, asked(workspace, vendor=vendor)) as api:
            return await api.username()

    found = creator(real, asked(workspace)).creator_username if vendor is WANTED else asyncio.run(named())
    assert found == HANDLE
    assert fake.counts["oauth"] + fake.counts["business_oauth"] == 1


def test_eight_at_once_renew_once(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """A refresh token is good once: eight executors find it over, one renews, all go on with the same new token."""
    connected(real, workspace, expired(fake), left_s=-5)
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: access(real, asked(workspace)).token, range(8)))

    assert fake.counts["oauth"] == 1
    assert len(tokens) == 1


def test_a_shops_token_is_renewed(rooms: Rooms, workspace: UUID, tmp_path: Path) -> None:
    """105002 at the first call; the renewed pair keeps the cipher, and the next process finds it."""
    with FakeTikTokShop() as fake:
        fake.desk.tokens = {"TTP_old": 0.0}
        changes = {"tiktok_shop_api_url": fake.base_url, "tiktok_shop_auth_url": fake.base_url}
        app = {"tiktok_shop_app_key": APP_KEY, "tiktok_shop_app_secret": APP_SECRET}
        real = at_fake(rooms, "http://127.0.0.1:9", tmp_path, **changes, **app)
        pair = {"access_token": "TTP_old", "refresh_token": REFRESH, "open_id": "7496"}
        connected(real, workspace, pair, vendor=Vendor.SHOP, handle=None, cipher=CIPHER)

        async def products() -> int:
            async with shop_api(real.settings, asked(workspace, None, Vendor.SHOP)) as api:
                return len(await api.listings(5))

        assert asyncio.run(products()) == asyncio.run(products()) == 5
        assert fake.counts["token/refresh"] == 1


def test_a_vendor_that_is_down_is_asked_later(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """The account stays connected, the claim is given back, and a token that is still good goes on being used."""
    account_id = connected(real, workspace, expired(fake), left_s=-5)
    fake.faults({"on": "oauth", "what": "status", "status": 503, "times": 2})
    with pytest.raises(ProviderDownError):
        access(real, asked(workspace))
    good = connected(real, workspace, fake.pairs.issue("second"), handle="second", left_s=60)

    assert access(real, asked(workspace, "second")).token.startswith("act.second")
    assert {row_of(real, workspace, one).status for one in (account_id, good)} == {"connected"}
    assert creator(real, asked(workspace)).creator_username == HANDLE


# Never broken in silence.


def test_what_only_a_person_can_mend_says_so(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """The owner removed the app: the account needs a person, says why, raises one alert, and is asked no more."""
    pair = expired(fake)
    account_id = connected(real, workspace, pair, left_s=-5)
    fake.pairs.revoke(HANDLE)

    reasons = [unusable(real, asked(workspace)).reason for _ in range(2)]
    row = row_of(real, workspace, account_id)
    assert reasons == ["account_needs_reconnect"] * 2
    assert (row.status, row.why) == ("needs_reconnect", "TikTok renews it no more (invalid_grant)")
    assert (fake.counts["oauth"], fake.counts["creator_info"]) == (1, 0)
    assert connected(real, workspace, fake.pairs.issue(HANDLE)) == account_id
    assert creator(real, asked(workspace)).creator_username == HANDLE


@pytest.mark.parametrize(("pair", "reason"), [({}, "account_expired"), ({"left_s": 3600.0}, "account_needs_reconnect")])
def test_without_a_refresh_token_it_ends(
    real: Rooms, workspace: UUID, fake: FakeTikTokContent, pair: dict[str, float], reason: str
) -> None:
    """Over by its time is expired, and nothing is asked; refused before its time needs a person."""
    bare = {name: value for name, value in expired(fake).items() if name != "refresh_token"}
    account_id = connected(real, workspace, bare, left_s=pair.get("left_s", -5))

    with pytest.raises(AccountUnusableError) as refused:
        creator(real, asked(workspace))
    assert refused.value.reason == reason
    assert row_of(real, workspace, account_id).status == reason.removeprefix("account_")
    assert (fake.counts["oauth"], fake.counts["creator_info"]) == (0, 1 if pair else 0)


def lost_claim(real: Rooms, workspace: UUID, account_id: UUID) -> None:
    """What an executor leaves that died while it renewed: a claim that has run out."""
    row = row_of(real, workspace, account_id)
    which = {"workspace_id": workspace, "account_id": account_id, "secret_ref": row.secret_ref}
    assert real.store.move(workspace, "claim_renewal", **which, lease_s=-1.0)


def test_dying_after_the_pair_was_kept_loses_nothing(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """The vendor answered, the new version was kept, and the row still names the old one: the new one is taken up."""
    pair = expired(fake)
    account_id = connected(real, workspace, pair, left_s=-5)
    lost_claim(real, workspace, account_id)
    new = fake.pairs.renewed({**pair, **_app(), "grant_type": "refresh_token"}, "client_key")
    kept = Tokens(access_token=new["access_token"], refresh_token=new["refresh_token"]).kept()
    secret_store(real.settings).put(secret_name(workspace, account_id), kept)

    assert creator(real, asked(workspace)).creator_username == HANDLE
    assert access(real, asked(workspace)).token == new["access_token"]
    assert (fake.counts["oauth"], row_of(real, workspace, account_id).status) == (0, "connected")


def test_dying_before_the_pair_was_kept_is_told(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """The vendor has given the new pair to an executor that died with it: a person has to connect the account again."""
    pair = expired(fake)
    account_id = connected(real, workspace, pair, left_s=-5)
    lost_claim(real, workspace, account_id)
    fake.pairs.renewed({**pair, **_app(), "grant_type": "refresh_token"}, "client_key")

    assert unusable(real, asked(workspace)).reason == "account_needs_reconnect"
    assert row_of(real, workspace, account_id).status == "needs_reconnect"


def _app() -> dict[str, str]:
    return {"client_key": CLIENT_KEY, "client_secret": CLIENT_SECRET}


def test_a_lost_answer_is_told(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """TikTok has rotated, and its answer was lost: later, at the next try, the account says that it needs a person."""
    account_id = connected(real, workspace, expired(fake), left_s=-5)
    fake.faults({"on": "oauth", "what": "cut", "after": True})
    with pytest.raises(ProviderDownError):
        access(real, asked(workspace))

    assert row_of(real, workspace, account_id).status == "connected"
    assert unusable(real, asked(workspace)).reason == "account_needs_reconnect"


def test_secrets_that_are_gone_are_told(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """The version that the row names is nowhere: the account says so."""
    account_id = connected(real, workspace, fake.pairs.issue(HANDLE))
    secret_store(real.settings).forget_all(secret_name(workspace, account_id))

    assert unusable(real, asked(workspace)).reason == "account_needs_reconnect"
    assert row_of(real, workspace, account_id).why == "its tokens are gone from the store of secrets"


@pytest.mark.parametrize(("times", "reason"), [(2, None), (3, "account_needs_reconnect")])
def test_a_pair_that_cannot_be_kept(
    real: Rooms, workspace: UUID, fake: FakeTikTokContent, times: int, reason: str | None
) -> None:
    """The store of secrets is down when the vendor has answered: it is asked again, and in the end the account says
    that a person has to connect it again, for the pair is nowhere else."""
    with FakeSecretManager() as secrets:
        managed = {"secret_store": "secret_manager", "secret_manager_emulator_host": secrets.host}
        ours = replace(real, settings=real.settings.model_copy(update=managed))
        account_id = connected(ours, workspace, expired(fake), left_s=-5)
        secrets.down, secrets.down_on = times, "AddSecretVersion"

        found = unusable(ours, asked(workspace)).reason if reason else access(ours, asked(workspace)) and None
        row = row_of(ours, workspace, account_id)

    assert found == reason
    assert (row.status == "connected") == (reason is None)


def test_ended_while_it_is_renewed_stays_ended(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """A person disconnects during a renewal: what the vendor then answers is kept nowhere."""
    account_id = connected(real, workspace, expired(fake), left_s=-5)
    fake.faults({"on": "oauth", "what": "delay", "seconds": 0.5})
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(unusable, real, asked(workspace))
        until(lambda: bool(fake.counts["oauth"]), what="TikTok is asked")
        disconnect_account(account_id, Member(workspace, "bo", ("admin",)), real)

    assert renewing.result().reason == "account_disconnected"
    assert FileSecrets(real.settings.army_home / "secrets").newest(secret_name(workspace, account_id)) is None


def test_an_app_that_is_not_set_is_named(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """Our own setting is missing or wrong: the account stays as it is."""
    account_id = connected(real, workspace, expired(fake), left_s=-5)
    bare = replace(real, settings=real.settings.model_copy(update={"tiktok_client_key": None}))
    wrong = replace(real, settings=real.settings.model_copy(update={"tiktok_client_key": "nobody"}))

    assert "TIKTOK_CLIENT_KEY" in unusable(bare, asked(workspace)).message
    assert unusable(wrong, asked(workspace)).reason == "app_refused"
    assert row_of(real, workspace, account_id).status == "connected"


# Secrecy, and effects.


def test_no_log_error_or_row_holds_a_token(
    real: Rooms, workspace: UUID, fake: FakeTikTokContent, caplog: pytest.LogCaptureFixture
) -> None:
    """Renewed, refused, revoked: the pairs are nowhere but in the store of secrets, and scrubbed from any text."""
    with caplog.at_level(logging.DEBUG):
        account_id = connected(real, workspace, expired(fake), left_s=-5)
        token = access(real, asked(workspace)).token
        row = row_of(real, workspace, account_id)
        fake.pairs.revoke(HANDLE)
        with pytest.raises(EffectRefusedError) as refused:
            creator(real, asked(workspace))

    told = " ".join([caplog.text, str(refused.value), str(row), str(row_of(real, workspace, account_id))])
    assert "act." not in told
    assert "rft." not in told
    assert scrubbed(f"sent {token} to TikTok") == "sent [secret] to TikTok"


def test_what_was_begun_without_an_account_is_in_doubt(real: Rooms, workspace: UUID, fake: FakeTikTokContent) -> None:
    """Nothing begun: refused before TikTok is asked. Begun by an earlier attempt: a person decides."""
    effect = effect_of("publish_video", real.settings)
    order = an_order(a_post(), workspace_id=workspace)
    with pytest.raises(AccountUnusableError) as refused:
        asyncio.run(effect.act(order))
    with pytest.raises(EffectUnknownError, match="no TikTok account"):
        asyncio.run(effect.act(replace(order, progress={"publish_id": "v_pub_1", "upload_url": "x"})))

    assert refused.value.reason == "account_missing"
    assert sum(fake.counts.values()) == 0


@pytest.fixture
def publishing(real: Rooms) -> Iterator[Rooms]:
    """The rooms with an agent that proposes a post."""
    AGENT_REGISTRY[PublishingAgent.name] = PublishingAgent
    before = current_settings()
    yield real
    del AGENT_REGISTRY[PublishingAgent.name]
    use_settings(before)


def test_an_expired_token_costs_no_attempt(
    publishing: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent
) -> None:
    """The gate was open for days, and the token ran out: it is renewed on the way, and the first attempt publishes."""
    connected(publishing, workspace, expired(fake), left_s=-5)
    run_id = approved(publishing, queue, workspace)
    delivered(publishing, queue)

    effect = effect_of_run(publishing, workspace, run_id)
    (post,) = fake.desk.books()
    assert (effect.status, effect.attempt, post["handle"]) == ("done", 1, HANDLE)
    assert fake.counts["oauth"] == 1


def test_a_disconnected_account_stops_the_effect(
    publishing: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent
) -> None:
    """Approved, and then the account was ended: refused with the reason, once, and TikTok hears nothing of it."""
    account_id = connected(publishing, workspace, fake.pairs.issue(HANDLE))
    run_id = approved(publishing, queue, workspace)
    disconnect_account(account_id, Member(workspace, "bo", ("admin",)), publishing)
    delivered(publishing, queue)

    effect = effect_of_run(publishing, workspace, run_id)
    assert (effect.status, effect.error_class, effect.attempt) == ("refused", "account_disconnected", 1)
    assert "army accounts connect tiktok" in effect.error_message
    assert sum(fake.counts.values()) == 0
