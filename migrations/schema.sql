-- The schema that the migrations make. Written by `make schema`; a test compares it. Do not edit.
CREATE TYPE public.account_status AS ENUM (
    'connected',
    'expired',
    'needs_reconnect',
    'disconnected'
);
ALTER TYPE public.account_status OWNER TO army_owner;
CREATE TYPE public.account_vendor AS ENUM (
    'tiktok',
    'tiktok_business',
    'tiktok_ads',
    'tiktok_shop'
);
ALTER TYPE public.account_vendor OWNER TO army_owner;
CREATE TYPE public.agent_run_status AS ENUM (
    'pending',
    'running',
    'succeeded',
    'failed',
    'skipped'
);
ALTER TYPE public.agent_run_status OWNER TO army_owner;
CREATE TYPE public.call_kind AS ENUM (
    'llm_call',
    'tool_call',
    'provider_call',
    'skill_call',
    'db_write'
);
ALTER TYPE public.call_kind OWNER TO army_owner;
CREATE TYPE public.call_outcome AS ENUM (
    'started',
    'paid',
    'reused',
    'in_doubt',
    'wasted',
    'failed'
);
ALTER TYPE public.call_outcome OWNER TO army_owner;
CREATE TYPE public.cap_scope AS ENUM (
    'step',
    'run',
    'brief',
    'workspace_day',
    'ad_day'
);
ALTER TYPE public.cap_scope OWNER TO army_owner;
CREATE TYPE public.effect_status AS ENUM (
    'proposed',
    'released',
    'doing',
    'done',
    'refused',
    'unknown'
);
ALTER TYPE public.effect_status OWNER TO army_owner;
CREATE TYPE public.fork_kind AS ENUM (
    'restart',
    'redrive',
    'fork'
);
ALTER TYPE public.fork_kind OWNER TO army_owner;
CREATE TYPE public.gate_expiry AS ENUM (
    'approve',
    'reject',
    'branch',
    'escalate'
);
ALTER TYPE public.gate_expiry OWNER TO army_owner;
CREATE TYPE public.gate_kind AS ENUM (
    'approval',
    'budget'
);
ALTER TYPE public.gate_kind OWNER TO army_owner;
CREATE TYPE public.gate_status AS ENUM (
    'open',
    'approved',
    'rejected',
    'cancelled'
);
ALTER TYPE public.gate_status OWNER TO army_owner;
CREATE TYPE public.ledger_kind AS ENUM (
    'model',
    'ad_spend'
);
ALTER TYPE public.ledger_kind OWNER TO army_owner;
CREATE TYPE public.pause_scope AS ENUM (
    'run',
    'workflow',
    'workspace',
    'effects',
    'outer_run'
);
ALTER TYPE public.pause_scope OWNER TO army_owner;
CREATE TYPE public.run_status AS ENUM (
    'running',
    'succeeded',
    'failed',
    'cancelled'
);
ALTER TYPE public.run_status OWNER TO army_owner;
CREATE TYPE public.step_status AS ENUM (
    'pending',
    'queued',
    'running',
    'waiting',
    'pending_approval',
    'succeeded',
    'failed',
    'skipped',
    'cancelled'
);
ALTER TYPE public.step_status OWNER TO army_owner;
CREATE TYPE public.trigger_type AS ENUM (
    'manual',
    'webhook',
    'schedule',
    'api'
);
ALTER TYPE public.trigger_type OWNER TO army_owner;
CREATE TYPE public.wake_up_state AS ENUM (
    'admitted',
    'backlog',
    'timed'
);
ALTER TYPE public.wake_up_state OWNER TO army_owner;
CREATE FUNCTION public.app_workspace_id() RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
declare
    named text := current_setting('app.workspace_id', true);
begin
    if named is null or named = '' then
        raise exception 'no workspace is set: begin with set_config(''app.workspace_id'', …, true)'
            using errcode = 'insufficient_privilege';
    end if;
    return named::uuid;
end
$$;
ALTER FUNCTION public.app_workspace_id() OWNER TO army_owner;
CREATE FUNCTION public.hold_effect_line() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if not (old.status = new.status or case old.status
        when 'proposed' then new.status in ('released', 'refused')
        when 'released' then new.status in ('doing', 'refused', 'unknown')
        when 'doing' then new.status in ('released', 'done', 'refused', 'unknown')
        when 'unknown' then new.status in ('released', 'done', 'refused')
        else false
    end) then
        raise exception 'effect % may not move from % to %', old.id, old.status, new.status
            using errcode = 'check_violation';
    end if;
    if old.status <> 'proposed' and (old.digest <> new.digest or old.payload <> new.payload) then
        raise exception 'effect % was released: it may not change', old.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;
ALTER FUNCTION public.hold_effect_line() OWNER TO army_owner;
CREATE FUNCTION public.hold_gate_line() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if old.status <> 'open' and (old.status <> new.status or old.digest <> new.digest) then
        raise exception 'gate % was decided', old.id using errcode = 'check_violation';
    end if;
    return new;
end
$$;
ALTER FUNCTION public.hold_gate_line() OWNER TO army_owner;
CREATE FUNCTION public.hold_run_line() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if old.status <> new.status and old.status <> 'running' then
        raise exception 'run % may not move from % to %', old.id, old.status, new.status
            using errcode = 'check_violation';
    end if;
    if new.status = 'succeeded' and new.steps_open <> 0 or (new.completed_at is null) <> (new.status = 'running') then
        raise exception 'run % cannot be % with % steps open and completed_at %',
            old.id, new.status, new.steps_open, new.completed_at using errcode = 'check_violation';
    end if;
    return new;
end
$$;
ALTER FUNCTION public.hold_run_line() OWNER TO army_owner;
CREATE FUNCTION public.hold_step_line() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    is_legal boolean := old.status = new.status or case old.status
        when 'pending' then new.status in ('queued', 'skipped', 'cancelled')
        when 'queued' then new.status in ('running', 'skipped', 'cancelled')
        when 'running' then new.status in ('queued', 'waiting', 'pending_approval', 'succeeded', 'failed', 'cancelled')
        when 'waiting' then new.status in ('queued', 'skipped', 'cancelled')
        when 'pending_approval' then new.status in ('queued', 'waiting', 'skipped', 'cancelled')
        else false
    end;
begin
    if not is_legal then
        raise exception 'step % may not move from % to %', old.id, old.status, new.status
            using errcode = 'check_violation';
    end if;
    if (new.leased_until is not null) <> (new.status = 'running')
        or (new.completed_at is not null) <> (new.status in ('succeeded', 'failed', 'skipped', 'cancelled')) then
        raise exception 'step % cannot be % with leased_until % and completed_at %',
            old.id, new.status, new.leased_until, new.completed_at using errcode = 'check_violation';
    end if;
    return new;
