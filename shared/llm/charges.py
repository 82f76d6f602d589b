"""What a call took: its answer, and the tries before it that broke off and may be billed all the same."""

from __future__ import annotations

from decimal import Decimal

from shared.core.canonical import JsonObject
from shared.core.money import ZERO
from shared.llm.answer import has_other_charges, text_of, usage_of
from shared.llm.attempts import Failure, Reply
from shared.llm.prices import UNKNOWN, Cost, cost_of
from shared.llm.request import ModelRequest, storable
from shared.trace.calls import Answer, Usage


def answered(request: ModelRequest, reply: Reply, failures: list[Failure]) -> Answer:
    """The answer as the journal keeps it, priced by the model that answered, with what lost tries told before it.

    Its cost is known only if no try was lost after it had gone out: such a try may be billed, nobody tells how much.
    """
    response = storable(reply.body)
    usage, cost = _priced(response, request)
    lost_usage, lost = _lost(request, failures)
    return Answer(
        output=response,
        response_text=text_of(response),
        model=_model(response, request),
        usage=_sum([one for one in (usage, lost_usage) if one is not None]),
        cost_usd=cost.usd + lost.usd,
        cost_known=cost.known and lost.known and not has_other_charges(response),
        price_version=cost.version,
        provider_request_id=reply.request_id,
        attempts=len(failures) + 1,
        note=_note(request, failures),
    )


def unanswered(request: ModelRequest, failures: list[Failure]) -> Answer:
    """What the row of a failed call holds: no output, but what its tries are known to have taken."""
    usage, cost = _lost(request, failures)
    return Answer(
        output=None,
        model=request.model.id,
        usage=usage,
        cost_usd=cost.usd,
        cost_known=cost.known,
        price_version=None if usage is None else cost.version,
        attempts=max(1, len(failures)),
        note=_note(request, failures),
    )


def _lost(request: ModelRequest, failures: list[Failure]) -> tuple[Usage | None, Cost]:
    """Tokens and dollars that streams told of before they broke off."""
    heard = [_priced(failure.heard, request) for failure in failures if failure.heard is not None]
    dollars = sum((cost.usd for _, cost in heard), Decimal(ZERO))
    version = heard[-1][1].version if heard else UNKNOWN
    known = not any(failure.may_have_cost for failure in failures)
    return _sum([usage for usage, _ in heard if usage is not None]), Cost(dollars, known, version)


def _priced(response: JsonObject, request: ModelRequest) -> tuple[Usage | None, Cost]:
    usage = usage_of(response, request.cache_ttl)
    raw = response.get("usage") or {}
    model = _model(response, request)
    return usage, cost_of(usage, model, tier=raw.get("service_tier"), geo=raw.get("inference_geo"))


def _model(response: JsonObject, request: ModelRequest) -> str:
    return str(response.get("model") or request.model.id)


def _sum(usages: list[Usage]) -> Usage | None:
    """All together; None if there are none, for then nothing is known."""
    if not usages:
        return None
    total = Usage()
    for usage in usages:
        total = total.plus(usage)
    return total


def _note(request: ModelRequest, failures: list[Failure]) -> str | None:
    """What was changed in the request, and the failed tries."""
    told = [f"try {number} failed: {failure.told()}" for number, failure in enumerate(failures, 1)]
    return "; ".join([*([request.note] if request.note else []), *told]) or None
