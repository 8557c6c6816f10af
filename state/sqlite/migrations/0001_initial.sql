-- The ledger. Instants are UTC seconds; attempts carry fractions. `target` is '' unless a job runs for many; it is part
-- of the key wherever a job is. `host` is the id of a state directory, see `hosts`.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What people call a host, and when it last ticked.
CREATE TABLE hosts (
    host    TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;

-- Where each job stands: every slot up to `position` has a verdict; the later ones are open for `open_reason`.
CREATE TABLE jobs (
    job           TEXT NOT NULL,
    target        TEXT NOT NULL DEFAULT '',
    position      INTEGER NOT NULL,
    open_reason   TEXT,
    next_due      INTEGER,
    window_start  INTEGER,
    last_run_id   TEXT,
    last_run_at   REAL,
    last_status   TEXT,
    last_result   TEXT,
    run_count     INTEGER NOT NULL DEFAULT 0,
    failure_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, target)
) WITHOUT ROWID;
CREATE INDEX jobs_by_next_due ON jobs (next_due);

-- Slots in (starts_at, ends_at] belong to the epoch; no row is open while the job is disabled or gone.
CREATE TABLE epochs (
    id        INTEGER PRIMARY KEY,
    job       TEXT NOT NULL,
    target    TEXT NOT NULL DEFAULT '',
    starts_at INTEGER NOT NULL,
    ends_at   INTEGER,
    schedules TEXT NOT NULL -- a JSON list
);
CREATE UNIQUE INDEX epochs_open ON epochs (job, target) WHERE ends_at IS NULL;
CREATE INDEX epochs_by_job ON epochs (job, target, starts_at);

-- One row a slot, or a span of slots that share a verdict. The key is the claim: no slot starts twice.
-- `verdict` is NULL while the slot's run is open.
CREATE TABLE slots (
    job        TEXT NOT NULL,
    target     TEXT NOT NULL DEFAULT '',
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    count      INTEGER NOT NULL DEFAULT 1,
    verdict    TEXT,
    reason     TEXT NOT NULL DEFAULT '',
    run_id     TEXT,
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (job, target, first)
) WITHOUT ROWID;

CREATE TABLE runs (
    run_id         TEXT PRIMARY KEY,
    job            TEXT NOT NULL,
    target         TEXT NOT NULL DEFAULT '',
    slot           INTEGER,
    slots          INTEGER NOT NULL DEFAULT 0,
    triggered_by   TEXT NOT NULL,
    attempt        INTEGER NOT NULL,
    interruptions  INTEGER NOT NULL DEFAULT 0,
    deferrals      INTEGER NOT NULL DEFAULT 0,
    status         TEXT NOT NULL,
    reason         TEXT NOT NULL DEFAULT '',
    retry_at       INTEGER,
    window_start   INTEGER,
    event          TEXT NOT NULL DEFAULT '',
    payload        TEXT NOT NULL DEFAULT '{}',
    parent         TEXT NOT NULL DEFAULT '',
    step           INTEGER NOT NULL DEFAULT 0,
    depth          INTEGER NOT NULL DEFAULT 0,
    tick           TEXT NOT NULL,
    boot           TEXT NOT NULL,
    host           TEXT NOT NULL,
    stop_requested INTEGER NOT NULL DEFAULT 0,
    claimed_at     REAL NOT NULL,
    started_at     REAL,
    finished_at    REAL,
    duration_ms    INTEGER,
    exit_code      INTEGER,
    result         TEXT
);
CREATE INDEX runs_open ON runs (status) WHERE status IN ('claimed', 'running', 'waiting_retry');
CREATE INDEX runs_by_job ON runs (job, target, claimed_at);
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent != '';
CREATE INDEX runs_by_time ON runs (claimed_at);
CREATE INDEX runs_by_status ON runs (status, claimed_at);

-- One row a try. `output` is its output's file, relative to the state directory, NULL where it printed nothing; `result`
-- is what its handler reported, as JSON. `class` is the kind of failure; `model`, `tokens` and `cost` are an agent's.
CREATE TABLE attempts (
    run_id      TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    status      TEXT NOT NULL,
    reason      TEXT NOT NULL DEFAULT '',
    started_at  REAL,
    finished_at REAL,
    duration_ms INTEGER,
    exit_code   INTEGER,
    output      TEXT,
    result      TEXT,
    class       TEXT,
    model       TEXT,
    tokens      INTEGER,
    cost        REAL,
    PRIMARY KEY (run_id, attempt)
) WITHOUT ROWID;

-- What people set by hand on top of the configuration. The job '' is every job.
CREATE TABLE overrides (
    job     TEXT NOT NULL,
    target  TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL,
    PRIMARY KEY (job, target)
) WITHOUT ROWID;

-- On one host, or, with '', on all.
CREATE TABLE pauses (
    job    TEXT NOT NULL,
    target TEXT NOT NULL DEFAULT '',
    host   TEXT NOT NULL DEFAULT '',
    until  INTEGER,
    PRIMARY KEY (job, target, host)
) WITHOUT ROWID;

-- What started a job that no schedule asked for: an event that it listens to, one row a listener, until its run
-- is claimed. `depth` counts the events that led to this one.
CREATE TABLE triggers (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: run ids are made of it
    job     TEXT NOT NULL,
    target  TEXT NOT NULL DEFAULT '',
    event   TEXT NOT NULL,
    payload TEXT NOT NULL,
    at      REAL NOT NULL,
    depth   INTEGER NOT NULL,
    parent  TEXT NOT NULL DEFAULT '',
    step    INTEGER NOT NULL DEFAULT 0
);

-- Running totals that handlers count (`auto_opened`, ...).
CREATE TABLE totals (
    job    TEXT NOT NULL,
    target TEXT NOT NULL DEFAULT '',
    name   TEXT NOT NULL,
    total  INTEGER NOT NULL,
    PRIMARY KEY (job, target, name)
) WITHOUT ROWID;

-- What was true at the last look, and since when: `since` tells one stay of a condition from the next.
CREATE TABLE conditions (
    job         TEXT NOT NULL,
    target      TEXT NOT NULL DEFAULT '',
    key         TEXT NOT NULL,
    grp         TEXT NOT NULL,
    payload     TEXT NOT NULL,
    event       TEXT,
    since       REAL NOT NULL,
    notified_at REAL,
    PRIMARY KEY (job, target, key)
) WITHOUT ROWID;

-- Notices that are decided and not yet delivered, written in the transaction that decided them. `host` decided it.
CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    notice     TEXT NOT NULL,
    host       TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    next_try   INTEGER NOT NULL,
    last_error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- What a job's ledger held beyond an instant that the clock went back to: it counts again once the clock is right
-- again. `slots` and `epochs` are JSON lists of those tables' rows.
CREATE TABLE laid_aside (
    id           INTEGER PRIMARY KEY,
    job          TEXT NOT NULL,
    target       TEXT NOT NULL DEFAULT '',
    position     INTEGER NOT NULL,
    back_to      INTEGER NOT NULL,
    window_start INTEGER,
    slots        TEXT NOT NULL,
    epochs       TEXT NOT NULL
);
