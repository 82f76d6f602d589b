"""Fields that many specs share, so that one thing has one description."""

from __future__ import annotations

from typing import Any

from shared.agents.spec import AgentField, FieldType


def field(
    name: str,
    kind: FieldType,
    description: str,
    *,
    required: bool = False,
    default: Any = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
) -> AgentField:
    """An `AgentField` in one line."""
    return AgentField(
        name=name, type=kind, description=description, required=required, default=default, choices=choices, unit=unit
    )


HANDLE = field("handle", FieldType.HANDLE, "The TikTok account, with or without @.", required=True)
TARGET_TYPE = field(
    "target_type",
    FieldType.ENUM,
    "Whether the account is our own or somebody else's.",
    default="own_brand",
    choices=("own_brand", "third_party"),
)
NOTES = field("notes", FieldType.TEXT, "What the reader cares about; guides emphasis, not facts.", default="")
BRAND_ID = field("brand_id", FieldType.UUID, "The brand whose voice and banned terms hold. None: generic defaults.")
DATASET = field("dataset", FieldType.STRING, "A file of account data to read instead of the configured source.")
BRIEF = (HANDLE, TARGET_TYPE, NOTES, BRAND_ID, DATASET)

OWN_BRAND = field(
    "target_type",
    FieldType.ENUM,
    "A campaign is for our own brand.",
    default="own_brand",
    choices=("own_brand",),
)
CAMPAIGN = (HANDLE, OWN_BRAND, NOTES, BRAND_ID)
AUDIT = field("audit", FieldType.TEXT, "Report of the account's last Profile Audit, as Markdown.", default="")
SEGMENTS = field("segments", FieldType.LIST, "Audience segments to aim at, from audience_mapper.", default=())
AUDIENCE = field("audience", FieldType.OBJECT, "Who follows, from audience_mapper: ages, genders, countries.")
PRODUCT_IDS = field("product_ids", FieldType.LIST, "The products that the campaign is about.", default=())
SOURCE = (
    field("source", FieldType.STRING, "Where from: mock, or real."),
    field("source_name", FieldType.STRING, "The source for people."),
    field("source_notes", FieldType.LIST, "What this source cannot know."),
    field("status", FieldType.ENUM, "Whether the data was enough.", choices=("ok", "not_enough_data")),
    field("reason", FieldType.TEXT, "Why the data was not enough, or what could not be judged; empty if all could."),
)

READ = (
    field("handle", FieldType.HANDLE, "The account that was read, lower case, without @."),
    field("source", FieldType.ENUM, "Where from.", choices=("mock", "dataset", "tiktok_export", "real")),
    field("source_name", FieldType.STRING, "The source for people: mock data, or the file's name."),
    field("as_of", FieldType.DATE, "The time the data speaks of; every window is counted back from it."),
    field("posts_read", FieldType.INTEGER, "How many posts were read.", unit="posts"),
    field("source_notes", FieldType.LIST, "What this source cannot know."),
    field("status", FieldType.ENUM, "Whether the data was enough.", choices=("ok", "not_enough_data")),
    field("reason", FieldType.TEXT, "Why the data was not enough; empty if it was."),
)
SUMMARY = field("summary", FieldType.TEXT, "The result in one to three sentences.")
ALERT_KEY = field("alert_key", FieldType.STRING, "The key of the alert this result calls for; empty if none.")


def window_days(default: int) -> AgentField:
    """How far back an agent looks."""
    return field("window_days", FieldType.INTEGER, "How far back to look.", default=default, unit="days")


def effects(what: str) -> AgentField:
    """What an agent proposes and a gate releases: it acts on nothing itself."""
    return field("proposed_effects", FieldType.LIST, f"{what} Nothing happens before the gate below releases it.")
