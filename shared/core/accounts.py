"""Connected accounts: of which API, and where they stand."""

from __future__ import annotations

from enum import StrEnum


class Vendor(StrEnum):
    """The API that an account's tokens are for. One TikTok account may be connected to several, each by itself."""

    TIKTOK = "tiktok"  # Content Posting and Display; the account is an open_id
    BUSINESS = "tiktok_business"  # the Business API's accounts; an open_id, too
    ADS = "tiktok_ads"  # the Marketing API; the account is an advertiser
    SHOP = "tiktok_shop"  # the account is a shop

    @property
    def called(self) -> str:
        return {"tiktok": "TikTok", "tiktok_business": "TikTok Business", "tiktok_ads": "TikTok Ads"}.get(
            self.value, "TikTok Shop"
        )


class AccountStatus(StrEnum):
    CONNECTED = "connected"  # its token works, or can be renewed
    EXPIRED = "expired"  # its token has run out, and nothing can renew it
    NEEDS_RECONNECT = "needs_reconnect"  # the vendor takes its tokens no more
    DISCONNECTED = "disconnected"  # by a person; the tokens are destroyed
