"""TikTok's Content Posting API: the calls that publish a file (A040; content-posting-api-reference-direct-post).

Every method raises `EffectRefusedError` for a definite no and `ProviderDownError` when asking again may help. Nothing
is published before the last chunk has arrived, so a lost answer to any other call is harmless.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

from pydantic import BaseModel, BeforeValidator, Field

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.errors import EffectRefusedError
from shared.providers.accounts.access import Access, Asked, FixedAccess, account_access
from shared.providers.calling import NoAnswer, ask, calling, read_as, texts_of
from shared.providers.chunks import Chunk, ChunkPlan
from shared.providers.tiktok_errors import refused
from shared.providers.tiktok_open import is_token_refused, open_data, open_headers

if TYPE_CHECKING:
    from httpx2 import AsyncClient

_BLOCK = 256 * 1024


class CreatorInfo(BaseModel):
    """What the account allows right now. Durations in seconds."""

    creator_username: str
    privacy_level_options: tuple[str, ...]
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    max_video_post_duration_sec: int


class Upload(BaseModel):
    """A post that waits for its bytes. The address holds a token and is good for an hour."""

    publish_id: str = Field(min_length=1, max_length=64)
    upload_url: str = Field(min_length=1, max_length=2_000)


class PostStatus(BaseModel):
    """Where a post stands. The ids are those of public posts, once moderation has passed."""

    status: Literal["PROCESSING_UPLOAD", "PROCESSING_DOWNLOAD", "SEND_TO_USER_INBOX", "PUBLISH_COMPLETE", "FAILED"]
    fail_reason: str | None = None
    post_ids: Annotated[tuple[str, ...], BeforeValidator(texts_of)] = Field((), alias="publicaly_available_post_id")
    uploaded_bytes: int | None = None


class ChunkFate(Enum):
    """What became of a chunk that was sent."""

    KEPT = "kept"  # 206 or 201
    UNSURE = "unsure"  # no answer, 5xx, or a range that TikTok did not expect: the status knows
    GONE = "gone"  # the address is expired or unknown


class ContentPosting:
    """The API as one account."""

    def __init__(self, client: AsyncClient, base_url: str, access: Access) -> None:
        self._client, self._base_url, self._access = client, base_url.rstrip("/"), access

    async def creator_info(self) -> CreatorInfo:
        """What the account allows: to be asked right before each post."""
        return read_as(CreatorInfo, "TikTok, creator_info", await self._call("creator_info", "creator_info/query/", {}))

    async def begin_upload(self, post_info: JsonObject, plan: ChunkPlan) -> Upload:
        """Opens a post for the bytes of `plan`. Without them nothing comes of it."""
        source = {
            "source": "FILE_UPLOAD",
            "video_size": plan.total,
            "chunk_size": plan.chunk,
            "total_chunk_count": plan.count,
        }
        body = {"post_info": post_info, "source_info": source}
        return read_as(Upload, "TikTok, video/init", await self._call("video/init", "video/init/", body))

    async def status(self, publish_id: str) -> PostStatus:
        found = await self._call("status", "status/fetch/", {"publish_id": publish_id})
        return read_as(PostStatus, "TikTok, status", found)

    async def send_chunk(self, upload_url: str, file: BinaryIO, chunk: Chunk, total: int) -> ChunkFate:
        """Sends one chunk from the file. Raises `EffectRefusedError` if TikTok finds the request malformed."""
        headers = {
            "Content-Type": media_type(file),
            "Content-Length": str(chunk.size),
            "Content-Range": chunk.content_range(total),
        }
        answer = await ask(self._client, "PUT", upload_url, headers=headers, content=_parts(file, chunk))
        if isinstance(answer, NoAnswer) or answer.status >= 500 or answer.status in (408, 416, 429):
            return ChunkFate.UNSURE
        if answer.status in (403, 404):
            return ChunkFate.GONE
        if answer.status not in (200, 201, 206):
            raise refused("invalid_file_upload", f"TikTok, upload: HTTP {answer.status}")
        return ChunkFate.KEPT

    async def _call(self, name: str, path: str, body: JsonObject) -> JsonObject:
        url, used = f"{self._base_url}/v2/post/publish/{path}", self._access.token
        answer = await ask(self._client, "POST", url, headers=open_headers(used), json_body=body)
        if is_token_refused(answer) and await self._access.renewed(used):
            again = open_headers(self._access.token)
            answer = await ask(self._client, "POST", url, headers=again, json_body=body)
        return open_data(name, answer)


def media_type(file: BinaryIO) -> str:
    """The Content-Type of the video, by its first bytes: MP4 unless it says otherwise."""
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    return "video/quicktime" if head[4:12] == b"ftypqt  " else "video/mp4"


async def _parts(file: BinaryIO, chunk: Chunk) -> AsyncIterator[bytes]:
    file.seek(chunk.first)
    left = chunk.size
    while left:
        part = file.read(min(_BLOCK, left))
        if not part:
            raise OSError(f"the file ends at {chunk.end - left}, before its chunk does")
        left -= len(part)
        yield part


@asynccontextmanager
async def content_posting(settings: Settings, asked: Asked) -> AsyncIterator[ContentPosting]:
    """The API as the account that is asked for. Raises `EffectRefusedError` if it cannot be used: nothing was asked."""
    access: Access = await account_access(asked, settings) or _of_settings(settings)
    async with calling(settings.tiktok_timeout_s) as client:
        yield ContentPosting(client, settings.tiktok_open_api_url, access)


def _of_settings(settings: Settings) -> FixedAccess:
    token = settings.tiktok_access_token
    if token is None:
        told = "settings: TIKTOK_ACCESS_TOKEN: publishing needs it, or an account: army accounts connect tiktok"
        raise EffectRefusedError("settings_missing", told)
    return FixedAccess(token.get_secret_value())
