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

# make_users: one for each service but the worker, which is root, one for the machines, and `dormouse`, who writes the
# logs. Group dormouse-db: who may knock at the database.
make_users() {
    local user
    for user in dormouse dormouse-{pg,kafka,meter,export,api,door,front}; do
        if ! getent passwd "$user" >/dev/null; then
            useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
        fi
    done
    getent group dormouse-db >/dev/null || groupadd --system dormouse-db
    for user in dormouse-api dormouse-meter dormouse-export; do
        [[ " $(id -nG "$user") " == *' dormouse-db '* ]] || usermod --append --groups dormouse-db "$user"
    done
}

# give USER PATH: all of it, the folder itself last: as long as that is another's, not all has been given.
give() {
    find "$2" -xdev -depth -exec chown -h "$1:$1" {} +
}

# carry_over: a data folder in which every service was the user dormouse. What runs is stopped, and each gets what is its.
carry_over() {
    local name
    if [ "$(stat -c %U "$DM_DATA/pg" 2>/dev/null)" != dormouse ]; then
        return
    fi
    for name in front door worker api export meter kafka pg; do
        if supervised "$name"; then
            service_stop "$name"
        fi
    done
    rm -rf "$DM_RUN"/*.sock "$DM_RUN"/*.pid "$DM_RUN"/.s.PGSQL.* "$DM_RUN"/nginx-*
    give dormouse-kafka "$DM_DATA/kafka"
    give dormouse-pg "$DM_DATA/pg"
}

# meeting FOLDER OWNER GROUP: where OWNER listens and GROUP may knock. Whatever is made in it is the group's (setgid), so
# that a socket of mode 660 is reached by those two alone.
meeting() {
    install -d -m 2710 -o "$2" -g "$3" "$DM_RUN/$1"
}

# make_folders: who owns what. Only root writes where root's own programs read.
make_folders() {
    mkdir -p "$DM_DATA" "$DM_CACHE"
    chmod 755 "$DM_DATA" "$DM_CACHE"
    install -d -m 755 "$DM_DATA/etc" "$DM_DATA/etc/docs" "$DM_DATA/images" "$DM_DATA/sv"
    install -d -m 755 "$DM_DATA/log"
    install -d -m 700 "$DM_DATA/log/up"
    # what guests' agents say: the worker writes it, beside its own log, so that no guest can push that out
    install -d -m 700 "$DM_DATA/log/guests"
    install -d -m 700 "$DM_DATA/worker" "$DM_DATA/templates" "$DM_STATE"
    install -d -m 700 -o dormouse-pg -g dormouse-pg "$DM_DATA/pg"
    install -d -m 700 -o dormouse-kafka -g dormouse-kafka "$DM_DATA/kafka"
    install -d -m 711 -o root -g root "$DM_RUN" "$DM_DATA/secrets"
    install -d -m 700 -o dormouse-front -g dormouse-front "$DM_RUN/nginx-front"
    install -d -m 700 -o dormouse-door -g dormouse-door "$DM_RUN/nginx-door"
    install -d -m 755 "$DM_RUN/empty"
    make_spool
    # run/live: one empty file for each sandbox that may be reached; the worker writes it, its door looks whether it is there.
    install -d -m 710 -o root -g dormouse-door "$DM_RUN/live"
    meeting pg dormouse-pg dormouse-db
    meeting orders root dormouse-api
    meeting uplink dormouse-api dormouse-api
    meeting api dormouse-api dormouse-front
    meeting page root dormouse-door
    meeting meter dormouse-meter dormouse-meter
    # what accounts have had written out: the exporter writes it, and the API hands it over
    install -d -m 2750 -o dormouse-export -g dormouse-api "$DM_DATA/exports"
}

# make_spool: where the front keeps bodies that it takes in: in memory, and bounded, so that nobody who sends or reads
# slowly takes room from the data folder. `down` takes it away.
make_spool() {
    install -d -m 700 -o dormouse-front -g dormouse-front "$DM_RUN/spool"
    mountpoint -q "$DM_RUN/spool" ||
        mount -t tmpfs -o "size=128m,nr_inodes=16k,mode=700,uid=$(id -u dormouse-front),gid=$(id -g dormouse-front),nosuid,nodev,noexec" \
            dormouse-spool "$DM_RUN/spool"
}

# secret NAME OWNER: random, once, for one reader.
secret() {
    local file=$DM_DATA/secrets/$1
    if [ ! -s "$file" ]; then
        openssl rand -hex 32 | put "$file" 600 "$2:$2"
    fi
    chown "$2:$2" "$file"
}

make_secrets() {
    secret master.key dormouse-api
    secret statement.key dormouse-meter
    secret door.key root
    secret kafka-broker.key root
    secret kafka-admin.key root
    secret kafka-worker.key root
    secret kafka-meter.key dormouse-meter
    if [ ! -s "$DM_DATA/secrets/kafka.pem" ]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=dormouse-kafka \
            -addext subjectAltName=IP:127.0.0.1 -keyout /dev/stdout -out /dev/stdout 2>/dev/null |
            put "$DM_DATA/secrets/kafka.pem" 600 dormouse-kafka:dormouse-kafka
    fi
    # The keys by which workers seal their frames are made of this: the API gives them, the meter checks by them.
    secret frames-api.key dormouse-api
    # What secrets of customers' buckets are sealed with: by the API, for the exporter.
    secret delivery-api.key dormouse-api
    put "$DM_DATA/secrets/delivery-export.key" 600 dormouse-export:dormouse-export <"$DM_DATA/secrets/delivery-api.key"
    [ -z "$DM_ADMIN_TOKEN" ] || secret admin.token dormouse-api
    if [ -n "$DM_SMTP_PASSWORD_FILE" ]; then
        put "$DM_DATA/secrets/smtp.password" 600 dormouse-api:dormouse-api <"$DM_SMTP_PASSWORD_FILE"
    fi
    put "$DM_DATA/secrets/frames-meter.key" 600 dormouse-meter:dormouse-meter <"$DM_DATA/secrets/frames-api.key"
}

# conninfo ROLE: how a program on this machine reaches the database.
conninfo() {
    printf 'host=%s port=%s dbname=dormouse user=%s' "$DM_RUN/pg" "$DM_PORT_PG" "$1"
}

# sign_up: who may, where nobody has said: whoever reaches this machine alone.
sign_up() {
    local default=invited
    case $DM_LISTEN in 127.* | ::1) default=open ;; esac
    printf '%s' "${DM_SIGN_UP:-$default}"
}

config_api() {
    cat <<END
http_socket = $DM_RUN/api/api.sock
socket = $DM_RUN/uplink/api.sock
worker_socket = $DM_RUN/orders/worker.sock
db_api = $(conninfo dm_api)
db_ops = $(conninfo dm_ops)
db_who = $(conninfo dm_who)
master_key = $DM_DATA/secrets/master.key
frame_key_file = $DM_DATA/secrets/frames-api.key
region = $DM_REGION
period_s = $DM_PERIOD_S
sign_up = $(sign_up)
api_url = $DM_URL_API
export_folder = $DM_DATA/exports
delivery_key_file = $DM_DATA/secrets/delivery-api.key
sandbox_url = $DM_URL_SANDBOX
END
    printf 'domain = %s\n' "$DM_SANDBOX_DOMAIN"
    [ -z "$DM_ADMIN_TOKEN" ] || printf 'admin_token_file = %s\n' "$DM_DATA/secrets/admin.token"
    if [ -n "$DM_SMTP_URL" ]; then
        printf 'smtp_url = %s\nmail_from = %s\n' "$DM_SMTP_URL" "$DM_MAIL_FROM"
        [ -z "$DM_SMTP_USER" ] || printf 'smtp_user = %s\n' "$DM_SMTP_USER"
        [ -z "$DM_SMTP_PASSWORD_FILE" ] || printf 'smtp_password_file = %s\n' "$DM_DATA/secrets/smtp.password"
        [ -z "$DM_SMTP_CA_FILE" ] || printf 'smtp_ca_file = %s\n' "$DM_DATA/etc/smtp.crt"
        [ -z "$DM_SMTP_PLAIN" ] || printf 'smtp_plain = true\n'
    fi
}

config_worker() {
    cat <<END
# It enrols at its start, and the API puts it into region $DM_REGION: another region is another start.
name = worker-1
data_dir = $DM_DATA/worker
images_dir = $DM_DATA/images
templates_dir = $DM_DATA/templates
live_dir = $DM_RUN/live
guest_log = $DM_DATA/log/guests/current
socket = $DM_RUN/orders/worker.sock
api_socket = $DM_RUN/uplink/api.sock
brokers = 127.0.0.1:$DM_PORT_KAFKA
kafka_user = worker
kafka_password_file = $DM_DATA/secrets/kafka-worker.key
kafka_ca_file = $DM_DATA/etc/kafka.crt
door = w1
accel = $(accelerator)
jail_program = $(program dormouse-jail)
vm_uid_base = $DM_VM_UID_BASE
slot_prefix = $DM_SLOT_PREFIX
slot_base = $DM_SLOT_BASE
default_vcpus = $DM_DEFAULT_VCPUS
default_mem_mib = $DM_DEFAULT_MEM_MIB
pool_size = $DM_POOL
making_max = $(nproc)
warming_max = $((($(nproc) + 1) / 2))
page_socket = $DM_RUN/page/worker.sock
END
}

config_meter() {
    cat <<END
db = $(conninfo dm_meter)
brokers = 127.0.0.1:$DM_PORT_KAFKA
kafka_user = meter
kafka_password_file = $DM_DATA/secrets/kafka-meter.key
kafka_ca_file = $DM_DATA/etc/kafka.crt
signing_key_file = $DM_DATA/secrets/statement.key
frame_key_file = $DM_DATA/secrets/frames-meter.key
region = $DM_REGION
period_s = $DM_PERIOD_S
metrics_socket = $DM_RUN/meter/meter.sock
END
    [ ! -e "$DM_DATA/secrets/frames-meter-old.key" ] ||
        printf 'frame_key_old_file = %s\n' "$DM_DATA/secrets/frames-meter-old.key"
}

config_export() {
    cat <<END
db = $(conninfo dm_export)
folder = $DM_DATA/exports
print = $(program dormouse-print)
delivery_key_file = $DM_DATA/secrets/delivery-export.key
END
}

# A thirty-second of the machine's memory, from 128 MiB to 1 GiB: what creates write in a minute should be written once by
# the checkpointer, and not again and again by those who wait.
config_pg_buffers_mib() {
    awk '$1 == "MemTotal:" { m = int($2 / 32768); print (m < 128 ? 128 : m > 1024 ? 1024 : m) }' /proc/meminfo
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
unix_socket_directories = '$DM_RUN/pg'
unix_socket_permissions = 0770
max_connections = 100
shared_buffers = $(config_pg_buffers_mib)MB
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

# The API is all three: tenants' requests are dm_api's, who somebody is dm_who's, workers' reports and the sweep dm_ops's.
config_pg_ident() {
    cat <<END
dormouse root postgres
dormouse root dm_migrate
dormouse root dm_api
dormouse root dm_meter
dormouse root dm_export
dormouse root dm_ops
dormouse root dm_who
dormouse dormouse-api dm_api
dormouse dormouse-api dm_ops
dormouse dormouse-api dm_who
dormouse dormouse-meter dm_meter
dormouse dormouse-export dm_export
END
}

# kafka_plain USER...: the broker's own name and password, and those it takes of others.
kafka_plain() {
    local user
    printf 'org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="%s"' "$(kafka_password broker)"
    for user; do
        printf ' user_%s="%s"' "$user" "$(kafka_password "$user")"
    done
    printf ';'
}

config_kafka() {
    cat <<END
# One broker that is its own controller (KRaft). Topics are made by us, never by a typing error.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$DM_PORT_KAFKA_CTL
listeners=BROKER://127.0.0.1:$DM_PORT_KAFKA,CONTROLLER://127.0.0.1:$DM_PORT_KAFKA_CTL
listener.security.protocol.map=BROKER:SASL_SSL,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
# Nobody is anybody without a password, nor may anything that ops/kafka/rights.list does not say. The controller's port is
# the broker's alone; it opens it before it knocks there, so that nothing else can be told its password.
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.broker.plain.sasl.jaas.config=$(kafka_plain broker admin worker meter)
listener.name.controller.plain.sasl.jaas.config=$(kafka_plain broker)
ssl.keystore.type=PEM
ssl.keystore.location=$DM_DATA/secrets/kafka.pem
ssl.truststore.type=PEM
ssl.truststore.location=$DM_DATA/etc/kafka.crt
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:broker;User:admin
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

# config_nginx_console: what the front has of the console; empty where it is left out.
config_nginx_console() {
    [ "$DM_CONSOLE" = on ] || return 0
    sed -e "s|@CONSOLE@|$DM_DATA/console|g" -e "s|@SANDBOX_URL@|$DM_URL_SANDBOX|g" "$DM_ROOT/ops/nginx/console.conf.in"
}

# config_nginx NAME: ops/nginx/NAME.conf.in with this deployment's paths and ports, and the key of its doors, which no
# command line may show.
config_nginx() {
    local listen=$DM_LISTEN tls=${DM_TLS_CERT:+ ssl} text
    [[ $listen != *:* ]] || listen="[$listen]"
    text=$(sed -e "s|@LISTEN@|$listen|g" -e "s|@PORT_FRONT@|$DM_PORT_FRONT|g" -e "s|@PORT_SANDBOX@|$DM_PORT_SANDBOX|g" \
        -e "s|@PORT_DOOR@|$DM_PORT_DOOR|g" -e "s|@RUN@|$DM_RUN|g" -e "s|@ETC@|$DM_DATA/etc|g" -e "s|@TLS@|$tls|g" \
        -e "s|@CLIENT_CONNECTIONS@|$DM_CLIENT_CONNECTIONS|g" -e 's|@SANDBOX_CONNECTIONS@|1024|g' -e "s|@TRAFFIC_CONNECTIONS@|$((4 * DM_CLIENT_CONNECTIONS))|g" \
        -e "s|@KEY_REQUESTS@|$DM_KEY_REQUESTS|g" -e "s|@KEY_BURST@|$((DM_KEY_REQUESTS * 3 / 2))|g" \
        -e "s|@CLIENT_REQUESTS@|$DM_CLIENT_REQUESTS|g" -e "s|@TRAFFIC_REQUESTS@|$((4 * DM_CLIENT_REQUESTS))|g" \
        "$DM_ROOT/ops/nginx/$1.conf.in")
    printf '%s\n' "${text//@DOOR_KEY@/$(<"$DM_DATA/secrets/door.key")}"
}

make_config() {
    local etc=$DM_DATA/etc page
    make_users
    carry_over
    make_folders
    make_secrets
    settings_save
    config_api | put "$etc/api.conf" 640 root:dormouse-api
    config_worker | put "$etc/worker.conf" 600 root:root
    config_meter | put "$etc/meter.conf" 640 root:dormouse-meter
    config_export | put "$etc/export.conf" 640 root:dormouse-export
    config_postgres | put "$etc/postgresql.conf" 640 root:dormouse-pg
    config_pg_hba | put "$etc/pg_hba.conf" 640 root:dormouse-pg
    config_pg_ident | put "$etc/pg_ident.conf" 640 root:dormouse-pg
    openssl x509 -in "$DM_DATA/secrets/kafka.pem" | put "$etc/kafka.crt" 644 root:root
    config_kafka | put "$etc/kafka.properties" 640 root:dormouse-kafka
    put "$etc/kafka-log4j2.properties" 640 root:dormouse-kafka <"$DM_ROOT/ops/kafka/log4j2.properties"
    if [ -n "$DM_TLS_CERT" ]; then
        put "$DM_DATA/secrets/tls.crt" 644 root:root <"$DM_TLS_CERT"
        put "$DM_DATA/secrets/tls.key" 600 dormouse-front:dormouse-front <"$DM_TLS_KEY"
    fi
    [ -z "$DM_SMTP_CA_FILE" ] || put "$etc/smtp.crt" 644 root:root <"$DM_SMTP_CA_FILE"
    config_nginx_tls | put "$etc/nginx-tls.conf" 640 root:dormouse-front
    put "$etc/nginx-refusal.conf" 640 root:dormouse-front <"$DM_ROOT/ops/nginx/refusal.conf"
    put "$etc/nginx-log.sed" 640 root:dormouse <"$DM_ROOT/ops/nginx/log.sed"
    config_nginx_console | put "$etc/nginx-console.conf" 640 root:dormouse-front
    config_nginx_workers | put "$etc/nginx-workers.conf" 640 root:dormouse-front
    for page in "$DM_ROOT"/web/docs/*.md; do
        put "$etc/docs/${page##*/}" 644 root:root <"$page"
    done
    config_nginx front | put "$etc/nginx-front.conf" 640 root:dormouse-front
    config_nginx door | put "$etc/nginx-door.conf" 640 root:dormouse-door
    make_services
    note "$DM_DATA"
}
