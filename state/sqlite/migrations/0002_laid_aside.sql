-- What a job's ledger held beyond an instant that the clock went back to: it counts again once the clock is right
-- again. `slots` and `epochs` are JSON lists of those tables' rows.
CREATE TABLE laid_aside (
    id           INTEGER PRIMARY KEY,
    job          TEXT NOT NULL,
    position     INTEGER NOT NULL,
    back_to      INTEGER NOT NULL,
    window_start INTEGER,
    slots        TEXT NOT NULL,
    epochs       TEXT NOT NULL
);
