"""The only reader of the environment: typed, read once, every missing or wrong name in one message."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from shared.errors import NotEnoughSettingsError

PLACEHOLDER = "unset: needed only in real mode (set CLAUDE_MODE=real or TIKTOK_PROVIDER_MODE=real, and this)"


LONGEST_REQUEST_S = 1770.0


class Settings(BaseModel):
    """Every setting. A field's environment name is its own name in capitals.

    The defaults run the whole product on one machine with no key and no account.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Modes, independent of each other (B079, C052-C054).
    claude_mode: Literal["mock", "real"] = "mock"
    tiktok_provider_mode: Literal["mock", "dataset", "real"] = "mock"
    tiktok_dataset: Path | None = Field(None, description="A file of account data, or a folder of such files")
    mock_latency_scale: float = Field(1.0, ge=0, le=10, description="0 switches the simulated 80-600 ms off")

    # Files that agents make and effects publish.
    asset_dir: Path | None = Field(None, description="Where videos and pictures are kept; none: ARMY_HOME/assets")
    film_bucket: str | None = Field(None, description="The bucket that finished films are kept in; none: ASSET_DIR")
    storage_emulator_host: str | None = Field(None, description="A server in place of Google Cloud Storage")
    ffmpeg_path: Path | None = Field(None, description="The executable; none: the one on PATH, else of a wheel")

    # Studio, which renders what agents plan (TIKTOK_PROVIDER_MODE=real).
    studio_url: str | None = Field(None, description="Needed by what asks Studio in real mode")
    studio_audience: str | None = Field(None, description="Of the ID token that Studio takes; default: STUDIO_URL")
    studio_callback_url: str | None = Field(None, description="Where Studio tells that a person has decided")
    studio_email: str = Field(
        "studio@tiktok-army-local.iam.gserviceaccount.com", description="The service account that Studio calls back as"
    )
    studio_timeout_s: float = Field(30.0, ge=0.05, le=600, description="For each call to Studio")
    studio_approval_s: float = Field(604_800.0, ge=0, description="How long a render may wait for its approval")
    metadata_url: str = Field("http://metadata.google.internal", description="Who signs our ID tokens")

    # The tokens of connected accounts: where they are kept, and the apps that they are renewed as.
    secret_store: Literal["files", "secret_manager"] = Field("files", description="files: below ARMY_HOME/secrets")
    secret_manager_emulator_host: str | None = Field(None, description="host:port in place of Secret Manager")
    tiktok_client_key: str | None = Field(None, description="Of the app at TikTok for Developers")
    tiktok_client_secret: SecretStr | None = None
    tiktok_business_app_id: str | None = Field(None, description="Of the app at TikTok's Business API")
    tiktok_business_app_secret: SecretStr | None = None

    # Publishing to TikTok, and reading an account of it (TIKTOK_PROVIDER_MODE=real).
    asset_public_url: str | None = Field(None, description="Where TikTok may fetch assets: https, a verified domain")
    tiktok_open_api_url: str = "https://open.tiktokapis.com"
    tiktok_access_token: SecretStr | None = Field(None, description="Of the account that posts and is read")
    tiktok_business_api_url: str = "https://business-api.tiktok.com"
    tiktok_business_token: SecretStr | None = Field(None, description="Of the account that the business back end uses")
    tiktok_business_id: str | None = Field(None, description="That account's open_id")
    tiktok_timeout_s: float = Field(30.0, ge=0.05, le=600, description="For each call to TikTok")
    tiktok_chunk_bytes: int = Field(10_000_000, ge=5 * 2**20, le=64_000_000)
    publish_within_s: float = Field(300.0, ge=0.1, le=1500, description="How long one attempt uploads and waits")
    publish_pace: float = Field(1.0, ge=0, le=10, description="Times the pauses of 5, 10, 20 s between two looks")

    # Models.
    anthropic_api_key: SecretStr = SecretStr(PLACEHOLDER)
    anthropic_base_url: str | None = None
    max_concurrent_model_calls: int = Field(16, ge=1, le=1000)

    # The command line: which stack, which workspace, or whose API.
    army_home: Path = Field(Path(".army"), description="Where the stack of this machine keeps its state")
    army_workspace_id: UUID = UUID("00000000-0000-4000-8000-000000000001")
    army_api_url: str | None = Field(None, description="A deployed API; none: the stack of this machine")
    army_token: SecretStr | None = Field(None, description="A user's ID token, for ARMY_API_URL")

    # Postgres. One of: nothing (the embedded server of local/), DATABASE_URL, or a Cloud SQL instance.
    database_url: SecretStr | None = Field(None, description="The runtime role: postgresql://user:password@host/db")
    database_unscoped_url: SecretStr | None = Field(None, description="The role of cross-workspace work (sweep)")
    database_owner_url: SecretStr | None = Field(None, description="The owner, for migrations only")
    cloud_sql_instance: str | None = Field(None, description="project:region:instance")
    cloud_sql_database: str = "army"
    cloud_sql_user: str | None = Field(None, description="The runtime IAM user, without .gserviceaccount.com")
    cloud_sql_unscoped_user: str | None = None
    database_pool_size: int = Field(8, ge=1, le=100)

    # The queue.
    gcp_project: str = "tiktok-army-local"
    gcp_location: str = "local"
    step_queue: str = Field("steps", pattern=r"^[A-Za-z0-9-]{1,100}$")
    cloud_tasks_emulator_host: str | None = Field(None, description="host:port of a local Cloud Tasks server")
    executor_url: str = Field("http://127.0.0.1:8080", description="Where the queue finds the step executor")

    # The mirror (Firestore) and the audit (Pub/Sub). Each is off until it is said where it is.
    firestore_project: str | None = Field(None, description="Where the mirror is; none, and no emulator: no mirror")
    firestore_database: str = "(default)"
    firestore_emulator_host: str | None = Field(None, description="host:port of a Firestore emulator")
    pubsub_project: str | None = Field(None, description="Where the audit goes; none, and no emulator: no audit")
    pubsub_emulator_host: str | None = Field(None, description="host:port of a Pub/Sub emulator")
    audit_topic: str = Field("audit-event", pattern=r"^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$")
    relay_window_s: float = Field(1.0, ge=0.01, le=60, description="One run is told of once in this time, at most")
    relay_lease_s: float = Field(30.0, ge=0.2, le=600, description="A drain that says nothing for so long is dead")
    relay_within_s: float = Field(20.0, ge=0.1, le=600, description="How long one drain goes on with further events")
    relay_batch: int = Field(100, ge=1, le=1000, description="Events that are published together")

    # Tokens. The same checks run everywhere; locally only the addresses of the keys differ.
    user_token_audience: str = Field("tiktok-army-local", description="The Firebase project id")
    user_token_issuer: str = "https://securetoken.google.com/tiktok-army-local"
    user_token_certs_url: str = (
        "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
    )
    task_token_audience: str | None = Field(None, description="Default: EXECUTOR_URL")
    task_token_email: str = "tasks@tiktok-army-local.iam.gserviceaccount.com"
    schedule_token_audience: str | None = Field(None, description="Of Cloud Scheduler's calls; default: EXECUTOR_URL")
    scheduler_email: str = Field(
        "scheduler@tiktok-army-local.iam.gserviceaccount.com", description="The service account of Cloud Scheduler"
    )
    task_token_certs_url: str = "https://www.googleapis.com/oauth2/v1/certs"

    # Ads (TIKTOK_PROVIDER_MODE=real), and what a workspace may spend on them a day.
    max_ad_day_usd: Decimal = Field(Decimal(500), ge=0, le=10_000_000, description="Where it has set no cap itself")
    ad_spend_every_s: float = Field(900.0, ge=1, le=86_400, description="How often a running campaign's spend is read")
    ad_spend_final_h: float = Field(
        48.0, ge=0, le=720, description="Hours after the end of a day (UTC) until the vendor's figures of it are final"
    )
    tiktok_ads_api_url: str = "https://business-api.tiktok.com"
    tiktok_ads_token: SecretStr | None = Field(None, description="Of the marketing app, for the advertisers")
    tiktok_ads_identity_type: Literal["TT_USER", "BC_AUTH_TT", "AUTH_CODE", "CUSTOMIZED_USER"] = "TT_USER"
    tiktok_ads_identity_id: str | None = Field(None, description="In whose name ads appear")
    tiktok_ads_pixel_id: str | None = Field(None, description="Needed by campaigns for conversions")
    tiktok_ads_store_id: str | None = Field(None, description="Needed by campaigns for shop sales")

    # The shop (TIKTOK_PROVIDER_MODE=real).
    tiktok_shop_api_url: str = "https://open-api.tiktokglobalshop.com"
    tiktok_shop_auth_url: str = "https://auth.tiktok-shops.com"
    tiktok_shop_app_key: str | None = None
    tiktok_shop_app_secret: SecretStr | None = None
    tiktok_shop_token: SecretStr | None = Field(None, description="The seller's access token")
    tiktok_shop_cipher: SecretStr | None = Field(None, description="Which shop of the seller")

    # Steps.
    step_lease_s: float = Field(30.0, ge=0.2, le=1800)
    step_timeout_s: float = Field(570.0, ge=1, le=1790, description="Below the queue's dispatch deadline")
    continue_within_s: float = Field(
        60.0, ge=0, le=900, description="How long one request goes on with further steps; 0: one step a request"
    )
    workspace_steps: int = Field(
        48, ge=1, le=100_000, description="Steps of one workspace at once: three quarters of what the queue dispatches"
    )
    continue_with: int = Field(8, ge=1, le=64, description="How many steps of a run one request does at once")
    max_step_attempts: int = Field(5, ge=1, le=100, description="Attempts by business failures, not by crashes")
    max_lost_attempts: int = Field(10, ge=1, le=1000, description="Attempts that died before the step is given up")
    effect_timeout_s: float = Field(600.0, ge=1, le=1740, description="How long one attempt at an effect may take")
    max_effect_attempts: int = Field(8, ge=1, le=100, description="Tries of an effect that surely did not happen yet")
    step_retry_base_s: float = Field(1.0, ge=0.01, le=3600)
    step_retry_floor_s: float = Field(0.5, ge=0.01, le=60, description="No retry comes sooner, whatever a step says")
    sweep_grace_s: float = Field(20.0, ge=0.1, le=3600, description="How long a wake-up may be missing")
    max_body_bytes: int = Field(1_000_000, ge=1000)

    @property
    def executor_audience(self) -> str:
        return self.task_token_audience or self.executor_url

    @property
    def schedule_audience(self) -> str:
        return self.schedule_token_audience or self.executor_url

    @property
    def is_mirror_on(self) -> bool:
        return bool(self.firestore_project or self.firestore_emulator_host)

    @property
    def mirror_project(self) -> str:
        return self.firestore_project or self.gcp_project

    @property
    def is_audit_on(self) -> bool:
        return bool(self.pubsub_project or self.pubsub_emulator_host)

    @property
    def audit_project(self) -> str:
        return self.pubsub_project or self.gcp_project

    @property
    def assets_folder(self) -> Path:
        return self.asset_dir or self.army_home / "assets"

    @property
    def has_database(self) -> bool:
        return self.database_url is not None or self.cloud_sql_instance is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be written anywhere."""
        found = (getattr(self, name) for name in type(self).model_fields)
        values = (value.get_secret_value() for value in found if isinstance(value, SecretStr))
        return tuple(value for value in values if value != PLACEHOLDER)

    @model_validator(mode="after")
    def _modes_have_what_they_need(self) -> Settings:
        missing = []
        if self.claude_mode == "real" and self.anthropic_api_key.get_secret_value() == PLACEHOLDER:
            missing.append("ANTHROPIC_API_KEY (CLAUDE_MODE=real)")
        if self.tiktok_provider_mode == "dataset" and self.tiktok_dataset is None:
            missing.append("TIKTOK_DATASET (TIKTOK_PROVIDER_MODE=dataset)")
        if self.cloud_sql_instance and not self.cloud_sql_user:
            missing.append("CLOUD_SQL_USER (CLOUD_SQL_INSTANCE)")
        if missing:
            raise ValueError("missing: " + ", ".join(missing))
        if self.continue_within_s + self.step_timeout_s > LONGEST_REQUEST_S:
            raise ValueError(
                f"CONTINUE_WITHIN_S and STEP_TIMEOUT_S together may be {LONGEST_REQUEST_S:.0f} s at most: "
                "the queue gives a request half an hour"
            )
        return self

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Reads the environment; raises one error that names everything missing or wrong, and no value."""
        given: dict[str, Any] = {
            name: environ[name.upper()] for name in cls.model_fields if environ.get(name.upper(), "") != ""
        }
        try:
            return cls.model_validate(given)
        except ValidationError as wrong:
            lines = [_told(problem) for problem in wrong.errors(include_input=False, include_url=False)]
            raise NotEnoughSettingsError("settings: " + "; ".join(lines)) from None


def _told(problem: Any) -> str:
    name = ".".join(str(part).upper() for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


_lock = threading.Lock()
_current: list[Settings] = []


def current_settings() -> Settings:
    """This process's settings, read from the environment at the first call and never again."""
    with _lock:
        if not _current:
            _current.append(Settings.from_env(os.environ))
        return _current[0]


def use_settings(settings: Settings) -> None:
    """Sets this process's settings by hand: for tests and tools that start without an environment."""
    with _lock:
        _current[:] = [settings]


def process_environ() -> dict[str, str]:
    """A copy of this process's environment, to hand on to processes that it starts."""
    return dict(os.environ)
