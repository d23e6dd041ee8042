#include "workers/host/config.h"

#include <stddef.h>

#define AT(member) offsetof(dm_worker_config, member)

static const dm_conf_row rows[] = {
        {"name", DM_CONF_STR, AT(name), "worker-1", 1, 64, "which worker this is; never reuse a name for another host"},
        {"data_dir", DM_CONF_STR, AT(data_dir), NULL, 1, 200,
                "folder of the journal, the machines, the sleepers, the key"},
        {"images_dir", DM_CONF_STR, AT(images_dir), NULL, 1, 200, "folder of guest images"},
        {"templates_dir", DM_CONF_STR, AT(templates_dir), NULL, 1, 200, "folder of template snapshots, made here"},
        {"live_dir", DM_CONF_STR, AT(live_dir), NULL, 1, 200, "folder of the door's live files, one a running sandbox"},
        {"socket", DM_CONF_STR, AT(socket), NULL, 1, 107,
                "unix socket on which the API gives orders; its folder says who reaches it"},
        {"api_socket", DM_CONF_STR, AT(api_socket), NULL, 1, 107, "unix socket of the API for workers"},
        {"brokers", DM_CONF_STR, AT(brokers), "127.0.0.1:3092", 1, 1000, "Kafka's bootstrap servers"},
        {"kafka_user", DM_CONF_STR, AT(kafka_user), "", 0, 64, "who the worker is to Kafka; empty: it asks nobody"},
        {"kafka_password_file", DM_CONF_STR, AT(kafka_password_file), "", 0, 200, "file of that user's password"},
        {"kafka_ca_file", DM_CONF_STR, AT(kafka_ca_file), "", 0, 200,
                "file of the broker's certificate, without which it is told no password"},
        {"door", DM_CONF_STR, AT(door), "w1", 1, 32, "the front's upstream block of this worker's door"},
        {"vmm", DM_CONF_STR, AT(vmm), "qemu", 1, 32, "VMM driver"},
        {"vmm_binary", DM_CONF_STR, AT(vmm_binary), "/usr/bin/qemu-system-x86_64", 1, 200, "its program"},
        {"accel", DM_CONF_STR, AT(accel), "auto", 1, 8, "auto, tcg or kvm"},
        {"jail_program", DM_CONF_STR, AT(jail_program), NULL, 1, 200,
                "dormouse-jail, which every VMM is started through"},
        {"vm_uid_base", DM_CONF_U64, AT(vm_uid_base), "1900000000", 65536, 2147000000,
                "the VMM in slot n runs as this user and group plus n: as many as there are slots, nobody else's"},
        {"guest_log", DM_CONF_STR, AT(guest_log), "", 0, 200,
                "file of what guests' agents say, 1 MB and as much in .1; empty: guests.log in data_dir"},
        {"slot_prefix", DM_CONF_STR, AT(slot_prefix), "a", 1, DM_SLOT_PREFIX_MAX,
                "tells deployments on one host apart in namespace names"},
        {"slot_base", DM_CONF_STR, AT(slot_base), "10.77.0.0", 7, 15,
                "first address of the /16 that slots are cut from"},
        {"flows_max", DM_CONF_U64, AT(flows_max), "1024", 0, 1 << 20,
                "connections that one sandbox may have begun at once; 250 slots of them are what a kernel tracks on a "
                "host. 0: as many as it likes, and so for the next three"},
        {"flows_per_s", DM_CONF_U64, AT(flows_per_s), "256", 0, 1 << 20,
                "and new ones a second, beyond flows_max in one go"},
        {"packets_per_s", DM_CONF_U64, AT(packets_per_s), "50000", 0, 100000000,
                "packets that one sandbox may send to the world a second: a gigabit of large ones is 81,000, a kernel "
                "sends many in one"},
        {"mib_per_s", DM_CONF_U64, AT(mib_per_s), "128", 0, 4096, "and MiB a second: a gigabit is 119"},
        {"default_image", DM_CONF_STR, AT(default_image), "base", 1, 64, "guest image whose pool is kept warm"},
        {"default_vcpus", DM_CONF_U64, AT(default_vcpus), "1", 1, 8, "its size: vCPUs"},
        {"default_mem_mib", DM_CONF_U64, AT(default_mem_mib), "256", 128, 16384, "its size: memory in MiB"},
        {"slots", DM_CONF_U64, AT(slots), "250", 1, DM_SLOT_MAX, "sandboxes at once, running or warm"},
        {"pool_size", DM_CONF_U64, AT(pool_size), "4", 0, DM_MAKING_MAX, "machines kept ready"},
        {"making_max", DM_CONF_U64, AT(making_max), "2", 1, DM_MAKING_MAX,
                "machines made at once, for whoever waits or to be kept ready: as many as there are processors"},
        {"warming_max", DM_CONF_U64, AT(warming_max), "1", 1, DM_WARMING_MAX,
                "of those that are ready, so many are made warm at once, when nobody waits"},
        {"mem_reserve_mib", DM_CONF_U64, AT(mem_reserve_mib), "1024", 64, 1 << 20,
                "new sandboxes are refused while the host has less memory available than this"},
        {"mem_overcommit_pct", DM_CONF_U64, AT(mem_overcommit_pct), "400", 10, 10000,
                "the sizes of all sandboxes that run may sum up to so much of the host's memory: a guest shares what "
                "it has "
                "not written with its template, and an idle one has written a fifth or less of its size"},
        {"disk_reserve_mib", DM_CONF_U64, AT(disk_reserve_mib), "1024", 0, UINT32_MAX,
                "new sandboxes, images and sleeps by call are refused while data_dir has less room than this: it is "
                "kept for "
                "evidence, of which 250 sandboxes make 60 MB an hour"},
        {"journal_bytes_max", DM_CONF_U64, AT(journal_bytes_max), "4294967296", 1 << 20, UINT64_MAX / 2,
                "room for evidence the ledger does not have yet; without room nothing runs"},
        {"journal_segment_bytes", DM_CONF_U64, AT(journal_segment_bytes), "16777216", 1 << 16, 1 << 30,
                "size of one journal file"},
        {"page_socket", DM_CONF_STR, AT(page_socket), "", 0, 107,
                "unix socket of what the door asks, Prometheus text, and /state; its folder says who reaches it"},
        {"metrics_port", DM_CONF_U64, AT(metrics_port), "0", 0, 65535, "the same on a port of 127.0.0.1; 0: none"},
};

