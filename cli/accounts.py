"""Commands for the accounts that a workspace has connected."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from cli.options import as_json, print_json, stated
from cli.reach import reachable_api
from cli.table import line, table
from cli.token_file import account_of, read_tokens
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject

ACCOUNTS = "/api/dashboard/accounts"
EMPTY = "no accounts are connected; connect one with: army accounts connect tiktok --handle @… --token-file token.json"
_NEXT = {
    "connected": "",
    "expired": "connect it again",
    "needs_reconnect": "connect it again",
    "disconnected": "",
}


@click.group(invoke_without_command=True)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@as_json
@click.pass_context
def accounts(context: click.Context, limit: int, as_json: bool) -> None:
    """List the connected accounts, newest first, and which of them want something."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        found = api.get(ACCOUNTS, limit=limit)
    if as_json:
        print_json(found)
    elif found["accounts"]:
        _show(found["accounts"])
    else:
        line(EMPTY)


def _show(found: list[JsonObject]) -> None:
    rows = [
        (
            account["id"],
            account["vendor"],
            f"@{account['handle']}" if account["handle"] else account["external_id"],
            account["status"],
            account["access_expires_at"] or "never",
            account["brand_id"] or "any",
            account["why"] or _NEXT[account["status"]],
        )
        for account in found
    ]
    columns = ("account", "vendor", "of", "status", "token until", "brand", "why")
    table("accounts, newest first", columns, rows, prose=("why",), spare=("brand", "token until"))


@accounts.command()
@click.argument("vendor", type=click.Choice([vendor.value for vendor in Vendor]))
@click.option("--handle", help="The account's name at TikTok, with or without @.")
@click.option("--id", "external_id", metavar="ID", help="Its open_id, advertiser id or shop id, if the file has none.")
@click.option("--brand-id", type=click.UUID, help="The one brand that it is of; none: any brand of the workspace.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The vendor's OAuth answer as JSON, or an access token; none: standard input.",
)
@as_json
def connect(
    vendor: str,
    handle: str | None,
    external_id: str | None,
    brand_id: UUID | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Connect an account, or connect it again with new tokens."""
    given = account_of(Vendor(vendor), read_tokens(token_file))
    given |= stated(handle=handle, external_id=external_id, brand_id=str(brand_id) if brand_id else None)
    if "external_id" not in given:
        raise click.UsageError("the tokens do not say whose they are: name --id")
    with reachable_api() as api:
        added = api.post(ACCOUNTS, given)
    if as_json:
        print_json(added)
        return
    click.echo(f"{'connected' if added['is_new'] else 'connected again'}: account {added['account_id']}")
    if "refresh_token" not in given["tokens"] and "expires_in" in given["tokens"]:
        click.echo("it has no refresh token: connect it again before its token runs out")


@accounts.command()
@click.argument("account_id", type=click.UUID)
@as_json
def disconnect(account_id: UUID, as_json: bool) -> None:
    """Destroy the tokens of an account: nothing is read or done for it any more."""
    with reachable_api() as api:
        done = api.post(f"{ACCOUNTS}/{account_id}/disconnect", {})
    if as_json:
        print_json(done)
        return
    click.echo(f"disconnected: account {account_id}" if done["is_new"] else f"account {account_id} was disconnected")
    click.echo("at TikTok the app stays authorised until the account's owner removes it there")
