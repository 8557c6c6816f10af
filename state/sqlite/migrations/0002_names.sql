-- Tables and columns get the names that the program and its documents use.

ALTER TABLE triggers RENAME TO start_requests;
ALTER TABLE runs RENAME COLUMN triggered_by TO trigger;
ALTER TABLE laid_aside RENAME TO saved_positions;
