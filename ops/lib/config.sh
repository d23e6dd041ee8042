# shellcheck shell=bash
# Everything that is generated into the data folder: folders, secrets, and each program's configuration.
# Files are written aside and renamed, and only when they changed, so that a second `up` restarts nothing.

# put FILE MODE OWNER: standard input becomes FILE.
put() {
    local new=$1.new
    install -m "$2" -o "${3%%:*}" -g "${3##*:}" /dev/null "$new"
    cat >"$new"
    if cmp -s "$new" "$1"; then
        rm "$new"
        chmod "$2" "$1"
        chown "$3" "$1"
    else
        mv "$new" "$1"
    fi
}

make_users() {
    local user
    for user in dormouse dormouse-vm; do
        if ! getent passwd "$user" >/dev/null; then
            useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
        fi
    done
}

# make_folders: who owns what. Only root writes where root's own programs read.
make_folders() {
    mkdir -p "$DM_DATA" "$DM_CACHE"
    chmod 755 "$DM_DATA" "$DM_CACHE"
    install -d -m 755 "$DM_DATA/etc" "$DM_DATA/etc/docs" "$DM_DATA/images" "$DM_DATA/templates" "$DM_DATA/sv"
    install -d -m 755 "$DM_DATA/log" "$DM_DATA/log/up"
    install -d -m 711 "$DM_DATA/worker"
    install -d -m 700 "$DM_STATE"
    install -d -m 700 -o dormouse -g dormouse "$DM_DATA/pg" "$DM_DATA/kafka"
    # Both root and dormouse make files here. Sticky: neither can put something else in the place of the other's.
    install -d -m 1770 -o root -g dormouse "$DM_RUN" "$DM_DATA/secrets"
    install -d -m 750 -o dormouse -g dormouse "$DM_RUN/nginx-front" "$DM_RUN/nginx-door"
    install -d -m 755 "$DM_RUN/empty"
    make_spool
    # run/live: one empty file for each sandbox that may be reached; the worker writes it, its door reads it.
    install -d -m 755 "$DM_RUN/live"
}

# make_spool: where the front keeps bodies that it takes in: in memory, and bounded, so that nobody who sends or reads
# slowly takes room from the data folder. `down` takes it away.
make_spool() {
    install -d -m 700 -o dormouse -g dormouse "$DM_RUN/spool"
    mountpoint -q "$DM_RUN/spool" ||
        mount -t tmpfs -o "size=128m,nr_inodes=16k,mode=700,uid=$(id -u dormouse),gid=$(id -g dormouse),nosuid,nodev,noexec" \
            dormouse-spool "$DM_RUN/spool"
}

# make_secrets: random, once, readable by their user alone.
make_secrets() {
    if [ ! -s "$DM_DATA/secrets/master.key" ]; then
        openssl rand -hex 32 | put "$DM_DATA/secrets/master.key" 600 dormouse:dormouse
    fi
}

# conninfo ROLE: how a program on this machine reaches the database.
conninfo() {
    printf 'host=%s port=%s dbname=dormouse user=%s' "$DM_RUN" "$DM_PORT_PG" "$1"
}

config_api() {
    cat <<END
listen_address = 127.0.0.1
port = $DM_PORT_API
socket = $DM_RUN/api.sock
worker_socket = $DM_RUN/worker.sock
db_api = $(conninfo dm_api)
db_ops = $(conninfo dm_ops)
master_key = $DM_DATA/secrets/master.key
region = $DM_REGION
period_s = $DM_PERIOD_S
END
    [ -z "$DM_DOMAIN" ] || printf 'domain = %s\n' "$DM_DOMAIN"
}

config_worker() {
    cat <<END
# It enrols at its start, and the API puts it into region $DM_REGION: another region is another start.
name = worker-1
data_dir = $DM_DATA/worker
images_dir = $DM_DATA/images
templates_dir = $DM_DATA/templates
live_dir = $DM_RUN/live
socket = $DM_RUN/worker.sock
api_socket = $DM_RUN/api.sock
brokers = 127.0.0.1:$DM_PORT_KAFKA
door = w1
accel = $(accelerator)
vmm_user = dormouse-vm
slot_prefix = $DM_SLOT_PREFIX
slot_base = $DM_SLOT_BASE
default_vcpus = $DM_DEFAULT_VCPUS
default_mem_mib = $DM_DEFAULT_MEM_MIB
pool_size = $DM_POOL
making_max = $(nproc)
warming_max = $((($(nproc) + 1) / 2))
metrics_port = $DM_PORT_WORKER
END
}

config_meter() {
    cat <<END
db = $(conninfo dm_meter)
brokers = 127.0.0.1:$DM_PORT_KAFKA
signing_key_file = $DM_DATA/secrets/statement.key
region = $DM_REGION
period_s = $DM_PERIOD_S
metrics_port = $DM_PORT_METER
END
}

config_postgres() {
    cat <<END
# The private database of this deployment. No TCP: the port only names the socket.
data_directory = '$DM_DATA/pg'
hba_file = '$DM_DATA/etc/pg_hba.conf'
ident_file = '$DM_DATA/etc/pg_ident.conf'
external_pid_file = ''
listen_addresses = ''
port = $DM_PORT_PG
unix_socket_directories = '$DM_RUN'
unix_socket_permissions = 0770
max_connections = 100
shared_buffers = 128MB
password_encryption = scram-sha-256
# what a bill rests on
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica
max_wal_size = 1GB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_min_messages = warning
lc_messages = 'C.UTF-8'
END
}

