"""Accounts from the command line: none yet, connected from a file and from standard input, ended, and refusals."""

from __future__ import annotations

import json
import time

from tests.support.terminal import Terminal, all_of, one_sentence, usage

CANARY = "act.canary-cli-51c2"
OAUTH = {
    "access_token": CANARY,
    "expires_in": 86400,
    "open_id": "open-laku",
    "refresh_token": "rft.canary-cli-51c2",
    "refresh_expires_in": 31536000,
    "scope": "user.info.basic,video.publish",
    "token_type": "Bearer",
}


def shop_answer() -> str:
    """TikTok Shop's answer, with Unix times, and the shop's id and cipher that its own call gives."""
    soon = int(time.time()) + 3600
    tokens = {"access_token": CANARY, "access_token_expire_in": soon, "refresh_token": f"{CANARY}-r"}
    data = {**tokens, "refresh_token_expire_in": soon + 300 * 86_400, "granted_scopes": ["seller.product.basic"]}
    return json.dumps({"code": 0, "data": {**data, "shop_id": "7496", "shop_cipher": "GCP_canary-cli"}})


def test_no_accounts_say_what_to_do(terminal: Terminal) -> None:
    """An empty list names the command that fills it; for programs it is an empty list."""
    people, programs = all_of(terminal, [["accounts"], ["accounts", "--json"]])

    assert people.out.startswith("no accounts are connected; connect one with: army accounts connect tiktok")
    assert programs.json == {"accounts": []}


def test_accounts_are_connected_and_ended(terminal: Terminal) -> None:
    """From a file, and from standard input; the list shows states and times, and no command shows a token."""
    (terminal.folder / "token.json").write_text(json.dumps(OAUTH))
    connect = ["accounts", "connect"]
    first = terminal.army(*connect, "tiktok", "--handle", "@lakucosmetics", "--token-file", "token.json")
    shop = terminal.army_given(shop_answer(), *connect, "tiktok_shop")
    ads = terminal.army_given(f"{CANARY}\n", *connect, "tiktok_ads", "--id", "7000000000000000001")
    found = {one["vendor"]: one for one in terminal.army_json("accounts")["accounts"]}
    shown = terminal.army("accounts")
    gone = terminal.army("accounts", "disconnect", found["tiktok"]["id"])

    assert [said.code for said in (first, shop, ads, shown, gone)] == [0] * 5, (first.err, shop.err, ads.err)
    assert first.out == f"connected: account {found['tiktok']['id']}\n"
    assert (found["tiktok"]["scopes"], found["tiktok_shop"]["external_id"]) == (
        ["user.info.basic", "video.publish"],
        "7496",
    )
    assert found["tiktok_ads"]["access_expires_at"] is None
    assert all(text in shown.out for text in ("@lakucosmetics", "7496", "connected", "never"))
    assert gone.out.startswith(f"disconnected: account {found['tiktok']['id']}\n")
    for said in (first, shop, ads, shown, gone):
        assert "canary" not in said.out + said.err
    assert "canary" not in json.dumps(found)


def test_a_wrong_account_is_refused(terminal: Terminal) -> None:
    """One sentence that names what is missing, or how the command is used; a token is no argument."""
    (terminal.folder / "bare").write_text(CANARY)
    bare = ["--token-file", "bare"]
    no_handle, no_id, empty, as_argument, unknown = all_of(
        terminal,
        [
            ["accounts", "connect", "tiktok", "--id", "open-laku", *bare],
            ["accounts", "connect", "tiktok_ads", *bare],
            ["accounts", "connect", "tiktok_ads", "--id", "7"],
            ["accounts", "connect", "tiktok_ads", "--id", "7", "--token", CANARY],
            ["accounts", "disconnect", "00000000-0000-7000-8000-000000000009"],
        ],
    )

    assert one_sentence(no_handle) == "handle: is required for tiktok: the account's name at TikTok"
    assert "name --id" in usage(no_id)
    assert "expected: the vendor's OAuth answer" in usage(empty)
    assert "No such option" in usage(as_argument)
    assert "there is no account" in one_sentence(unknown)
    assert terminal.army_json("accounts") == {"accounts": []}
