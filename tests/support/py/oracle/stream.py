"""The topics as they are: every message of them, in the order of each partition; and a file of them, for later."""

import json

TOPICS = ("dm.usage.v1", "dm.attest.v1")


def read(broker, timeout_s=30):
    """broker: where it is, and who we are there, as librdkafka has it. [{"topic", "partition", "offset", "key", "value"}], bytes as hex."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
    consumer = Consumer({
        **broker, "group.id": "oracle", "enable.auto.commit": False,
        "isolation.level": "read_committed", "auto.offset.reset": "error", "enable.partition.eof": True})
    out = []
    try:
        topics = consumer.list_topics(timeout=timeout_s).topics
        parts = [TopicPartition(t, p, OFFSET_BEGINNING) for t in TOPICS for p in sorted(topics[t].partitions)]
        ends = {}
        for part in parts:
            low, high = consumer.get_watermark_offsets(part, timeout=timeout_s)
            if high > low:
                ends[part.topic, part.partition] = high
        consumer.assign([p for p in parts if (p.topic, p.partition) in ends])
        while ends:
            message = consumer.poll(timeout_s)
            if message is None:
                raise TimeoutError(f"Kafka sent nothing for {timeout_s} s")
            where = (message.topic(), message.partition())
            if message.error() is not None:
                if message.error().name() != "_PARTITION_EOF":
                    raise RuntimeError(message.error().str())
                ends.pop(where, None)
                continue
            if where in ends:
                out.append({"topic": where[0], "partition": where[1], "offset": message.offset(),
                            "key": (message.key() or b"").hex(), "value": message.value().hex()})
                if message.offset() + 1 >= ends[where]:
                    del ends[where]
    finally:
        consumer.close()
    return sorted(out, key=lambda m: (m["topic"], m["partition"], m["offset"]))


def save(messages, path):
    with open(path, "w", encoding="ascii") as f:
        for message in messages:
            f.write(json.dumps(message) + "\n")


def load(path):
    with open(path, encoding="ascii") as f:
        return [json.loads(line) for line in f]


def values(messages, topic):
    return [bytes.fromhex(m["value"]) for m in messages if m["topic"] == topic]
