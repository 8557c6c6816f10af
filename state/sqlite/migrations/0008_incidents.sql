-- What is known of each trouble, and which notices were made about it: `incident` is a JSON document.
CREATE TABLE incidents (
    name     TEXT PRIMARY KEY,
    incident TEXT NOT NULL
) WITHOUT ROWID;

-- Jobs and targets about which the user wants no notices; `until` is NULL for no end.
CREATE TABLE mutes (
    job    TEXT NOT NULL,
    target TEXT NOT NULL DEFAULT '',
    until  INTEGER,
    PRIMARY KEY (job, target)
) WITHOUT ROWID;
