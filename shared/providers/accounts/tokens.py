"""The tokens of one account: what a version of its secret holds."""

from __future__ import annotations

import json
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr

from shared.core.scrub import hide


class Tokens(BaseModel):
    """`access_token` goes with every call; `refresh_token`, good for one renewal, gets the next pair. `cipher` names a
    seller's shop. A time of None: the vendor has told none, as for tokens that do not run out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    cipher: SecretStr | None = None
    access_expires_at: AwareDatetime | None = None
    refresh_expires_at: AwareDatetime | None = None

    def kept(self) -> str:
        """As the secret holds it."""
        shown = self.model_dump(mode="json")
        bare = {
            name: value.get_secret_value()
            for name in ("access_token", "refresh_token", "cipher")
            if (value := getattr(self, name)) is not None
        }
        for value in bare.values():
            hide(value)
        return json.dumps({**shown, **bare})

    @classmethod
    def read(cls, kept: str) -> Tokens:
        """What `kept` gave. From then on this process writes the tokens nowhere."""
        found = cls.model_validate_json(kept)
        for value in (found.access_token, found.refresh_token, found.cipher):
            if value is not None:
                hide(value.get_secret_value())
        return found


def secret_name(workspace_id: UUID, account_id: UUID) -> str:
    """The name of an account's secret: no account of another workspace has it."""
    return f"army-account-{workspace_id}-{account_id}"
