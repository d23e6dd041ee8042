#include "metering/kit/meters.h"

const dm_metric dm_m_frames = {"dm_meter_frames_total", DM_COUNTER, "outcome", "frames taken from the stream"};
const dm_metric dm_m_samples = {"dm_meter_samples_total", DM_COUNTER, NULL, "samples merged"};
const dm_metric dm_m_attests = {
        "dm_meter_attestations_total", DM_COUNTER, "outcome", "attestations and end records taken from the stream"};
const dm_metric dm_m_office = {"dm_meter_holds", DM_GAUGE, NULL, "1: this is the meter that writes; 0: it stands by"};
const dm_metric dm_m_lag = {"dm_meter_lag_messages", DM_GAUGE, "topic", "messages not yet read"};
const dm_metric dm_m_flush = {"dm_meter_flush_seconds", DM_HISTOGRAM, NULL, "one flush into the ledger"};
const dm_metric dm_m_chunks = {"dm_meter_chunks_total", DM_COUNTER, NULL, "chunks appended to the ledger"};
const dm_metric dm_m_rows = {"dm_meter_usage_rows", DM_GAUGE, NULL, "usage rows of open periods in memory"};
const dm_metric dm_m_periods = {"dm_meter_periods_written_total", DM_COUNTER, NULL, "periods whose evidence is whole"};
const dm_metric dm_m_open_from = {
        "dm_meter_open_from_seconds", DM_GAUGE, NULL, "first second of the oldest open period"};
const dm_metric dm_m_statements = {"dm_meter_statements_total", DM_COUNTER, NULL, "statements signed"};
const dm_metric dm_m_close = {"dm_meter_close_seconds", DM_HISTOGRAM, NULL, "writing one period"};
const dm_metric dm_m_anomalies = {"dm_meter_anomalies_total", DM_COUNTER, "kind", "what did not fit together"};
const dm_metric dm_m_checks = {
        "dm_meter_reconciliations_total", DM_COUNTER, "verdict", "comparisons of what has to agree of a period"};
const dm_metric dm_m_chores = {"dm_meter_chore_seconds", DM_HISTOGRAM, "chore", "one run of a chore"};
const dm_metric dm_m_chores_failed = {
        "dm_meter_chores_failed_total", DM_COUNTER, "chore", "runs of a chore that failed"};
const dm_metric dm_m_outbox = {"dm_meter_outbox_sent_total", DM_COUNTER, NULL, "messages sent from the outbox"};
const dm_metric dm_m_live = {"dm_meter_live_seconds", DM_HISTOGRAM, NULL, "one round of the live view"};
const dm_metric dm_m_live_failed = {
        "dm_meter_live_failed_total", DM_COUNTER, NULL, "rounds of the live view that failed"};
