-- Calls that a server makes to other servers while it serves a request.
ALTER TABLE request ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request ADD COLUMN calls_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN calls_seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN calls_attributed INTEGER NOT NULL DEFAULT 0;

CREATE TABLE request_call(
  request_id INTEGER NOT NULL,             -- its row may still be in a block
  peer_id INTEGER NOT NULL REFERENCES word(id),  -- address:port, or unix:path
  calls INTEGER NOT NULL,
  waited_ns INTEGER NOT NULL,
  PRIMARY KEY(request_id, peer_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER request_call_goes_with_its_request AFTER DELETE ON request BEGIN
  DELETE FROM request_call WHERE request_id = OLD.id;
END;
