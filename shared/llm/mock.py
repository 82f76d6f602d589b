"""The model of mock mode: the same request in, a response of the same wire shape out, and no money spent (C055-C061).

The words of an answer come from a fixture; every number must come from the request's own data. So a fixture is a
template over `data`: the blocks that `data_block()` put into the user message, by name.

Files in shared/llm/fixtures/: `<agent>.<label>.yaml` (an agent that makes different calls), else `<label>.yaml`, else
`<agent>.yaml`; for a call with `is_synthesis=True` only `synthesis-<workflow_slug>.yaml`; else `_default.yaml`. Where
a schema is asked for that the default cannot satisfy, a value is made from the schema, saying that it is a mock.

    variants:                                  # at least one
      - when: data.account.followers > 10000   # optional: a jinja2 expression. Variants whose `when` is true come
                                               # first; only if there is none, those without a `when`. Among several
                                               # the sha-256 of agent name and user prompt chooses.
        let:                                   # optional: names for what follows, evaluated in order
          best: "{{ data.posts | sort(attribute='views') | last }}"
        json:                                  # an answer for an `output_model`: any structure
          headline: "{{ data.account.handle }} has {{ data.account.followers | num }} followers"
          score: "{{ data.account.score }}"    # a leaf that is one lone {{ expression }} keeps its type
          ids: "{{ data.posts | map(attribute='id') | list }}"
          findings:                            # a list, one element for each:
            $each: data.posts[:3]              #   a jinja2 expression
            $as: post                          #   optional, the element's name; default `item`
            $if: post.views is not none        #   optional filter
            $make: {post_id: "{{ post.id }}", why: "{{ post.views | num }} views"}
          advice: ["Post at {{ data.best_hour }}:00 UTC", "{{ 'Reply faster' if data.slow else 'Keep replying' }}"]
      - text: |                                # instead of `json`: a jinja2 template, for Markdown
          # {{ data.brief.title }}
          {% for step in data.steps %}- {{ step.label }}
          {% endfor %}

`data.a.items` means the key "items" where there is one. An undefined name, or a template that fails, is an error that
names the fixture, the place in it and the expression. Filters: `num` (1234567 -> "1,234,567"), `pct` (0.123 ->
"12.3%"), `usd` (1234.5 -> "$1,234.50"); all three give "unknown" for None. Also all filters of jinja2. Templates run
in jinja2's sandbox, and text inside `data` is never read as a template. A `data` block holding `{}` is there, but its
keys are undefined: test `data.account is defined` or `'posts' in data` in `when` before using what may be missing.
Tags (`{% %}`) on lines of their own leave no empty line behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import weakref

from shared.core.canonical import Json, JsonObject, canonical_json
from shared.llm.attempts import Reply, Send
from shared.llm.fixtures import DEFAULT, find_fixture
from shared.llm.prefixes import PrefixCache, token_count
from shared.llm.prompt import read_data_blocks
from shared.llm.request import ModelRequest
from shared.llm.sample import sample_of, satisfies_keys
from shared.trace.calls import Usage
from shared.trace.journal import Journal, current_journal

_caches: weakref.WeakKeyDictionary[Journal, PrefixCache] = weakref.WeakKeyDictionary()


def open_call(request: ModelRequest, agent: str, fixtures: tuple[str, ...], latency_scale: float) -> Send:
    """A mock of one call. What the simulated cache answers is settled here and now, before the journal is asked, so
    that a step which is entered again counts as it would have without the crash."""
    body = request.body(user_id=None)
    prompt = _run_cache().count(body, min_cacheable=request.model.facts.min_cacheable)
    key = _long_key(request, agent)

    async def send(_timeout_s: float) -> Reply:
        seed = _digest(agent, request.user_prompt)
        latency_ms = 80 + int.from_bytes(seed[8:12], "big") % 521
        await asyncio.sleep(latency_ms / 1000 * latency_scale)
        text = mock_text(fixtures, data_of(body), seed, request.schema)
        return Reply(_response(body["model"], text, prompt, key), f"req_mock_{key}", simulated_ms=latency_ms)

    return send


def mock_text(fixtures: tuple[str, ...], data: Json, seed: bytes, schema: JsonObject | None) -> str:
    """The words of the answer: the fixture's, or the default's; a made-up value where a schema rules that out."""
    fixture = find_fixture(*fixtures)
    text = fixture.text(data, seed)
    if fixture.name != DEFAULT or schema is None or satisfies_keys(json.loads(text), schema):
        return text
    return json.dumps(sample_of(schema, int.from_bytes(seed[:8], "big")), ensure_ascii=False)


def data_of(body: JsonObject) -> dict[str, Json]:
    """The data blocks in all user messages of a request, by name."""
    data: dict[str, Json] = {}
    for message in body["messages"]:
        if message["role"] == "user":
            data |= read_data_blocks(text_in(message["content"]))
    return data


def text_in(content: Json) -> str:
    """The text of a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, dict))


def _run_cache() -> PrefixCache:
    """The simulated cache of this agent run; outside one, a new one for each call."""
    journal = current_journal()
    return PrefixCache() if journal is None else _caches.setdefault(journal, PrefixCache())


def _long_key(request: ModelRequest, agent: str) -> str:
    """Names this very request, in 16 hex digits: ids are made of it."""
    rest = canonical_json([request.schema, list(request.tools)])
    return _digest("v1", agent, request.model.asked, request.system, request.user_prompt, rest).hex()[:16]


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode()).digest()


def _response(model: str, text: str, prompt: Usage, key: str) -> JsonObject:
    """The response as the API would write it."""
    written = prompt.cache_write_tokens + prompt.cache_write_1h_tokens
    return {
        "model": model,
        "id": f"msg_mock_{key}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "container": None,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": prompt.input_tokens,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": prompt.cache_read_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": prompt.cache_write_tokens,
                "ephemeral_1h_input_tokens": prompt.cache_write_1h_tokens,
            },
            "output_tokens": token_count(text),
            "output_tokens_details": {"thinking_tokens": 0},
            "service_tier": "standard",
            "inference_geo": "global",
        },
        "diagnostics": None,
    }
