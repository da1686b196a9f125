"""The promises that are broken on purpose, by what they are about."""

from tests.mutants.mutant import Mutant

_WRITER = "tests/integration/test_writer.py"
_RETRIES = "tests/integration/test_retries.py"
_BROKER = "tests/contract/test_broker.py"
_BEAT = "tests/integration/test_beat.py"
_POLICIES = "tests/unit/test_policies.py"
_GIVEN_BACK = "tests/integration/test_given_back.py"
_LINGERING = "tests/integration/test_lingering.py"
_LIMITS = "tests/integration/test_limits.py"

DELIVERY = (
    Mutant(
        name="fence-ignores-worker",
        path="taskhub/writer/outcomes.py",
        old="attempts == attempt.number and worker_ids[-1:] == [attempt.worker_id]",
        new="attempts == attempt.number",
        tests=(_WRITER,),
    ),
    Mutant(
        name="fence-ignores-attempt",
        path="taskhub/writer/outcomes.py",
        old="attempts == attempt.number and worker_ids[-1:] == [attempt.worker_id]",
        new="worker_ids[-1:] == [attempt.worker_id]",
        tests=(_WRITER,),
    ),
    Mutant(
        name="death-overwrites-another-attempt",
        path="taskhub/writer/giving_back.py",
        old=" if row.worker_ids[-1:] == [holders[row.pk]]",
        new="",
        tests=(_GIVEN_BACK,),
    ),
    Mutant(
        name="what-is-given-back-stays-running",
        path="taskhub/worker/process.py",
        old="self._writer.give_back(run)",
        new="pass",
        tests=(_GIVEN_BACK,),
    ),
    Mutant(
        name="what-lingers-is-not-ended-by-force",
        path="taskhub/operations/results.py",
        old="forced = writer.write_forced(lingering, reason, bulk_action=bulk_action)",
        new="forced = lingering[:0]",
        tests=(_LINGERING,),
    ),
    Mutant(
        name="who-does-not-obey-is-not-killed",
        path="taskhub/worker/lingering.py",
        old="self._kill(token)",
        new="pass",
        tests=(_LINGERING,),
    ),
    Mutant(
        name="rows-are-locked-in-no-order",
        path="taskhub/writer/rows.py",
        old='return rows.order_by("pk").select_for_update()',
        new="return rows.select_for_update()",
        tests=(_WRITER,),
        database="postgres",
    ),
    Mutant(
        name="single-outcome-overwrites-a-marked-row",
        path="taskhub/writer/alone.py",
        old="pk=attempt.message.id, status=Status.READY, attempts=0",
        new="pk=attempt.message.id",
        tests=(_WRITER,),
    ),
    Mutant(
        name="mark-overwrites-a-claim",
        path="taskhub/writer/groups.py",
        old="pk=attempt.message.id, status=Status.READY, attempts=0",
        new="pk=attempt.message.id",
        tests=(_WRITER,),
    ),
    Mutant(
        name="progress-of-a-zombie",
        path="taskhub/writer/groups.py",
        old=".filter(own, pk=attempt.message.id)",
        new=".filter(pk=attempt.message.id)",
        tests=(_WRITER,),
    ),
    Mutant(
        name="finished-row-is-claimed",
        path="taskhub/writer/claims.py",
        old="if row is None or row.is_finished:",
        new="if row is None:",
        tests=(_WRITER, "tests/integration/test_bad_messages.py"),
    ),
    Mutant(
        name="death-is-not-counted",
        path="taskhub/writer/claims.py",
        old="if returned.died and not waits",
        new="if False and not waits",
        tests=(_WRITER,),
    ),
    Mutant(
        name="poison-is-run-for-ever",
        path="taskhub/execution/preparer.py",
        old="if attempt.deaths > self._max_redeliveries:",
        new="if attempt.deaths > 50:",
        tests=(
            "tests/integration/test_dying.py::test_a_task_that_kills_its_process_is_given_up",
        ),
    ),
    Mutant(
        name="outcome-of-an-atomic-task-is-outside-its-transaction",
        path="taskhub/execution/executor.py",
        old="            with transaction.atomic(using=results_database()):\n",
        new="            if True:\n",
        tests=("tests/integration/test_atomic.py",),
    ),
    Mutant(
        name="expired-task-is-run",
        path="taskhub/execution/preparer.py",
        old="if message.expires_at and message.expires_at <= attempt.started_at:",
        new="if False:",
        tests=("tests/integration/test_worker.py",),
    ),
    Mutant(
        name="sweep-pushes-nothing",
        path="taskhub/worker/sweeper.py",
        old="                outbox.push_again(self._config, group)\n",
        new="                pass\n",
        tests=("tests/integration/test_sweep.py",),
    ),
    Mutant(
        name="sweep-pushes-what-runs",
        path="taskhub/worker/sweeper.py",
        old="return is_new or row.worker_ids[-1] in living",
        new="return False",
        tests=("tests/integration/test_sweep.py",),
    ),
    Mutant(
        name="push-does-not-wait-for-the-commit",
        path="taskhub/outbox.py",
        old="        transaction.on_commit(_Push(config, rows), using=alias)\n",
        new="        _Push(config, rows)()\n",
        tests=("tests/integration/test_outbox.py",),
    ),
    Mutant(
        name="push-joins-another-savepoint",
        path="taskhub/outbox.py",
        old="        and savepoints == set(connection.savepoint_ids)\n",
        new="        and savepoints is not None\n",
        tests=("tests/integration/test_outbox.py",),
    ),
)

