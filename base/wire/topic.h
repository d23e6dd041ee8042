/* base/wire/topic.h: the names of the topics, for whoever writes or reads one. ops/kafka/topics.list makes them, with
 * their partitions and how long they keep what they hold. */
#ifndef DM_BASE_WIRE_TOPIC_H
#define DM_BASE_WIRE_TOPIC_H

#define DM_TOPIC_USAGE "dm.usage.v1"         /* frames (base/wire/frame.h), workers to meter */
#define DM_TOPIC_ATTEST "dm.attest.v1"       /* attestations and end records (base/wire/attest.h), workers to meter */
#define DM_TOPIC_DLQ "dm.usage.dlq.v1"       /* what the meter, or a broker, could not take, and why: JSON */
#define DM_TOPIC_STATEMENT "dm.statement.v1" /* a line for each statement that was signed: JSON */
#define DM_TOPIC_INVOICE "dm.invoice.v1"     /* a line for each invoice and credit note that was issued: JSON */

#endif
