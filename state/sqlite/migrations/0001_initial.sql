-- The schema of the ledger. Instants are UTC seconds: INTEGER in whole seconds, REAL with a fraction. `target` is '' for a
-- job without targets; a job and its target are always a key together. `host` is the id of a host, see `hosts`.
-- Comments inside a CREATE statement are part of the schema that SQLite stores and `SqliteLedger.check` compares: a
-- change to one needs a migration.

-- Values that belong to no job, by key.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The name of each host, and the instant of its last tick.
CREATE TABLE hosts (
    host    TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;

-- The position and the summary of each job: every slot up to `position` has a verdict; `open_reason` is why its due slots
-- are open. `last_result` is the JSON document of the last run. A job without an epoch keeps its row.
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

-- The slots in (starts_at, ends_at] belong to the epoch. `ends_at` is NULL while the epoch is open. A job that is disabled
-- or no longer configured has no open epoch.
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

-- One row for each slot, or for a span of `count` slots with the same verdict. The primary key makes a claim exclusive, so
-- that no slot starts twice. `verdict` is NULL while the run of the slot is open.
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

-- One row for each run. `slot` is NULL unless a schedule started it; `slots` counts the slots that it covers. `payload` is
-- JSON. `parent` and `step` are the chain run that started it and its step; `depth` counts the events that led to it.
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

-- One row for each attempt that has ended. `output` is the file of its output, relative to the state directory, NULL if it
-- printed nothing. `result` is the document that its handler returned, as JSON. `class` is the kind of failure; `model`,
-- `tokens` and `cost` are reported by agents.
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

-- Jobs that the user enabled (1) or disabled (0) with a command, on top of the configuration.
CREATE TABLE overrides (
    job     TEXT NOT NULL,
    target  TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL,
    PRIMARY KEY (job, target)
) WITHOUT ROWID;

-- Jobs that the user paused; the job '' is all jobs. `until` is NULL for a pause without an end. A pause
-- holds on the host `host`, or on all hosts if it is ''.
CREATE TABLE pauses (
    job    TEXT NOT NULL,
    target TEXT NOT NULL DEFAULT '',
    host   TEXT NOT NULL DEFAULT '',
    until  INTEGER,
    PRIMARY KEY (job, target, host)
) WITHOUT ROWID;

-- Start requests: one row for each job that an event or a chain starts, until its run is claimed. `depth` counts the events
-- that led to this one; `parent` and `step` are the chain run and its step.
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

-- The conditions that were true at the last check. `since` is the instant when the condition appeared; it distinguishes one
-- occurrence from the next. `notified_at` is the instant when the user was last notified of it.
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

-- Notices that are not delivered yet, each written in the transaction in which its cause was recorded. `host` is the host
-- that wrote it.
CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    notice     TEXT NOT NULL,
    host       TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    next_try   INTEGER NOT NULL,
    last_error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- The state of a job before the clock went back to `back_to`: its position and window_start, and its slots and epochs after
-- `back_to`, as JSON lists of rows. It is restored once the clock is right again.
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
