"""The row that a published video leaves."""

from __future__ import annotations

import asyncio
from uuid import UUID

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.registry import effect_of
from shared.store.session import Store, session_for_workspace
from tests.support.publishing import a_post, an_order


def written(workspace: UUID, payload: JsonObject) -> JsonObject:
    """Publishes in mock mode and writes what goes with the receipt; the values that were written."""
    receipt = asyncio.run(effect_of("publish_video", Settings()).act(an_order(payload)))
    (write,) = receipt.writes
    values = {**write.values, "workspace_id": workspace, "run_id": None, "effect_id": None}
    with session_for_workspace(workspace) as session:
        (row,) = session.fetch(write.statement, **values)
    assert row.id == write.values["id"]
    return values


def test_a_receipt_writes_its_post(store: Store, workspace: UUID) -> None:
    """One row in tiktok_posts, with caption, address and the file that was shown (A041)."""
    values = written(workspace, a_post())

    assert values["url"].endswith(str(values["post_id"]))


def test_any_caption_can_be_kept(store: Store, workspace: UUID) -> None:
    """Quotes, right-to-left text and emoji go into the row as they are."""
    values = written(workspace, a_post(caption="'); drop table tiktok_posts; -- \u202eשלום 🌿"))

    assert values["caption"].endswith("🌿")
