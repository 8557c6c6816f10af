-- A round of a tick reads the start requests and the open runs of a few jobs, not those of all.

CREATE INDEX start_requests_by_job ON start_requests (job, target, id);
CREATE INDEX runs_open_by_job ON runs (job, target) WHERE status IN ('claimed', 'running', 'waiting_retry');

-- A notice replaces an undelivered one with the same recipient and key.

ALTER TABLE outbox ADD COLUMN recipient TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN upsert_key TEXT NOT NULL DEFAULT '';
UPDATE outbox SET recipient = coalesce(json_extract(notice, '$.recipient'), ''),
    upsert_key = coalesce(json_extract(notice, '$.upsert_key'), '') WHERE json_valid(notice);
CREATE INDEX outbox_upserts ON outbox (recipient, upsert_key) WHERE upsert_key != '';
CREATE INDEX outbox_by_time ON outbox (created_at, id);
CREATE INDEX outbox_by_next_try ON outbox (next_try);
