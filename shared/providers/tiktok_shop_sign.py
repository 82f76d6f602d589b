"""The signature of TikTok Shop requests, as its partner documentation gives it ("Sign your API request")."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

UNSIGNED = frozenset({"sign", "access_token"})
# A shop is named where one is meant, and nowhere else: these paths refuse a shop_cipher.
WITHOUT_SHOP = ("/authorization/", "/seller/")


def sign(path: str, params: Mapping[str, str], body: bytes, app_secret: str, *, is_form: bool = False) -> str:
    """Lower-case hex. `params` are the decoded query parameters, `body` the very bytes that are sent; a multipart form
    (`is_form`) is not signed."""
    listed = "".join(f"{name}{params[name]}" for name in sorted(params.keys() - UNSIGNED))
    secret = app_secret.encode()
    message = secret + f"{path}{listed}".encode() + (b"" if is_form else body) + secret
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def wants_shop(path: str) -> bool:
    """Whether a call of this path names the shop (`shop_cipher`)."""
    return not path.startswith(WITHOUT_SHOP) and not path.endswith("/images/upload")
