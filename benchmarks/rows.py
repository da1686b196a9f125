"""Rows of finished tasks, which the database creates: a million in a minute."""

_ROWS = """
INSERT INTO taskhub_taskresult (
    id, task_path, queue_name, backend, priority, status, args, kwargs, errors,
    attempts, worker_ids, enqueued_at, started_at, last_attempted_at, finished_at,
    meta, storage_notes, cause, place, held_by, returned
)
SELECT
    CAST(lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0')
        AS uuid),
    'benchmarks.tasks.task_' || n %% 20, 'default', 'default', 0,
    CASE WHEN n %% 20 = 0 THEN 'FAILED' ELSE 'SUCCESSFUL' END,
    jsonb_build_array(n), jsonb_build_object('user_id', n %% 1000),
    CASE WHEN n %% 20 = 0 THEN jsonb_build_array(jsonb_build_object(
        'attempt', 1, 'failed_at', at, 'exception_class_path', 'builtins.ValueError',
        'message', 'no such thing: ' || n, 'place', 'shop/tasks.py:42 in charge',
        'traceback', repeat('  File "shop/tasks.py", line 42, in charge ' || n, 30)
    )) ELSE '[]' END,
    1, '["node-1"]', at, at, at, at, '{{}}', '{{}}',
    CASE WHEN n %% 20 = 0 THEN 'cause-' || n / 20 %% 30 ELSE '' END, '', '', ''
FROM generate_series(1, {rows}) AS n,
    LATERAL (SELECT now() - interval '1 day' + n * interval '50 ms' AS at) AS moments
"""


def insert_finished(rows: int) -> None:
    """Insert `rows` finished results of the last day; one in twenty has failed."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(rows=rows), [])
    settle()


def settle() -> None:
    """Vacuum and checkpoint now, as if the rows had been written over weeks."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE taskhub_taskresult")
        cursor.execute("CHECKPOINT")
