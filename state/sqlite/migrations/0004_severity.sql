-- A condition is a fact, a warning or an error. Facts are no incidents; errors make `status` unhealthy.

ALTER TABLE conditions ADD COLUMN severity TEXT NOT NULL DEFAULT 'warning';

UPDATE conditions SET severity = 'fact' WHERE key LIKE 'auto_opened:%';
UPDATE conditions SET severity = 'error' WHERE key LIKE 'unreadable_inbox:%';
UPDATE conditions SET severity = 'error'
WHERE key LIKE 'health:%' AND json_valid(payload) AND json_extract(payload, '$.status') = 'error';
