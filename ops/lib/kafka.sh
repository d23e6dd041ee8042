# shellcheck shell=bash
# The private Kafka broker: jars from Maven Central by the pinned pom, formatted once, topics and rights made
# by librdkafka's admin calls (the Java tools take seconds for one).

# digest FILE...: names a build in the cache by what it was made from.
digest() {
    cat "$@" | sha256sum | cut -c 1-12
}

kafka_jars() {
    printf '%s/kafka-%s' "$DM_CACHE" "$(digest "$DM_ROOT/ops/kafka/pom.xml")"
}

kafka_version() {
    sed -n '/kafka_2.13/,/version/s|.*<version>\(.*\)</version>.*|\1|p' "$DM_ROOT/ops/kafka/pom.xml"
}

kafka_fetch() {
    local jars aside
    jars=$(kafka_jars)
    if [ -d "$jars" ]; then
        note "Kafka $(kafka_version), in the cache"
        return
    fi
    aside=$(mktemp -d "$DM_CACHE/.kafka-XXXXXX")
    if ! mvn -q -B -ntp -f "$DM_ROOT/ops/kafka/pom.xml" "-Dmaven.repo.local=$DM_CACHE/maven" \
        dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$aside/jars"; then
        rm -rf "$aside"
        die "Kafka could not be fetched from Maven Central" \
            "let this machine reach it, or give maven a mirror in ~/.m2/settings.xml; then run up again"
    fi
    chmod -R a+rX "$aside/jars"
    # Another checkout may have been faster; either result is the same.
    mv -T "$aside/jars" "$jars" 2>/dev/null || [ -d "$jars" ]
    rm -rf "$aside"
    note "Kafka $(kafka_version), $(du -sm "$jars" | cut -f 1) MiB fetched"
}

kafka_password() {
    cat "$DM_DATA/secrets/kafka-$1.key"
}

kafka_format() {
    local id
    if [ -e "$DM_DATA/kafka/data/meta.properties" ]; then
        return
    fi
    # A cluster id is a UUID in base64 for URLs.
    id=$(openssl rand 16 | base64 | tr '+/' '-_' | tr -d '=')
    (cd / && as_service kafka java -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
        "-Dlog4j2.configurationFile=$DM_DATA/etc/kafka-log4j2.properties" \
        -cp "$(kafka_jars)/*" kafka.tools.StorageTool format "--cluster-id=$id" -c "$DM_DATA/etc/kafka.properties")
}

kafka_start() {
    kafka_format
    service_start kafka
    wait_for kafka 90 kafka_listening
    "$(program dormouse-topics)" "127.0.0.1:$DM_PORT_KAFKA" admin "$DM_DATA/secrets/kafka-admin.key" \
        "$DM_DATA/etc/kafka.crt" "$DM_ROOT/ops/kafka/topics.list" "$DM_ROOT/ops/kafka/rights.list"
    note "$(service_word kafka), version $(kafka_version)"
}

kafka_listening() {
    tcp_open "$DM_PORT_KAFKA"
}
