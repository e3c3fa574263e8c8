#!/usr/bin/env bash
# Installs what benchmarks and tests compare with, from Debian's packages. Rows of a peer that is missing say so.
set -euo pipefail
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
$sudo apt-get install -y -qq redis-server redis-tools postgresql postgresql-contrib procps \
  python3-sqlalchemy python3-alembic python3-psycopg2 python3-redis
