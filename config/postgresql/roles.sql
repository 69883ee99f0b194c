-- The two roles of pbxbilling on PostgreSQL 15 or newer, and what each may do. Run it in the
-- daemon's database as a superuser; to run it again changes nothing, but mends what was changed:
--
--     sudo -u postgres createdb --encoding=UTF8 --template=template0 pbxbilling
--     sudo -u postgres psql -d pbxbilling -f roles.sql
--
-- Neither role has a password yet: \password pbxbilling in psql, or a line of pg_hba.conf that asks
-- for none (peer, cert).

\set ON_ERROR_STOP on
\set QUIET on
BEGIN;

-- The daemon's: it owns its tables, and nothing else of the server.
SELECT 'CREATE ROLE pbxbilling' WHERE to_regrole('pbxbilling') IS NULL \gexec
ALTER ROLE pbxbilling LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- For whatever only looks: figures, exports, reports. It cannot write by any grant, and does not
-- begin a transaction that could.
SELECT 'CREATE ROLE pbxbilling_reader' WHERE to_regrole('pbxbilling_reader') IS NULL \gexec
ALTER ROLE pbxbilling_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE pbxbilling_reader SET default_transaction_read_only = on;

-- Both may connect, and nobody else whom nothing else allows it; temporary tables are for no one.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO pbxbilling, pbxbilling_reader', current_database())
\gexec

-- The daemon creates its tables and those of later releases: the schema is its own.
ALTER SCHEMA public OWNER TO pbxbilling;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- To find tables by name, not to create any.
GRANT USAGE ON SCHEMA public TO pbxbilling_reader;

-- All of today's tables: no column holds a password, a key or a token in clear.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pbxbilling_reader;
-- And those that the daemon creates later, at its first start or after an upgrade.
ALTER DEFAULT PRIVILEGES FOR ROLE pbxbilling IN SCHEMA public
    GRANT SELECT ON TABLES TO pbxbilling_reader;

COMMIT;
