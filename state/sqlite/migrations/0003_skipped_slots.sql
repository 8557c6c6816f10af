-- `history` lists skipped slots without a run, newest first, among the runs.

CREATE INDEX slots_skipped ON slots (decided_at) WHERE verdict = 'skipped' AND run_id IS NULL;