BROKERS = (
    Mutant(
        name="redis-hands-out-what-is-not-due",
        path="taskhub/brokers/redis/reserve.lua",
        old="'-inf', now, 'LIMIT', 0, 1000)",
        new="'-inf', '+inf', 'LIMIT', 0, 1000)",
        tests=(_BROKER,),
    ),
    Mutant(
        name="lost-leases-of-many-empty-queues-go-unnoticed",
        path="taskhub/brokers/redis/occupied.py",
        old="ready or delayed or not lease_end",
        new="ready or delayed",
        tests=("tests/contract/test_broker.py",),
    ),
    Mutant(
        name="a-migration-stops-bulk-actions",
        path="taskhub/operations/bulk.py",
        old="if writer.is_transient(error):",
        new="if False:",
        tests=("tests/integration/test_bulk.py",),
    ),
    Mutant(
        name="redis-hands-out-of-a-paused-queue",
        path="taskhub/brokers/redis/reserve.lua",
        old="if redis.call('EXISTS', KEYS[7]) == 1 then",
        new="if false then",
        tests=("tests/integration/test_queues.py",),
    ),
    Mutant(
        name="redis-hands-out-without-a-lease",
        path="taskhub/brokers/redis/reserve.lua",
        old="if not lease_end or tonumber(lease_end) == 0 then",
        new="if false then",
        tests=(_BROKER,),
    ),
    Mutant(
        name="redis-lets-others-acknowledge",
        path="taskhub/brokers/redis/acknowledge.lua",
        old="if redis.call('ZREM', KEYS[4], id) == 1 and has_lease then",
        new="if true then",
        tests=(_BROKER,),
    ),
    Mutant(
        name="redis-loses-what-is-reclaimed",
        path="taskhub/brokers/redis/reclaim.lua",
        old="  redis.call('ZADD', KEYS[3], rank, id)\n",
        new="",
        tests=(_BROKER,),
    ),
    Mutant(
        name="redis-leaves-no-hints",
        path="taskhub/brokers/redis/push.lua",
        old="leave_hints(awake, most_hints)",
        new="leave_hints(0, most_hints)",
        tests=("tests/contract/test_redis_hints.py",),
    ),
    Mutant(
        name="priorities-are-upside-down",
        path="taskhub/brokers/redis/encoding.py",
        old="(100 - envelope.priority << 44)",
        new="(100 + envelope.priority << 44)",
        tests=(_BROKER,),
    ),
    Mutant(
        name="rows-are-handed-out-before-they-are-due",
        path="taskhub/brokers/database/broker.py",
        old="(place=Place.DELAYED, run_after__lte=DatabaseNow())",
        new="(place=Place.DELAYED)",
        tests=(_BROKER,),
    ),
    Mutant(
        name="database-hands-out-of-a-paused-queue",
        path="taskhub/brokers/database/broker.py",
        old="            ~Exists(self._pauses(queue_name)),\n",
        new="",
        tests=("tests/integration/test_queues.py",),
    ),
    Mutant(
        name="mariadb-time-is-the-servers",
        path="taskhub/models/clock.py",
        old='template = f"(UTC_TIMESTAMP(6){shift})"',
        new='template = f"(CURRENT_TIMESTAMP(6){shift})"',
        tests=("tests/integration/test_database_clock.py",),
        database="mariadb",
    ),
    Mutant(
        name="forged-messages-are-run",
        path="taskhub/messages.py",
        old="hmac.compare_digest(",
        new="len(",
        tests=("tests/unit/test_messages.py",),
    ),
)

