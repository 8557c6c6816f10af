-- The generation of the ledger before the transaction that last changed what the snapshot shows of a job.

ALTER TABLE jobs ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER jobs_created AFTER INSERT ON jobs BEGIN
    UPDATE jobs SET changed = ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'), 0)
    WHERE job = NEW.job AND target = NEW.target;
END;

CREATE TRIGGER jobs_changed
AFTER UPDATE OF position, next_due, window_start, last_run_at, last_status, run_count, failure_count ON jobs BEGIN
    UPDATE jobs SET changed = ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'), 0)
    WHERE job = NEW.job AND target = NEW.target;
END;

CREATE TRIGGER epochs_created AFTER INSERT ON epochs BEGIN
    UPDATE jobs SET changed = ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'), 0)
    WHERE job = NEW.job AND target = NEW.target;
END;

CREATE TRIGGER epochs_changed AFTER UPDATE ON epochs BEGIN
    UPDATE jobs SET changed = ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'), 0)
    WHERE job = NEW.job AND target = NEW.target;
END;

CREATE TRIGGER epochs_deleted AFTER DELETE ON epochs BEGIN
    UPDATE jobs SET changed = ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'), 0)
    WHERE job = OLD.job AND target = OLD.target;
END;
