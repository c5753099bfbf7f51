-- request.ended_by: enum EndedBy. session.upgraded: connections that left HTTP (101, CONNECT);
-- session.other_route: requests whose route became {other}.
ALTER TABLE request ADD COLUMN ended_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN upgraded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN other_route INTEGER NOT NULL DEFAULT 0;