const dm_conf_spec dm_worker_conf = {
        .program = "dormouse-worker",
        .summary = "runs the microVMs of one host and keeps the evidence of every second of them",
        .rows = rows,
        .n = DM_LEN(rows),
};

void dm_worker_config_host(const dm_worker_config *c, dm_host_config *out)
{
    *out = (dm_host_config){
            .data_dir = c->data_dir,
            .images_dir = c->images_dir,
            .templates_dir = c->templates_dir,
            .site = {.prefix = c->slot_prefix,
                    .base = c->slot_base,
                    .limits = {.flows = (uint32_t)c->flows_max,
                            .flows_s = (uint32_t)c->flows_per_s,
                            .packets_s = (uint32_t)c->packets_per_s,
                            .mib_s = (uint32_t)c->mib_per_s}},
            .vm_uid_base = (uint32_t)c->vm_uid_base,
            .slots = (uint32_t)c->slots,
            .default_image = c->default_image,
            .default_vcpus = (uint32_t)c->default_vcpus,
            .default_mem_mib = (uint32_t)c->default_mem_mib,
            .pool_size = (uint32_t)c->pool_size,
            .making_max = (uint32_t)c->making_max,
            .warming_max = (uint32_t)c->warming_max,
            .mem_reserve_mib = c->mem_reserve_mib,
            .mem_overcommit_pct = c->mem_overcommit_pct,
            .disk_reserve_mib = c->disk_reserve_mib,
    };
}