config_pg_hba() {
    cat <<END
# Who one is, the kernel says (peer); which roles that user may take, pg_ident.conf says.
local all all peer map=dormouse
END
}

config_pg_ident() {
    local role
    printf 'dormouse root postgres\n'
    for role in dm_migrate dm_api dm_meter dm_ops; do
        printf 'dormouse root %s\ndormouse dormouse %s\n' "$role" "$role"
    done
}

config_kafka() {
    cat <<END
# One broker that is its own controller (KRaft). Topics are made by us, never by a typing error.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$DM_PORT_KAFKA_CTL
listeners=BROKER://127.0.0.1:$DM_PORT_KAFKA,CONTROLLER://127.0.0.1:$DM_PORT_KAFKA_CTL
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=$DM_DATA/kafka/data
auto.create.topics.enable=false
num.partitions=8
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
# A broker that was killed may register again only when its old session is over: there is no other to wait for.
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=3000
# sized for a small machine
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
END
}

# config_nginx_workers: the front's upstream block of each worker that may ever be, so that the table grows
# without a reload. Worker N of a deployment has the address 127.0.0.N; one machine has worker 1.
config_nginx_workers() {
    local n
    for ((n = 1; n <= 64; n++)); do
        printf 'upstream w%d { server 127.0.0.%d:%d max_fails=0; keepalive 32; keepalive_timeout 300s; }\n' "$n" "$n" "$DM_PORT_DOOR"
    done
}

# config_nginx_tls: what both front doors show; empty where they speak plain HTTP.
config_nginx_tls() {
    [ -n "$DM_TLS_CERT" ] || return 0
    cat <<END
ssl_certificate $DM_DATA/secrets/tls.crt;
ssl_certificate_key $DM_DATA/secrets/tls.key;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:tls:4m;
ssl_session_tickets off;
END
}

# config_nginx NAME: ops/nginx/NAME.conf.in with this deployment's paths and ports.
config_nginx() {
    local listen=$DM_LISTEN tls=${DM_TLS_CERT:+ ssl}
    [[ $listen != *:* ]] || listen="[$listen]"
    sed -e "s|@LISTEN@|$listen|g" -e "s|@PORT_FRONT@|$DM_PORT_FRONT|g" -e "s|@PORT_SANDBOX@|$DM_PORT_SANDBOX|g" \
        -e "s|@PORT_API@|$DM_PORT_API|g" -e "s|@PORT_DOOR@|$DM_PORT_DOOR|g" -e "s|@PORT_WORKER@|$DM_PORT_WORKER|g" \
        -e "s|@RUN@|$DM_RUN|g" -e "s|@TLS@|$tls|g" \
        -e "s|@CLIENT_CONNECTIONS@|$DM_CLIENT_CONNECTIONS|g" -e "s|@TRAFFIC_CONNECTIONS@|$((4 * DM_CLIENT_CONNECTIONS))|g" \
        -e "s|@CLIENT_REQUESTS@|$DM_CLIENT_REQUESTS|g" -e "s|@TRAFFIC_REQUESTS@|$((4 * DM_CLIENT_REQUESTS))|g" \
        -e "s|@ETC@|$DM_DATA/etc|g" "$DM_ROOT/ops/nginx/$1.conf.in"
}

make_config() {
    local etc=$DM_DATA/etc page
    make_users
    make_folders
    make_secrets
    settings_save
    config_api | put "$etc/api.conf" 644 root:root
    config_worker | put "$etc/worker.conf" 644 root:root
    config_meter | put "$etc/meter.conf" 644 root:root
    config_postgres | put "$etc/postgresql.conf" 644 root:root
    config_pg_hba | put "$etc/pg_hba.conf" 644 root:root
    config_pg_ident | put "$etc/pg_ident.conf" 644 root:root
    config_kafka | put "$etc/kafka.properties" 644 root:root
    put "$etc/kafka-log4j2.properties" 644 root:root <"$DM_ROOT/ops/kafka/log4j2.properties"
    if [ -n "$DM_TLS_CERT" ]; then
        put "$DM_DATA/secrets/tls.crt" 644 root:root <"$DM_TLS_CERT"
        put "$DM_DATA/secrets/tls.key" 600 dormouse:dormouse <"$DM_TLS_KEY"
    fi
    config_nginx_tls | put "$etc/nginx-tls.conf" 644 root:root
    put "$etc/nginx-refusal.conf" 644 root:root <"$DM_ROOT/ops/nginx/refusal.conf"
    config_nginx_workers | put "$etc/nginx-workers.conf" 644 root:root
    for page in "$DM_ROOT"/web/docs/*.md; do
        put "$etc/docs/${page##*/}" 644 root:root <"$page"
    done
    config_nginx front | put "$etc/nginx-front.conf" 644 root:root
    config_nginx door | put "$etc/nginx-door.conf" 644 root:root
    make_services
    note "$DM_DATA"
}
