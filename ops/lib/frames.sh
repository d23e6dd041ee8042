# shellcheck shell=bash
# The secret that workers' keys for usage frames are made of, changed while everything runs. The meter knows both before
# the API gives a key of the new one; a worker takes that with its next beat. So no frame is lost, and the old one can go
# when nothing that was sealed under it is still to come.

DM_FRAMES_OLD_S=60 # so long after the change, at least, a worker must have been heard of

# meter_config: what it is told, with the old secret while there is one.
meter_config() {
    config_meter | put "$DM_DATA/etc/meter.conf" 640 root:dormouse-meter
}

frames_new() {
    local secrets=$DM_DATA/secrets
    [ ! -e "$secrets/frames-meter-old.key" ] ||
        die "the secret before this one is still in force" "run: ops/dormouse frame-key retire"
    openssl rand -hex 32 | put "$secrets/frames-next.key" 600 root:root
    put "$secrets/frames-meter-old.key" 600 dormouse-meter:dormouse-meter <"$secrets/frames-api.key"
    put "$secrets/frames-meter.key" 600 dormouse-meter:dormouse-meter <"$secrets/frames-next.key"
    meter_config
    step meter daemon_start meter
    put "$secrets/frames-api.key" 600 dormouse-api:dormouse-api <"$secrets/frames-next.key"
    rm "$secrets/frames-next.key"
    step api daemon_start api
    touch "$secrets/frames-meter-old.key" # since when it is the old one
    printf 'Workers seal with the new secret from their next beat on. When all have been heard of for a minute, run:\n'
    printf '  ops/dormouse frame-key retire\n'
}

# frames_behind: the workers of which something sealed under the old secret may still come, a name a line: who has not
# beaten since, and who has frames that the ledger does not have.
frames_behind() {
    local since
    since=$(($(date -r "$DM_DATA/secrets/frames-meter-old.key" +%s) + DM_FRAMES_OLD_S))
    super -d dormouse -At -v since="$since" <<'END'
SELECT w.name FROM dm.worker w LEFT JOIN dm.worker_mark m USING (worker_no)
WHERE w.state <> 'written_off' AND w.gone_at IS NULL AND (extract(epoch FROM w.beat_at) < :since
    OR coalesce(m.complete_through, 0) < :since) ORDER BY 1
END
}

frames_retire() {
    local behind
    [ -e "$DM_DATA/secrets/frames-meter-old.key" ] || die "one secret alone is in force" "see: ops/dormouse help"
    behind=$(frames_behind)
    [ -z "$behind" ] ||
        die "frames under the old secret may still come of: ${behind//$'\n'/, }" \
            "try again in a minute; who never comes back is written off: dormouse-admin worker-write-off"
    rm "$DM_DATA/secrets/frames-meter-old.key"
    meter_config
    step meter daemon_start meter
    printf 'The old secret is retired: what comes under it is a dead letter (anomaly old_key).\n'
}

command_frame_key() {
    need_root frame-key
    if [ -z "$(service_pid meter)" ] || [ -z "$(service_pid api)" ]; then
        die "meter and API are not up" "run: ops/dormouse up"
    fi
    lock
    case ${1-} in
    new) frames_new ;;
    retire) frames_retire ;;
    *) bad_usage "frame-key takes: new, retire" ;;
    esac
}

# workers_unsealed: how many have never enrolled with a key to seal their frames with.
workers_unsealed() {
    super -d dormouse -At -c "SELECT count(*) FROM dm.worker
        WHERE sealed_from_boot IS NULL AND state <> 'written_off' AND gone_at IS NULL"
}

all_seal() {
    [ "$(workers_unsealed)" = 0 ]
}

# meter_start: behind the workers. Of one that is upgraded from before there were seals it takes what the stream and the
# journal hold once the worker has enrolled with a key; before that anybody could have made it.
meter_start() {
    local end
    end=$(($(now_ms) + 15000))
    until all_seal; do
        if [ "$(now_ms)" -gt "$end" ]; then
            note "$(workers_unsealed) workers never enrolled with a key: their frames are refused"
            break
        fi
        sleep 0.2
    done
    daemon_start meter
}