RUNS = (
    Mutant(
        name="backoff-never-grows",
        path="taskhub/tasks/result.py",
        old='return sum(getattr(error, "counts", True) for error in self.errors)',
        new="return min(1, len(self.errors))",
        tests=(_RETRIES,),
    ),
    Mutant(
        name="errors-of-earlier-attempts-are-not-shown",
        path="taskhub/execution/signals.py",
        old='    result.change("errors", errors)\n',
        new='    result.change("errors", errors[-1:])\n',
        tests=(_RETRIES,),
    ),
    Mutant(
        name="attempts-have-no-limit",
        path="taskhub/execution/retrying.py",
        old="if run.attempt.failures >= task.max_attempts:",
        new="if run.attempt.failures >= task.max_attempts + 1:",
        tests=(_RETRIES,),
    ),
    Mutant(
        name="give-up-on-is-ignored",
        path="taskhub/execution/retrying.py",
        old="if not reasons or not all(",
        new="if not reasons or False and not all(",
        tests=(_RETRIES,),
    ),
    Mutant(
        name="groups-of-exceptions-are-not-looked-into",
        path="taskhub/exception_tree.py",
        old="            pending.extend(reversed(found.exceptions))\n\n\ndef related",
        new="            pass\n\n\ndef related",
        tests=(_RETRIES,),
    ),
    Mutant(
        name="a-pause-of-nothing-is-no-pause",
        path="taskhub/execution/retrying.py",
        old="pauses = [after for after in asked if after is not None]",
        new="pauses = [after for after in asked if after]",
        tests=(_RETRIES,),
    ),
    Mutant(
        name="a-retry-by-a-person-is-one-attempt",
        path="taskhub/writer/interventions.py",
        old='"before_retry": True',
        new='"before_retry": False',
        tests=(_RETRIES,),
    ),
    Mutant(
        name="a-timeout-is-not-raised",
        path="taskhub/worker/limits.py",
        old="                run.interrupt.send(error)\n",
        new="                pass\n",
        tests=(_LIMITS,),
    ),
    Mutant(
        name="a-hard-timeout-is-ignored",
        path="taskhub/worker/limits.py",
        old="if hard is not None and seconds > hard:",
        new="if False:",
        tests=(_LIMITS,),
    ),
    Mutant(
        name="processes-are-never-replaced",
        path="taskhub/worker/limits.py",
        old="        self._tasks += 1\n",
        new="        pass\n",
        tests=(_LIMITS,),
    ),
    Mutant(
        name="sessions-are-not-reset",
        path="taskhub/execution/sessions.py",
        old='"DISCARD ALL"',
        new='"SELECT 1"',
        tests=("tests/integration/test_connections.py",),
        database="postgres",
    ),
)

