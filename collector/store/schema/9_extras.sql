-- What is kept of a profiled request beside its row.

-- Fields of its head, in their order. Values of those that hold secrets are not kept: "...".
CREATE TABLE request_header(
  request_id INTEGER NOT NULL,  -- its row may still be in a block
  position INTEGER NOT NULL,
  name_id INTEGER NOT NULL REFERENCES word(id),
  value TEXT NOT NULL,
  PRIMARY KEY(request_id, position)
) STRICT, WITHOUT ROWID;
-- When it called whom, from its start: the first hundred. calls: so many, one after the other on one
-- connection.
CREATE TABLE request_call_span(
  request_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  peer_id INTEGER NOT NULL REFERENCES word(id),
  tid INTEGER NOT NULL,
  begin_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  waited_ns INTEGER NOT NULL,
  PRIMARY KEY(request_id, position)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER request_extras_go_with_their_request AFTER DELETE ON request
WHEN OLD.profiled = 1 BEGIN
  DELETE FROM request_header WHERE request_id = OLD.id;
  DELETE FROM request_call_span WHERE request_id = OLD.id;
END;
