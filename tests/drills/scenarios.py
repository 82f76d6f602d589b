"""Every drill by name, with what its full version makes smaller than the figures it is measured against."""

from __future__ import annotations

from local.drill.running import Scenario
from tests.drills.scenarios_clocks import CLOCKS, shift_clocks
from tests.drills.scenarios_connections import FIFTY, fill_postgres
from tests.drills.scenarios_deliveries import deliver_copies, lose_wake_ups, race_joins, refuse_deliveries
from tests.drills.scenarios_gates import SHORT_EFFECTS, do_effects, race_decisions, wait_a_month
from tests.drills.scenarios_kills import kill_at_random, kill_before_the_commit, stop_past_the_lease
from tests.drills.scenarios_money import race_for_the_budget
from tests.drills.scenarios_platform import (
    SHORT_TIMEOUT,
    end_postgres,
    run_out_of_time,
)
from tests.drills.scenarios_telling import TELLING, crash_drains, shake_the_mirror
from tests.drills.scenarios_tenants import flood_the_queue
from tests.drills.scenarios_versions import HUNDRED, cancel_storm, deploy_in_flight

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("F1", "executors are killed at random", kill_at_random, "1,000 attempts, 1 in 5 lost at least"),
    Scenario(
        "F2",
        "death between the answer and its commit",
        kill_before_the_commit,
        "every call site once; there are no batch calls",
    ),
    Scenario("F3", "every task is delivered two to five times", deliver_copies, "40 runs"),
    Scenario("F4", "executors sleep through their lease", stop_past_the_lease, "100 attempts overtaken"),
    Scenario("F6", "Postgres ends again and again", end_postgres, "5,000 steps; every 5-20 s, for 5-40 s"),
    Scenario(
        "F7",
        "Postgres has no connection left",
        fill_postgres,
        "50 executors, 20 connections, 3 of them reserved",
        FIFTY,
    ),
    Scenario("F8", "the platform refuses deliveries", refuse_deliveries, "5 min"),
    Scenario("F9", "createTask fails, with and without a task", lose_wake_ups, "100 runs of 16 steps"),
    Scenario("F10", "branches of a join end together", race_joins, "10,000 joins"),
    Scenario("F13", "one workspace floods the queue", flood_the_queue, "10,000 steps beside 10"),
    Scenario("F14", "calls race for the last cent of a cap", race_for_the_budget, "20 runs of 200 calls"),
    Scenario("F15", "decisions race at gates", race_decisions, "1,000 gates of 20 decisions"),
    Scenario("F16", "a wait of thirty days", wait_a_month, "200 runs; rows move back in time, no clock is shifted"),
    Scenario("F18", "new definitions and new doors under way", deploy_in_flight, "102 runs of 3 versions"),
    Scenario("F19", "executors with wrong clocks", shift_clocks, "10 min ahead, behind and jumping", CLOCKS),
    Scenario("F17", "a storm of cancellations", cancel_storm, "100 runs, all at a model call", HUNDRED),
    Scenario("F5", "a step needs more time than a request has", run_out_of_time, "10 s", SHORT_TIMEOUT),
    Scenario("F11", "the outbox drainer crashes", crash_drains, "1,000 events", TELLING),
    Scenario("F12", "the mirror is slow and aborts", shake_the_mirror, "50 updates/s", TELLING),
    Scenario("I10", "vendors act, and nobody hears of it", do_effects, "600 effects", SHORT_EFFECTS),
)
