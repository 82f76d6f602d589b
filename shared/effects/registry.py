"""Every kind of effect, and who carries it out in the mode that is set."""

from __future__ import annotations

from collections.abc import Callable

from shared.config import Settings
from shared.effects.contract import Effect
from shared.errors import InvalidInputError
from shared.providers.text import shown


def _publish_video(settings: Settings) -> Effect:
    if settings.tiktok_provider_mode == "real":
        from shared.effects.publish_real import RealPublish

        return RealPublish(settings)
    from shared.effects.publish_mock import MockPublish

    return MockPublish()


def _launch_campaign(settings: Settings) -> Effect:
    if settings.tiktok_provider_mode == "real":
        from shared.effects.launch_real import RealLaunch

        return RealLaunch(settings)
    from shared.effects.ads_and_shop_mock import MockLaunch

    return MockLaunch(settings)


def _update_listing(settings: Settings) -> Effect:
    if settings.tiktok_provider_mode == "real":
        from shared.effects.listing_real import RealUpdateListing

        return RealUpdateListing(settings)
    from shared.effects.ads_and_shop_mock import MockUpdateListing

    return MockUpdateListing()


def _send_message(settings: Settings) -> Effect:
    if settings.tiktok_provider_mode == "real":
        from shared.effects.message_real import RealSendMessage

        return RealSendMessage(settings)
    from shared.effects.ads_and_shop_mock import MockSendMessage

    return MockSendMessage()


EFFECTS: dict[str, Callable[[Settings], Effect]] = {
    "launch_campaign": _launch_campaign,
    "publish_video": _publish_video,
    "send_message": _send_message,
    "update_listing": _update_listing,
}


def effect_of(kind: str, settings: Settings) -> Effect:
    """Who does effects of this kind. Raises `InvalidInputError("kind", …)` for a kind that is not there."""
    maker = EFFECTS.get(kind)
    if maker is None:
        raise InvalidInputError("kind", f"{shown(kind)} is no kind of effect; there are: {', '.join(sorted(EFFECTS))}")
    return maker(settings)
