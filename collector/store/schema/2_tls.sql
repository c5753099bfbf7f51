-- 1 if the request came over TLS.
ALTER TABLE request ADD COLUMN tls INTEGER NOT NULL DEFAULT 0;