end
$$;
ALTER FUNCTION public.hold_step_line() OWNER TO army_owner;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
ALTER TABLE public.alembic_version OWNER TO army_admin;
CREATE TABLE public.tiktok_accounts (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    handle text NOT NULL,
    nickname text,
    followers bigint,
    following bigint,
    likes_received bigint,
    posts_total bigint,
    verified boolean,
    source text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_accounts ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_accounts OWNER TO army_owner;
CREATE TABLE public.tiktok_agent_runs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    workflow_run_id uuid,
    step_id uuid,
    attempt integer DEFAULT 1 NOT NULL,
    brand_id uuid,
    agent_name text NOT NULL,
    trigger_type public.trigger_type NOT NULL,
    trigger_event_id text,
    status public.agent_run_status DEFAULT 'running'::public.agent_run_status NOT NULL,
    input_jsonb jsonb NOT NULL,
    output_jsonb jsonb,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    completed_at timestamp with time zone,
    error_message text,
    cost_usd numeric(14,8),
    latency_ms bigint,
    model_used text
)
WITH (fillfactor='70', autovacuum_analyze_scale_factor='1', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_scale_factor='0.5', autovacuum_vacuum_insert_scale_factor='1');
ALTER TABLE ONLY public.tiktok_agent_runs ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_agent_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_agent_runs OWNER TO army_owner;
CREATE TABLE public.tiktok_agent_steps (
    workspace_id uuid NOT NULL,
    agent_run_id uuid NOT NULL,
    idx integer NOT NULL,
    id uuid NOT NULL,
    workflow_run_id uuid,
    step_id uuid,
    kind public.call_kind NOT NULL,
    label text NOT NULL,
    call_digest text NOT NULL,
    occurrence integer DEFAULT 0 NOT NULL,
    outcome public.call_outcome NOT NULL,
    reused_from uuid,
    model text,
    system_prompt text,
    system_prompt_sha256 text,
    user_prompt text,
    user_prompt_sha256 text,
    response_text text,
    input_tokens integer,
    output_tokens integer,
    cache_read_tokens integer,
    cache_write_tokens integer,
    cache_write_1h_tokens integer,
    thinking_tokens integer,
    cost_usd numeric(14,8) DEFAULT 0 NOT NULL,
    cost_known boolean DEFAULT true NOT NULL,
    price_version text,
    provider_request_id text,
    attempts integer DEFAULT 1 NOT NULL,
    note text,
    input_jsonb jsonb,
    output_jsonb jsonb,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    completed_at timestamp with time zone,
    latency_ms bigint,
    error_message text,
    reservation_id uuid
)
WITH (autovacuum_analyze_scale_factor='0.05');
ALTER TABLE ONLY public.tiktok_agent_steps ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_agent_steps FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_agent_steps OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_agent_steps.reservation_id IS 'the ledger row that held the money for this call, if a cap applied';
CREATE TABLE public.tiktok_alerts (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid,
    agent_run_id uuid,
    agent_name text NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    dedupe_key text NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_alerts_severity_check CHECK ((severity = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text]))),
    CONSTRAINT tiktok_alerts_status_check CHECK ((status = ANY (ARRAY['open'::text, 'acknowledged'::text, 'closed'::text])))
);
ALTER TABLE ONLY public.tiktok_alerts ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_alerts FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_alerts OWNER TO army_owner;
CREATE TABLE public.tiktok_audit_links (
    workspace_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    seq integer NOT NULL,
    hash text NOT NULL
);
ALTER TABLE ONLY public.tiktok_audit_links FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_audit_links OWNER TO army_owner;
CREATE TABLE public.tiktok_brands (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    voice text DEFAULT ''::text NOT NULL,
    guidelines text DEFAULT ''::text NOT NULL,
    banned_terms text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_brands ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_brands FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_brands OWNER TO army_owner;
CREATE TABLE public.tiktok_briefs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    brand_id uuid,
    outcome text NOT NULL,
    handle text NOT NULL,
    target_type text NOT NULL,
    notes text,
    dataset text,
    budget_usd numeric(14,8),
    fields jsonb DEFAULT '{}'::jsonb NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    idempotency_key text,
    request_digest text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_briefs_budget_usd_check CHECK ((budget_usd >= (0)::numeric)),
    CONSTRAINT tiktok_briefs_handle_check CHECK (((length(handle) >= 1) AND (length(handle) <= 64))),
    CONSTRAINT tiktok_briefs_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'dispatched'::text]))),
    CONSTRAINT tiktok_briefs_target_type_check CHECK ((target_type = ANY (ARRAY['own_brand'::text, 'third_party'::text])))
);
ALTER TABLE ONLY public.tiktok_briefs ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_briefs FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_briefs OWNER TO army_owner;
CREATE TABLE public.tiktok_campaigns (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid,
    effect_id uuid,
    advertiser_id text NOT NULL,
    campaign_id text NOT NULL,
    adgroup_ids text[] DEFAULT '{}'::text[] NOT NULL,
    ad_ids text[] DEFAULT '{}'::text[] NOT NULL,
    name text NOT NULL,
    objective text NOT NULL,
    budget_usd numeric(14,8) NOT NULL,
    status text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    look_at timestamp with time zone DEFAULT now(),
    CONSTRAINT tiktok_campaigns_budget_usd_check CHECK ((budget_usd >= (0)::numeric)),
    CONSTRAINT tiktok_campaigns_status_check CHECK ((status = ANY (ARRAY['paused'::text, 'active'::text, 'ended'::text])))
);
ALTER TABLE ONLY public.tiktok_campaigns ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_campaigns FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_campaigns OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_campaigns.look_at IS 'when its spend is read next; null: all of its days are settled';
CREATE TABLE public.tiktok_caps (
    workspace_id uuid NOT NULL,
    scope public.cap_scope NOT NULL,
    scope_id text NOT NULL,
    cap_usd numeric(14,8) NOT NULL,
    used_usd numeric(14,8) DEFAULT 0 NOT NULL,
    set_by text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_caps_cap_usd_check CHECK ((cap_usd >= (0)::numeric)),
    CONSTRAINT tiktok_caps_used_usd_check CHECK ((used_usd >= (0)::numeric))
);
ALTER TABLE ONLY public.tiktok_caps ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_caps FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_caps OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_caps.scope_id IS 'the id of the step, run or brief; of a day its date (UTC), and the empty text for the cap that each day begins with';
CREATE TABLE public.tiktok_connected_accounts (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    vendor public.account_vendor NOT NULL,
    external_id text NOT NULL,
    handle text,
    brand_id uuid,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    status public.account_status DEFAULT 'connected'::public.account_status NOT NULL,
    why text,
    secret_ref text,
    is_renewable boolean NOT NULL,
    access_expires_at timestamp with time zone,
    refresh_expires_at timestamp with time zone,
    renewing_until timestamp with time zone,
    connected_by text NOT NULL,
    connected_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_connected_accounts_check CHECK (((secret_ref IS NULL) = (status = 'disconnected'::public.account_status)))
);
ALTER TABLE ONLY public.tiktok_connected_accounts ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_connected_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_connected_accounts OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_connected_accounts.external_id IS 'the vendor''s own id: an open_id, an advertiser id, a shop id';
COMMENT ON COLUMN public.tiktok_connected_accounts.brand_id IS 'the one brand that it is of; null: of the workspace';
COMMENT ON COLUMN public.tiktok_connected_accounts.secret_ref IS 'one version of a secret; whoever changes the row names the version that it has seen';
COMMENT ON COLUMN public.tiktok_connected_accounts.is_renewable IS 'there is a refresh token';
COMMENT ON COLUMN public.tiktok_connected_accounts.renewing_until IS 'an executor renews the tokens until then; past: it was lost on the way';
CREATE TABLE public.tiktok_effects (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    step_id uuid NOT NULL,
    agent_run_id uuid,
    place integer NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    title text NOT NULL,
    payload jsonb NOT NULL,
    digest text NOT NULL,
    idempotency_key text NOT NULL,
    amount_usd numeric(14,8),
    released_usd numeric(14,8),
    gate_id uuid,
    status public.effect_status DEFAULT 'proposed'::public.effect_status NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone,
    not_before timestamp with time zone,
    wake_at timestamp with time zone,
    generation integer DEFAULT 0 NOT NULL,
    progress jsonb DEFAULT '{}'::jsonb NOT NULL,
    receipt jsonb,
    error_class text,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    released_at timestamp with time zone,
    completed_at timestamp with time zone,
    CONSTRAINT tiktok_effects_amount_usd_check CHECK ((amount_usd >= (0)::numeric)),
    CONSTRAINT tiktok_effects_check CHECK (((released_usd >= (0)::numeric) AND (released_usd <= amount_usd))),
    CONSTRAINT tiktok_effects_check1 CHECK (((status = 'done'::public.effect_status) = (receipt IS NOT NULL))),
    CONSTRAINT tiktok_effects_check2 CHECK (((status = ANY (ARRAY['done'::public.effect_status, 'refused'::public.effect_status])) = (completed_at IS NOT NULL))),
    CONSTRAINT tiktok_effects_check3 CHECK (((status = 'doing'::public.effect_status) = (leased_until IS NOT NULL)))
);
ALTER TABLE ONLY public.tiktok_effects ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_effects FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_effects OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_effects.idempotency_key IS 'the same in every attempt; it goes to the vendor';
COMMENT ON COLUMN public.tiktok_effects.wake_at IS 'when the sweep makes a new wake-up, should the last one be lost';
COMMENT ON COLUMN public.tiktok_effects.progress IS 'the vendor''s ids of what an attempt has begun';
CREATE TABLE public.tiktok_gate_revisions (
    workspace_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    revision integer NOT NULL,
    proposal jsonb NOT NULL,
    digest text NOT NULL,
    revised_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_gate_revisions ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_gate_revisions FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_gate_revisions OWNER TO army_owner;
CREATE TABLE public.tiktok_gates (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    step_id uuid NOT NULL,
    kind public.gate_kind DEFAULT 'approval'::public.gate_kind NOT NULL,
    status public.gate_status DEFAULT 'open'::public.gate_status NOT NULL,
    title text NOT NULL,
    proposal jsonb NOT NULL,
    digest text NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    amount_usd numeric(14,8),
    released_usd numeric(14,8),
    cost_so_far_usd numeric(14,8) DEFAULT 0 NOT NULL,
    requested_by text NOT NULL,
    role text NOT NULL,
    quorum integer DEFAULT 1 NOT NULL,
    self_approval boolean DEFAULT true NOT NULL,
    up_to_usd numeric(14,8),
    decisions jsonb DEFAULT '[]'::jsonb NOT NULL,
    on_expiry public.gate_expiry,
    expires_at timestamp with time zone,
    remind_every_s bigint,
    reminders integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_at timestamp with time zone,
    CONSTRAINT tiktok_gates_amount_usd_check CHECK ((amount_usd >= (0)::numeric)),
    CONSTRAINT tiktok_gates_check CHECK (((released_usd >= (0)::numeric) AND (released_usd <= amount_usd))),
    CONSTRAINT tiktok_gates_check1 CHECK (((status = 'open'::public.gate_status) = (decided_at IS NULL))),
    CONSTRAINT tiktok_gates_check2 CHECK (((expires_at IS NULL) = (on_expiry IS NULL))),
    CONSTRAINT tiktok_gates_quorum_check CHECK ((quorum >= 1)),
    CONSTRAINT tiktok_gates_remind_every_s_check CHECK ((remind_every_s > 0)),
    CONSTRAINT tiktok_gates_up_to_usd_check CHECK ((up_to_usd >= (0)::numeric))
);
ALTER TABLE ONLY public.tiktok_gates ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_gates FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_gates OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_gates.role IS 'who may decide: any_workspace_member, or a role of the token';
COMMENT ON COLUMN public.tiktok_gates.up_to_usd IS 'the most money that this role may release; more needs an owner';
COMMENT ON COLUMN public.tiktok_gates.decisions IS 'who decided what, when and why: [{"by", "decision", "at", "note", "digest", "up_to_usd"}], oldest first';
CREATE TABLE public.tiktok_ledger (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind public.ledger_kind NOT NULL,
    agent_run_id uuid,
    effect_id uuid,
    step_id uuid,
    run_id uuid,
    brief_id uuid,
    day date DEFAULT ((now() AT TIME ZONE 'utc'::text))::date NOT NULL,
    key text,
    reserved_usd numeric(14,8) NOT NULL,
    settled_usd numeric(14,8),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    root_run_id uuid,
    outer_step_ids uuid[],
    seen_usd numeric(14,8),
    seen_at timestamp with time zone,
    CONSTRAINT tiktok_ledger_check CHECK (((settled_usd IS NULL) = (settled_at IS NULL))),
    CONSTRAINT tiktok_ledger_reserved_usd_check CHECK ((reserved_usd >= (0)::numeric)),
    CONSTRAINT tiktok_ledger_seen_usd_check CHECK ((seen_usd >= (0)::numeric)),
    CONSTRAINT tiktok_ledger_settled_usd_check CHECK ((settled_usd >= (0)::numeric))
);
ALTER TABLE ONLY public.tiktok_ledger ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_ledger FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_ledger OWNER TO army_owner;
COMMENT ON TABLE public.tiktok_ledger IS 'one row per reservation; settled_usd is what it came to, null while it is open';
COMMENT ON COLUMN public.tiktok_ledger.key IS 'of a charge that may be asked for twice: the second one finds the first';
COMMENT ON COLUMN public.tiktok_ledger.root_run_id IS 'the run whose cap held the money: the outermost one';
COMMENT ON COLUMN public.tiktok_ledger.outer_step_ids IS 'steps of outer runs whose caps held the money';
COMMENT ON COLUMN public.tiktok_ledger.seen_usd IS 'of ads: the most that the vendor has said of this day so far; not final';
CREATE TABLE public.tiktok_messages (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid,
    effect_id uuid,
    creator text NOT NULL,
    conversation_id text NOT NULL,
    message_id text NOT NULL,
    body text NOT NULL,
    sent_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_messages ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_messages FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_messages OWNER TO army_owner;
CREATE TABLE public.tiktok_metrics (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    account_handle text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    agent_run_id uuid,
    "values" jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_metrics ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_metrics FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_metrics OWNER TO army_owner;
CREATE TABLE public.tiktok_outbox (
    workspace_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    seq integer NOT NULL,
    kind text NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_analyze_scale_factor='1', autovacuum_vacuum_insert_scale_factor='1');
ALTER TABLE ONLY public.tiktok_outbox ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_outbox OWNER TO army_owner;
CREATE TABLE public.tiktok_pauses (
    workspace_id uuid NOT NULL,
    scope public.pause_scope NOT NULL,
    workflow_slug text NOT NULL,
    paused_by text NOT NULL,
    reason text,
    paused_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_pauses_check CHECK (((workflow_slug <> ''::text) = (scope = 'workflow'::public.pause_scope))),
    CONSTRAINT tiktok_pauses_scope_check CHECK ((scope <> 'run'::public.pause_scope))
);
ALTER TABLE ONLY public.tiktok_pauses ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_pauses FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_pauses OWNER TO army_owner;
CREATE TABLE public.tiktok_posts (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    account_handle text NOT NULL,
    run_id uuid,
    effect_id uuid,
    publish_id text,
    post_id text,
    url text,
    caption text DEFAULT ''::text NOT NULL,
    privacy_level text,
    asset jsonb DEFAULT '{}'::jsonb NOT NULL,
    status text DEFAULT 'published'::text NOT NULL,
    posted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_posts_status_check CHECK ((status = ANY (ARRAY['publishing'::text, 'published'::text, 'removed'::text])))
);
ALTER TABLE ONLY public.tiktok_posts ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_posts FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_posts OWNER TO army_owner;
CREATE TABLE public.tiktok_products (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    product_id text NOT NULL,
    title text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    listing jsonb DEFAULT '{}'::jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_products ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_products FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_products OWNER TO army_owner;
CREATE TABLE public.tiktok_signals (
    workspace_id uuid NOT NULL,
    wake_key text NOT NULL,
    payload jsonb,
    source text NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_signals_wake_key_check CHECK (((length(wake_key) >= 1) AND (length(wake_key) <= 200)))
);
ALTER TABLE ONLY public.tiktok_signals ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_signals FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_signals OWNER TO army_owner;
CREATE TABLE public.tiktok_telling_mark (
    told_to timestamp with time zone NOT NULL
);
ALTER TABLE public.tiktok_telling_mark OWNER TO army_owner;
CREATE TABLE public.tiktok_tellings (
    workspace_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    published_seq integer DEFAULT 0 NOT NULL,
    mirrored_seq integer DEFAULT 0 NOT NULL,
    chain_head text,
    claimed_by uuid,
    claimed_until timestamp with time zone,
    claims integer DEFAULT 0 NOT NULL,
    told_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    generation integer DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE ONLY public.tiktok_tellings FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_tellings OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_tellings.published_seq IS 'events up to here are acknowledged by the audit topic';
COMMENT ON COLUMN public.tiktok_tellings.mirrored_seq IS 'what events up to here changed is in the mirror';
COMMENT ON COLUMN public.tiktok_tellings.chain_head IS 'hash of the event that published_seq names: the next one carries it';
COMMENT ON COLUMN public.tiktok_tellings.claimed_by IS 'the drain at work; until claimed_until nobody else tells of this subject';
COMMENT ON COLUMN public.tiktok_tellings.due_at IS 'when the sweep looks after it: a drain that died or failed, or events that were missed';
COMMENT ON COLUMN public.tiktok_tellings.generation IS 'part of the name of the sweep''s task, so that asking again is never refused as a duplicate';
CREATE TABLE public.tiktok_texts (
    workspace_id uuid NOT NULL,
    sha256 text NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.tiktok_texts ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_texts FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_texts OWNER TO army_owner;
CREATE TABLE public.tiktok_wake_ups (
    workspace_id uuid NOT NULL,
    step_id uuid NOT NULL,
    workflow_run_id uuid NOT NULL,
    wake_at timestamp with time zone NOT NULL,
    generation integer DEFAULT 0 NOT NULL,
    state public.wake_up_state DEFAULT 'admitted'::public.wake_up_state NOT NULL,
    priority smallint DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');
ALTER TABLE ONLY public.tiktok_wake_ups ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_wake_ups FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_wake_ups OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_wake_ups.wake_at IS 'when the sweep makes a new wake-up, should the last one be lost';
COMMENT ON COLUMN public.tiktok_wake_ups.generation IS 'part of the name of the sweep''s task, so that waking again is never refused as a duplicate';
COMMENT ON COLUMN public.tiktok_wake_ups.state IS 'admitted: it has a task, or is at work; backlog: ready, and let in when there is room; timed: due at wake_at';
COMMENT ON COLUMN public.tiktok_wake_ups.priority IS 'that of its run: the higher is let in first';
CREATE TABLE public.tiktok_workflow_runs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    workflow_slug text NOT NULL,
    workflow_version integer NOT NULL,
    definition_digest text NOT NULL,
    brief_id uuid,
    brief_jsonb jsonb NOT NULL,
    trigger_type public.trigger_type NOT NULL,
    trigger_event_id text,
    status public.run_status DEFAULT 'running'::public.run_status NOT NULL,
    budget_usd numeric(14,8),
    version integer DEFAULT 0 NOT NULL,
    steps_total integer NOT NULL,
    steps_open integer NOT NULL,
    paused_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    report_md text,
    error_class text,
    error_message text,
    total_cost_usd numeric(14,8),
    total_latency_ms bigint,
    created_by text NOT NULL,
    idempotency_key text,
    request_digest text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    completed_at timestamp with time zone,
    cancelled_by text,
    cancel_reason text,
    paused_scope public.pause_scope,
    paused_by text,
    pause_reason text,
    fork_kind public.fork_kind,
    forked_from_run_id uuid,
    forked_at_steps text[],
    parent_run_id uuid,
    parent_step_id uuid,
    depth integer DEFAULT 0 NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    root_run_id uuid,
    outer_step_ids uuid[]
)
WITH (fillfactor='70', toast_tuple_target='256', autovacuum_analyze_scale_factor='1', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_scale_factor='0.5', autovacuum_vacuum_insert_scale_factor='1');
ALTER TABLE ONLY public.tiktok_workflow_runs ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_workflow_runs ALTER COLUMN brief_jsonb SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.tiktok_workflow_runs FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_workflow_runs OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_workflow_runs.version IS 'counts the events of this run: the next one gets version + 1';
COMMENT ON COLUMN public.tiktok_workflow_runs.paused_scope IS 'what was paused: this run alone, its workflow, the whole workspace, or the run that it is inside of; run: by itself, whatever else holds it too';
COMMENT ON COLUMN public.tiktok_workflow_runs.forked_at_steps IS 'the steps from which on this run does again what the earlier one did; all before them are taken over';
COMMENT ON COLUMN public.tiktok_workflow_runs.parent_step_id IS 'the step of another run that started this one as its sub-workflow, and waits for it';
COMMENT ON COLUMN public.tiktok_workflow_runs.depth IS 'how many runs this one is inside of';
COMMENT ON COLUMN public.tiktok_workflow_runs.priority IS 'of two runs of a workspace that wait, the higher is let in first';
COMMENT ON COLUMN public.tiktok_workflow_runs.root_run_id IS 'the outermost run that this one is inside of: its cap bounds both';
COMMENT ON COLUMN public.tiktok_workflow_runs.outer_step_ids IS 'the step that waits for this run, and those that wait for the runs it is inside of: their caps bound it';
CREATE TABLE public.tiktok_workflow_steps (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    workflow_run_id uuid NOT NULL,
    idx integer NOT NULL,
    key text NOT NULL,
    agent_name text NOT NULL,
    label text NOT NULL,
    definition jsonb NOT NULL,
    depends_on text[] NOT NULL,
    successors uuid[] NOT NULL,
    sources uuid[] NOT NULL,
    status public.step_status DEFAULT 'pending'::public.step_status NOT NULL,
    waiting_on integer NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone,
    not_before timestamp with time zone,
    input_jsonb jsonb,
    output_jsonb jsonb,
    agent_run_id uuid,
    cost_usd numeric(14,8),
    latency_ms bigint,
    error_class text,
    error_message text,
    queued_at timestamp with time zone,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    taken_from uuid,
    earlier_steps uuid[],
    failed_before integer DEFAULT 0 NOT NULL,
    skipped_before integer DEFAULT 0 NOT NULL,
    parent_step_id uuid,
    item jsonb,
    wake_key text,
    wait_until timestamp with time zone,
    lost integer DEFAULT 0 NOT NULL,
    items integer
)
WITH (fillfactor='60', autovacuum_analyze_scale_factor='1', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_scale_factor='0.5', autovacuum_vacuum_insert_scale_factor='1');
ALTER TABLE ONLY public.tiktok_workflow_steps ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_workflow_steps FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_workflow_steps OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_workflow_steps.successors IS 'ids of the steps that wait for this one';
COMMENT ON COLUMN public.tiktok_workflow_steps.sources IS 'ids of the steps whose outputs this one reads';
COMMENT ON COLUMN public.tiktok_workflow_steps.attempt IS 'counts claims, and is the fence: a settle that names another changes nothing';
COMMENT ON COLUMN public.tiktok_workflow_steps.failures IS 'counts business failures only: a crash, a refusal of our own platform and a yield consume no attempt';
COMMENT ON COLUMN public.tiktok_workflow_steps.output_jsonb IS 'null where an agent ran: its agent run holds the input and the output, once';
COMMENT ON COLUMN public.tiktok_workflow_steps.cancel_requested_at IS 'set with the run''s, so that a step at work finds it in its own row';
COMMENT ON COLUMN public.tiktok_workflow_steps.taken_from IS 'the step of an earlier run whose output this one has, without having run';
COMMENT ON COLUMN public.tiktok_workflow_steps.earlier_steps IS 'the steps of earlier runs that this one does again, nearest first: their journals answer its calls';
COMMENT ON COLUMN public.tiktok_workflow_steps.failed_before IS 'how many of the steps it depends on failed, or were skipped because one failed';
COMMENT ON COLUMN public.tiktok_workflow_steps.skipped_before IS 'how many of the steps it depends on were skipped because of their own condition';
COMMENT ON COLUMN public.tiktok_workflow_steps.parent_step_id IS 'the for_each step that this is one item of';
COMMENT ON COLUMN public.tiktok_workflow_steps.wake_key IS 'what a waiting step waits for: a signal of this key wakes it';
COMMENT ON COLUMN public.tiktok_workflow_steps.wait_until IS 'when a waiting step goes on without its signal; null: never';
COMMENT ON COLUMN public.tiktok_workflow_steps.lost IS 'counts the executors that died doing this step: claims that took over after a lease had ended';
COMMENT ON COLUMN public.tiktok_workflow_steps.items IS 'how many items a for_each step was spread into; then its sources are the ids of those steps, in order';
CREATE TABLE public.tiktok_workflows (
    workspace_id uuid NOT NULL,
    digest text NOT NULL,
    slug text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    dag_jsonb jsonb NOT NULL,
    is_stored boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tiktok_workflows_version_check CHECK ((version >= 1))
);
ALTER TABLE ONLY public.tiktok_workflows ALTER COLUMN workspace_id SET (n_distinct=1);
ALTER TABLE ONLY public.tiktok_workflows FORCE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_workflows OWNER TO army_owner;
COMMENT ON COLUMN public.tiktok_workflows.is_stored IS 'true: posted by a user, and preferred to the seeded one of the same slug; false: written when a run pinned it';
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.tiktok_accounts
    ADD CONSTRAINT tiktok_accounts_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_accounts
    ADD CONSTRAINT tiktok_accounts_workspace_id_handle_key UNIQUE (workspace_id, handle);
ALTER TABLE ONLY public.tiktok_agent_runs
    ADD CONSTRAINT tiktok_agent_runs_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_agent_steps
    ADD CONSTRAINT tiktok_agent_steps_pkey PRIMARY KEY (workspace_id, agent_run_id, idx);
ALTER TABLE ONLY public.tiktok_alerts
    ADD CONSTRAINT tiktok_alerts_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_alerts
    ADD CONSTRAINT tiktok_alerts_workspace_id_dedupe_key_key UNIQUE (workspace_id, dedupe_key);
ALTER TABLE ONLY public.tiktok_audit_links
    ADD CONSTRAINT tiktok_audit_links_pkey PRIMARY KEY (workspace_id, subject_id, seq);
ALTER TABLE ONLY public.tiktok_brands
    ADD CONSTRAINT tiktok_brands_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_briefs
    ADD CONSTRAINT tiktok_briefs_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_briefs
    ADD CONSTRAINT tiktok_briefs_workspace_id_idempotency_key_key UNIQUE (workspace_id, idempotency_key);
ALTER TABLE ONLY public.tiktok_campaigns
    ADD CONSTRAINT tiktok_campaigns_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_campaigns
    ADD CONSTRAINT tiktok_campaigns_workspace_id_effect_id_key UNIQUE (workspace_id, effect_id);
ALTER TABLE ONLY public.tiktok_caps
    ADD CONSTRAINT tiktok_caps_pkey PRIMARY KEY (workspace_id, scope, scope_id);
ALTER TABLE ONLY public.tiktok_connected_accounts
    ADD CONSTRAINT tiktok_connected_accounts_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_connected_accounts
    ADD CONSTRAINT tiktok_connected_accounts_workspace_id_vendor_external_id_key UNIQUE (workspace_id, vendor, external_id);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_workspace_id_idempotency_key_key UNIQUE (workspace_id, idempotency_key);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_workspace_id_step_id_key_key UNIQUE (workspace_id, step_id, key);
ALTER TABLE ONLY public.tiktok_gate_revisions
    ADD CONSTRAINT tiktok_gate_revisions_pkey PRIMARY KEY (workspace_id, gate_id, revision);
ALTER TABLE ONLY public.tiktok_gates
    ADD CONSTRAINT tiktok_gates_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_ledger
    ADD CONSTRAINT tiktok_ledger_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_ledger
    ADD CONSTRAINT tiktok_ledger_workspace_id_kind_key_key UNIQUE (workspace_id, kind, key);
ALTER TABLE ONLY public.tiktok_messages
    ADD CONSTRAINT tiktok_messages_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_messages
    ADD CONSTRAINT tiktok_messages_workspace_id_effect_id_key UNIQUE (workspace_id, effect_id);
ALTER TABLE ONLY public.tiktok_metrics
    ADD CONSTRAINT tiktok_metrics_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_metrics
    ADD CONSTRAINT tiktok_metrics_workspace_id_account_handle_as_of_key UNIQUE (workspace_id, account_handle, as_of);
ALTER TABLE ONLY public.tiktok_outbox
    ADD CONSTRAINT tiktok_outbox_pkey PRIMARY KEY (workspace_id, subject_id, seq);
ALTER TABLE ONLY public.tiktok_pauses
    ADD CONSTRAINT tiktok_pauses_pkey PRIMARY KEY (workspace_id, scope, workflow_slug);
ALTER TABLE ONLY public.tiktok_posts
    ADD CONSTRAINT tiktok_posts_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_posts
    ADD CONSTRAINT tiktok_posts_workspace_id_effect_id_key UNIQUE (workspace_id, effect_id);
ALTER TABLE ONLY public.tiktok_products
    ADD CONSTRAINT tiktok_products_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_products
    ADD CONSTRAINT tiktok_products_workspace_id_product_id_key UNIQUE (workspace_id, product_id);
ALTER TABLE ONLY public.tiktok_signals
    ADD CONSTRAINT tiktok_signals_pkey PRIMARY KEY (workspace_id, wake_key);
ALTER TABLE ONLY public.tiktok_tellings
    ADD CONSTRAINT tiktok_tellings_pkey PRIMARY KEY (workspace_id, subject_id);
ALTER TABLE ONLY public.tiktok_texts
    ADD CONSTRAINT tiktok_texts_pkey PRIMARY KEY (workspace_id, sha256);
ALTER TABLE ONLY public.tiktok_wake_ups
    ADD CONSTRAINT tiktok_wake_ups_pkey PRIMARY KEY (workspace_id, step_id);
ALTER TABLE ONLY public.tiktok_workflow_runs
    ADD CONSTRAINT tiktok_workflow_runs_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_workflow_runs
    ADD CONSTRAINT tiktok_workflow_runs_workspace_id_idempotency_key_key UNIQUE (workspace_id, idempotency_key);
ALTER TABLE ONLY public.tiktok_workflow_steps
    ADD CONSTRAINT tiktok_workflow_steps_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY public.tiktok_workflow_steps
    ADD CONSTRAINT tiktok_workflow_steps_workspace_id_workflow_run_id_idx_key UNIQUE (workspace_id, workflow_run_id, idx);
ALTER TABLE ONLY public.tiktok_workflow_steps
    ADD CONSTRAINT tiktok_workflow_steps_workspace_id_workflow_run_id_key_key UNIQUE (workspace_id, workflow_run_id, key);
ALTER TABLE ONLY public.tiktok_workflows
    ADD CONSTRAINT tiktok_workflows_pkey PRIMARY KEY (workspace_id, digest);
CREATE INDEX tiktok_agent_runs_of_step ON public.tiktok_agent_runs USING btree (workspace_id, step_id);
CREATE INDEX tiktok_agent_steps_of_step ON public.tiktok_agent_steps USING btree (workspace_id, workflow_run_id, step_id);
CREATE INDEX tiktok_alerts_newest ON public.tiktok_alerts USING btree (workspace_id, created_at DESC);
CREATE INDEX tiktok_briefs_newest ON public.tiktok_briefs USING btree (workspace_id, created_at DESC);
CREATE INDEX tiktok_campaigns_to_look_at ON public.tiktok_campaigns USING btree (look_at) WHERE (look_at IS NOT NULL);
CREATE INDEX tiktok_effects_due ON public.tiktok_effects USING btree (wake_at) WHERE (wake_at IS NOT NULL);
CREATE INDEX tiktok_effects_of_gate ON public.tiktok_effects USING btree (workspace_id, gate_id);
CREATE INDEX tiktok_effects_of_run ON public.tiktok_effects USING btree (workspace_id, run_id);
CREATE INDEX tiktok_gates_of_step ON public.tiktok_gates USING btree (workspace_id, step_id);
CREATE UNIQUE INDEX tiktok_gates_one_open_of_a_step ON public.tiktok_gates USING btree (workspace_id, step_id) WHERE (status = 'open'::public.gate_status);
CREATE INDEX tiktok_gates_open ON public.tiktok_gates USING btree (workspace_id, created_at DESC) WHERE (status = 'open'::public.gate_status);
CREATE INDEX tiktok_ledger_of_brief ON public.tiktok_ledger USING btree (workspace_id, brief_id);
CREATE INDEX tiktok_ledger_of_day ON public.tiktok_ledger USING btree (workspace_id, day, kind);
CREATE INDEX tiktok_ledger_of_run ON public.tiktok_ledger USING btree (workspace_id, run_id);
CREATE INDEX tiktok_outbox_by_time ON public.tiktok_outbox USING brin (created_at) WITH (pages_per_range='32');
CREATE INDEX tiktok_posts_newest ON public.tiktok_posts USING btree (workspace_id, posted_at DESC);
CREATE INDEX tiktok_tellings_due ON public.tiktok_tellings USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX tiktok_wake_ups_admitted ON public.tiktok_wake_ups USING btree (workspace_id) WHERE (state = 'admitted'::public.wake_up_state);
CREATE INDEX tiktok_wake_ups_backlog ON public.tiktok_wake_ups USING btree (workspace_id, priority DESC, wake_at, step_id) WHERE (state = 'backlog'::public.wake_up_state);
CREATE INDEX tiktok_wake_ups_due ON public.tiktok_wake_ups USING btree (wake_at) WHERE (state <> 'backlog'::public.wake_up_state);
CREATE INDEX tiktok_workflow_runs_forks ON public.tiktok_workflow_runs USING btree (workspace_id, forked_from_run_id) WHERE (forked_from_run_id IS NOT NULL);
CREATE INDEX tiktok_workflow_runs_newest ON public.tiktok_workflow_runs USING btree (workspace_id, started_at DESC);
CREATE INDEX tiktok_workflow_runs_of_parent ON public.tiktok_workflow_runs USING btree (workspace_id, parent_run_id) WHERE (parent_run_id IS NOT NULL);
CREATE INDEX tiktok_workflow_steps_waiting ON public.tiktok_workflow_steps USING btree (workspace_id, wake_key) WHERE (wake_key IS NOT NULL);
CREATE INDEX tiktok_workflows_newest ON public.tiktok_workflows USING btree (workspace_id, slug, version DESC, created_at DESC);
CREATE UNIQUE INDEX tiktok_workflows_one_of_a_version ON public.tiktok_workflows USING btree (workspace_id, slug, version) WHERE is_stored;
CREATE TRIGGER decided_gates_stay BEFORE UPDATE ON public.tiktok_gates FOR EACH ROW EXECUTE FUNCTION public.hold_gate_line();
CREATE TRIGGER only_legal_effect_moves BEFORE UPDATE OF status, payload, digest ON public.tiktok_effects FOR EACH ROW EXECUTE FUNCTION public.hold_effect_line();
CREATE TRIGGER only_legal_run_moves BEFORE UPDATE OF status ON public.tiktok_workflow_runs FOR EACH ROW EXECUTE FUNCTION public.hold_run_line();
CREATE TRIGGER only_legal_step_moves BEFORE UPDATE OF status ON public.tiktok_workflow_steps FOR EACH ROW EXECUTE FUNCTION public.hold_step_line();
ALTER TABLE ONLY public.tiktok_agent_runs
    ADD CONSTRAINT tiktok_agent_runs_workspace_id_step_id_fkey FOREIGN KEY (workspace_id, step_id) REFERENCES public.tiktok_workflow_steps(workspace_id, id);
ALTER TABLE ONLY public.tiktok_agent_steps
    ADD CONSTRAINT tiktok_agent_steps_workspace_id_agent_run_id_fkey FOREIGN KEY (workspace_id, agent_run_id) REFERENCES public.tiktok_agent_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_alerts
    ADD CONSTRAINT tiktok_alerts_workspace_id_agent_run_id_fkey FOREIGN KEY (workspace_id, agent_run_id) REFERENCES public.tiktok_agent_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_alerts
    ADD CONSTRAINT tiktok_alerts_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_campaigns
    ADD CONSTRAINT tiktok_campaigns_workspace_id_effect_id_fkey FOREIGN KEY (workspace_id, effect_id) REFERENCES public.tiktok_effects(workspace_id, id);
ALTER TABLE ONLY public.tiktok_campaigns
    ADD CONSTRAINT tiktok_campaigns_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_connected_accounts
    ADD CONSTRAINT tiktok_connected_accounts_workspace_id_brand_id_fkey FOREIGN KEY (workspace_id, brand_id) REFERENCES public.tiktok_brands(workspace_id, id);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_workspace_id_agent_run_id_fkey FOREIGN KEY (workspace_id, agent_run_id) REFERENCES public.tiktok_agent_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_workspace_id_gate_id_fkey FOREIGN KEY (workspace_id, gate_id) REFERENCES public.tiktok_gates(workspace_id, id);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_effects
    ADD CONSTRAINT tiktok_effects_workspace_id_step_id_fkey FOREIGN KEY (workspace_id, step_id) REFERENCES public.tiktok_workflow_steps(workspace_id, id);
ALTER TABLE ONLY public.tiktok_gate_revisions
    ADD CONSTRAINT tiktok_gate_revisions_workspace_id_gate_id_fkey FOREIGN KEY (workspace_id, gate_id) REFERENCES public.tiktok_gates(workspace_id, id);
ALTER TABLE ONLY public.tiktok_gates
    ADD CONSTRAINT tiktok_gates_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_gates
    ADD CONSTRAINT tiktok_gates_workspace_id_step_id_fkey FOREIGN KEY (workspace_id, step_id) REFERENCES public.tiktok_workflow_steps(workspace_id, id);
ALTER TABLE ONLY public.tiktok_ledger
    ADD CONSTRAINT tiktok_ledger_workspace_id_effect_id_fkey FOREIGN KEY (workspace_id, effect_id) REFERENCES public.tiktok_effects(workspace_id, id);
ALTER TABLE ONLY public.tiktok_ledger
    ADD CONSTRAINT tiktok_ledger_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_messages
    ADD CONSTRAINT tiktok_messages_workspace_id_effect_id_fkey FOREIGN KEY (workspace_id, effect_id) REFERENCES public.tiktok_effects(workspace_id, id);
ALTER TABLE ONLY public.tiktok_messages
    ADD CONSTRAINT tiktok_messages_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_metrics
    ADD CONSTRAINT tiktok_metrics_workspace_id_agent_run_id_fkey FOREIGN KEY (workspace_id, agent_run_id) REFERENCES public.tiktok_agent_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_posts
    ADD CONSTRAINT tiktok_posts_workspace_id_effect_id_fkey FOREIGN KEY (workspace_id, effect_id) REFERENCES public.tiktok_effects(workspace_id, id);
ALTER TABLE ONLY public.tiktok_posts
    ADD CONSTRAINT tiktok_posts_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_workflow_runs
    ADD CONSTRAINT tiktok_workflow_runs_workspace_id_brief_id_fkey FOREIGN KEY (workspace_id, brief_id) REFERENCES public.tiktok_briefs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_workflow_runs
    ADD CONSTRAINT tiktok_workflow_runs_workspace_id_definition_digest_fkey FOREIGN KEY (workspace_id, definition_digest) REFERENCES public.tiktok_workflows(workspace_id, digest);
ALTER TABLE ONLY public.tiktok_workflow_runs
    ADD CONSTRAINT tiktok_workflow_runs_workspace_id_forked_from_run_id_fkey FOREIGN KEY (workspace_id, forked_from_run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
ALTER TABLE ONLY public.tiktok_workflow_steps
    ADD CONSTRAINT tiktok_workflow_steps_workspace_id_workflow_run_id_fkey FOREIGN KEY (workspace_id, workflow_run_id) REFERENCES public.tiktok_workflow_runs(workspace_id, id);
CREATE POLICY every_workspace ON public.tiktok_accounts TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_agent_runs TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_agent_steps TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_alerts TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_audit_links TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_brands TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_briefs TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_campaigns TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_caps TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_connected_accounts TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_effects TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_gate_revisions TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_gates TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_ledger TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_messages TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_metrics TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_outbox TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_pauses TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_posts TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_products TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_signals TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_tellings TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_texts TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_wake_ups TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_workflow_runs TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_workflow_steps TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY every_workspace ON public.tiktok_workflows TO army_unscoped USING (true) WITH CHECK (true);
CREATE POLICY own_workspace ON public.tiktok_accounts TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_agent_runs TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_agent_steps TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_alerts TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_audit_links TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_brands TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_briefs TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_campaigns TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_caps TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_connected_accounts TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_effects TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_gate_revisions TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_gates TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_ledger TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_messages TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_metrics TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_outbox TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_pauses TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_posts TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_products TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_signals TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_tellings TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_texts TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_wake_ups TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_workflow_runs TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_workflow_steps TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
CREATE POLICY own_workspace ON public.tiktok_workflows TO army_app USING ((workspace_id = public.app_workspace_id())) WITH CHECK ((workspace_id = public.app_workspace_id()));
ALTER TABLE public.tiktok_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_agent_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_agent_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_audit_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_brands ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_briefs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_campaigns ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_caps ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_connected_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_effects ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_gate_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_gates ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_metrics ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_pauses ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_products ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_signals ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_tellings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_texts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_wake_ups ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_workflow_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_workflow_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiktok_workflows ENABLE ROW LEVEL SECURITY;
GRANT ALL ON SCHEMA public TO army_owner;
GRANT ALL ON FUNCTION public.app_workspace_id() TO army_app;
GRANT ALL ON FUNCTION public.app_workspace_id() TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_accounts TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_agent_runs TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_agent_steps TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_alerts TO army_app;
GRANT SELECT,INSERT ON TABLE public.tiktok_audit_links TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_brands TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_briefs TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_campaigns TO army_app;
GRANT SELECT(workspace_id) ON TABLE public.tiktok_campaigns TO army_unscoped;
GRANT SELECT(id) ON TABLE public.tiktok_campaigns TO army_unscoped;
GRANT SELECT(look_at),UPDATE(look_at) ON TABLE public.tiktok_campaigns TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_caps TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_connected_accounts TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_effects TO army_app;
GRANT SELECT(workspace_id) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(id) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(run_id) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(status) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(leased_until) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(not_before) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(wake_at),UPDATE(wake_at) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT(generation),UPDATE(generation) ON TABLE public.tiktok_effects TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_gate_revisions TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_gates TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_ledger TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_messages TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_metrics TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_outbox TO army_app;
GRANT SELECT(workspace_id) ON TABLE public.tiktok_outbox TO army_unscoped;
GRANT SELECT(subject_id) ON TABLE public.tiktok_outbox TO army_unscoped;
GRANT SELECT(seq) ON TABLE public.tiktok_outbox TO army_unscoped;
GRANT SELECT(created_at) ON TABLE public.tiktok_outbox TO army_unscoped;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tiktok_pauses TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_posts TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_products TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_signals TO army_app;
GRANT SELECT,UPDATE ON TABLE public.tiktok_telling_mark TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_tellings TO army_app;
GRANT SELECT(workspace_id),INSERT(workspace_id) ON TABLE public.tiktok_tellings TO army_unscoped;
GRANT SELECT(subject_id),INSERT(subject_id) ON TABLE public.tiktok_tellings TO army_unscoped;
GRANT SELECT(published_seq) ON TABLE public.tiktok_tellings TO army_unscoped;
GRANT SELECT(mirrored_seq) ON TABLE public.tiktok_tellings TO army_unscoped;
GRANT SELECT(due_at),INSERT(due_at),UPDATE(due_at) ON TABLE public.tiktok_tellings TO army_unscoped;
GRANT SELECT(generation),INSERT(generation),UPDATE(generation) ON TABLE public.tiktok_tellings TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_texts TO army_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tiktok_wake_ups TO army_app;
GRANT SELECT,UPDATE ON TABLE public.tiktok_wake_ups TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_workflow_runs TO army_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_workflow_steps TO army_app;
GRANT SELECT(workspace_id) ON TABLE public.tiktok_workflow_steps TO army_unscoped;
GRANT SELECT(id) ON TABLE public.tiktok_workflow_steps TO army_unscoped;
GRANT SELECT(status) ON TABLE public.tiktok_workflow_steps TO army_unscoped;
GRANT SELECT(leased_until) ON TABLE public.tiktok_workflow_steps TO army_unscoped;
GRANT SELECT(not_before) ON TABLE public.tiktok_workflow_steps TO army_unscoped;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tiktok_workflows TO army_app;
