-- Tables, columns and keys of payloads get the names that the program and its documents use.

ALTER TABLE triggers RENAME TO start_requests;
ALTER TABLE runs RENAME COLUMN triggered_by TO trigger;
ALTER TABLE laid_aside RENAME TO saved_positions;

UPDATE conditions SET grp = 'problem' WHERE grp = 'trouble';
UPDATE conditions
SET payload = json_remove(json_set(payload, '$.problem', json_extract(payload, '$.trouble')), '$.trouble')
WHERE json_valid(payload) AND json_type(payload, '$.trouble') IS NOT NULL;
