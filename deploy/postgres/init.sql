-- Runs once, by psql as the administrator, when the cluster is new: roles and the database.
-- Passwords are read from files, so that they stand in no command line and no environment.
\set ON_ERROR_STOP on
\set collector_password `cat "$HAKARU_DATABASE_SECRETS/collector_db_password"`
\set grafana_password `cat "$HAKARU_DATABASE_SECRETS/grafana_db_password"`
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
CREATE ROLE hakaru LOGIN PASSWORD :'collector_password';
CREATE ROLE grafana LOGIN PASSWORD :'grafana_password' CONNECTION LIMIT 20;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
CREATE DATABASE hakaru OWNER hakaru TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE hakaru FROM PUBLIC;
GRANT CONNECT ON DATABASE hakaru TO grafana;
