-- A year of many runs takes less space. The index of statuses is for the few runs that did not succeed.

DROP INDEX runs_by_status;
CREATE INDEX runs_by_status ON runs (status, claimed_at) WHERE status != 'success';

-- Where a run succeeded at its first attempt, its own row has all about the attempt: then `printed` is whether it printed
-- something, otherwise NULL. `attempts` is all attempts that have ended, `other_attempts` those with a row of their own.

ALTER TABLE runs ADD COLUMN printed INTEGER;
ALTER TABLE attempts RENAME TO other_attempts;
ALTER TABLE other_attempts ADD COLUMN printed INTEGER NOT NULL DEFAULT 0;
UPDATE other_attempts SET printed = output IS NOT NULL;
ALTER TABLE other_attempts DROP COLUMN output;

-- The boot of a host in which a run was claimed. The name of a tick is that of a run that is under way, or '' later.

CREATE TABLE origins (
    id   INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    UNIQUE (host, boot)
);
INSERT INTO origins (host, boot) SELECT DISTINCT host, boot FROM runs;
ALTER TABLE runs ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET origin = (SELECT id FROM origins WHERE origins.host = runs.host AND origins.boot = runs.boot),
    tick = iif(status IN ('claimed', 'running', 'waiting_retry') OR tick = 'chain', tick, '');
ALTER TABLE runs DROP COLUMN host;
ALTER TABLE runs DROP COLUMN boot;

CREATE VIEW attempts AS
SELECT run_id, attempt, status, reason, started_at, finished_at, duration_ms, exit_code, printed, result, class, model,
    tokens, cost FROM other_attempts
UNION ALL
SELECT run_id, attempt, status, reason, started_at, finished_at, duration_ms, exit_code, printed, result, NULL, NULL,
    NULL, NULL FROM runs WHERE printed IS NOT NULL;
