"""What an ad can show: posts that were published at the gate before, and videos that were made for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.quoting import excerpt
from shared.effects.launch_campaign import AdAsset

DONE = "done"


class GateEffect(BaseModel):
    """An effect as a gate's output lists it. `receipt` is what the vendor gave back, once it is done."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = ""
    key: str = ""
    kind: str = ""
    title: str = ""
    status: str = "proposed"
    receipt: dict[str, Any] | None = None


class MadeAsset(BaseModel):
    """A video that content_producer had made; what an ad does not need of it is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    asset_id: str | None = Field(None, max_length=200)
    path: str | None = Field(None, max_length=4_000)
    bytes: int | None = Field(None, ge=1)


class Creative(BaseModel):
    """One thing that an ad can show, and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    creative_id: str
    post_id: str | None = None
    url: str | None = None
    asset: AdAsset | None = None
    source: str


def creatives_of(published: Sequence[GateEffect], assets: Sequence[MadeAsset]) -> tuple[list[Creative], list[str]]:
    """What can be shown, and what cannot with the reason. Posts that are live come first; a video that is a post is
    shown as that post, so a file is used only where no post came of it."""
    posts = [effect for effect in published if effect.kind == "publish_video"]
    live = list(_live(posts))
    missing = [_told(effect) for effect in posts if effect.status != DONE or not _post_id(effect.receipt)]
    if live:
        return live, missing
    files = [AdAsset.model_validate(one.model_dump()) for one in assets if one.sha256]
    return [_of_file(place, one) for place, one in enumerate(files, start=1)], missing


def _live(posts: Iterable[GateEffect]) -> Iterable[Creative]:
    for place, effect in enumerate(posts, start=1):
        post_id = _post_id(effect.receipt) if effect.status == DONE else None
        if post_id is not None and effect.receipt is not None:
            url = effect.receipt.get("url")
            yield Creative(
                creative_id=f"c{place}",
                post_id=post_id,
                url=url if isinstance(url, str) else None,
                source=excerpt(f"the post of '{effect.title or effect.key}'", 300),
            )


def _post_id(receipt: Mapping[str, Any] | None) -> str | None:
    """TikTok's id of a post that everybody may see: only such a post can be an ad."""
    found = (receipt or {}).get("details") or {}
    post_id = found.get("post_id") if isinstance(found, Mapping) else None
    return str(post_id) if post_id else None


def _told(effect: GateEffect) -> str:
    what = effect.title or effect.key
    if effect.status != DONE:
        return excerpt(f"'{what}' is not published: its status is {effect.status}", 300)
    return excerpt(f"'{what}' is published, but TikTok names no public post, so it cannot be an ad", 300)


def _of_file(place: int, asset: AdAsset) -> Creative:
    source = excerpt(f"the video {asset.asset_id or asset.sha256[:12]}", 300)
    return Creative(creative_id=f"c{place}", asset=asset, source=source)