SCHEDULES = (
    Mutant(
        name="missed-runs-are-not-skipped",
        path="taskhub/beat/policies.py",
        old="ticks = [] if too_late or latest > end else [latest]",
        new="ticks = [] if latest > end else [latest]",
        tests=(_POLICIES,),
    ),
    Mutant(
        name="runs-have-no-limit",
        path="taskhub/beat/policies.py",
        old="ticks = ticks[: max(0, row.max_runs - row.total_run_count)]",
        new="pass",
        tests=(_POLICIES,),
    ),
    Mutant(
        name="overlapping-runs-are-not-skipped",
        path="taskhub/beat/look.py",
        old="            if row.overlap == Overlap.SKIP:\n",
        new="            if False:\n",
        tests=(_BEAT,),
    ),
    Mutant(
        name="failures-in-a-row-disable-nothing",
        path="taskhub/beat/look.py",
        old="        if row.pk in self._failing:\n",
        new="        if False:\n",
        tests=(_BEAT,),
    ),
    Mutant(
        name="one-odd-row-stops-its-neighbours",
        path="taskhub/beat/ticker.py",
        old="            if is_transient(error):\n                raise\n",
        new="            raise\n",
        tests=("tests/integration/test_beat_isolation.py",),
    ),
    Mutant(
        name="a-plan-of-old-rules-is-kept",
        path="taskhub/beat/look.py",
        old="        if row.is_plan_outdated:\n",
        new="        if False:\n",
        tests=("tests/integration/test_zone_rules.py",),
    ),
    Mutant(
        name="a-stale-save-undoes-what-the-beat-wrote",
        path="taskhub/models/shared_row.py",
        old="        return bool(read != self.__dict__[field.attname])\n",
        new="        return read is not None\n",
        tests=("tests/integration/test_shared_rows.py",),
    ),
)

PAGES = (
    Mutant(
        name="masked-arguments-are-shown",
        path="taskhub/tasks/masking.py",
        old="        return bool(hidden)\n",
        new="        return False\n",
        tests=("tests/integration/test_admin_result.py",),
    ),
    Mutant(
        name="masked-arguments-can-be-looked-up",
        path="taskhub/admin/lookups.py",
        old="            lookup in self._parameters(request)\n",
        new="            True\n",
        tests=("tests/integration/test_admin_masking.py",),
    ),
    Mutant(
        name="a-narrowed-list-is-not-heeded",
        path="taskhub/admin/results/bulk.py",
        old="    if not is_restricted(rows):\n        return selection\n    meant",
        new="    if True:\n        return selection\n    meant",
        tests=("tests/integration/test_admin_tenants.py",),
    ),
    Mutant(
        name="whoever-views-may-cancel",
        path="taskhub/admin/results/permissions.py",
        old='return request.user.has_perm("taskhub.cancel_taskresult")',
        new="return True",
        tests=(
            "tests/integration/test_admin_result.py",
            "tests/integration/test_admin.py",
        ),
    ),
    Mutant(
        name="formulas-are-exported",
        path="taskhub/admin/results/exporting.py",
        old="if isinstance(value, str) and value.startswith(_FORMULA):",
        new="if False:",
        tests=("tests/integration/test_admin_filters.py",),
    ),
    Mutant(
        name="a-silent-network-is-waited-for",
        path="taskhub/management/network_waits.py",
        old="                _add(alias, _POSTGRESQL)",
        new="                pass",
        tests=("tests/integration/test_network_waits.py",),
        database="postgres",
    ),
    Mutant(
        name="arguments-lose-the-order-of-their-keys",
        path="taskhub/models/exact_json.py",
        old="return json.dumps(value, cls=self.encoder)",
        new="return json.dumps(value, cls=self.encoder, sort_keys=True)",
        tests=("tests/integration/test_exact_json.py",),
        database="postgres",
    ),
    Mutant(
        name="failures-are-pruned-like-successes",
        path="taskhub/operations/pruning.py",
        old="(_FAILED, retention.failed_days)",
        new="(_FAILED, retention.days)",
        tests=("tests/integration/test_pruning.py",),
    ),
    Mutant(
        name="unfinished-results-are-pruned",
        path="taskhub/operations/pruning.py",
        old="rest = own.exclude(status__in=UNFINISHED)",
        new="rest = own",
        tests=("tests/integration/test_pruning.py",),
    ),
)

MUTANTS = (*DELIVERY, *BROKERS, *RUNS, *SCHEDULES, *PAGES)
