"""At the broker, with all that may be done there: whoever reads along and writes what he likes moves no mark, takes no second
off a bill and holds no statement up.

What a worker of the fleet may claim with its own key (another's sleeper, sandboxes that never were) is tried in
tests/unit/metering/ledger/seal_test.c, since one machine has one worker."""

import os
import threading
import time

import deployment
import ledger
import statement
import stream
import wire
from attacker import sandbox, side
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from results import need

RESULTS = side("evidence")
TOPIC = "dm.usage.v1"
PERIOD_S = int(os.environ["DM_PERIOD_S"])
IN_TIME_S = 15  # a meter that flushes every 5 s has a statement some 7 s after its period
SECRET = deployment.frame_secret()
OTHER = wire.frame_key(SECRET, 2)  # as the next worker of the fleet would have it


class Broker:
    """Everything that stands in the topic, as it comes; and a way to add to it."""

    def __init__(self):
        self.producer = Producer({**deployment.broker("worker"), "log_level": 0})
        self.consumer = Consumer({**deployment.broker(), "log_level": 0, "group.id": "attacker", "enable.auto.commit": False})
        parts = self.consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        self.consumer.assign([TopicPartition(TOPIC, p, OFFSET_END) for p in parts])
        self.sent = []

    def next_frame(self):
        """The one that the worker has just made, and the partition it is in: what comes next is not there yet."""
        end = time.time() + 10
        while time.time() < end:
            message = self.consumer.poll(1)
            if message is None or message.error() is not None or message.value() in self.sent:
                continue
            frame = wire.read_frame(message.value())
            if frame.second >= time.time() - 2:
                return frame, message.partition()
        raise TimeoutError("no frame for 10 s")

    def forge(self, data, partition):
        self.sent.append(data)
        self.producer.produce(TOPIC, data, key=b"1", partition=partition)
        self.producer.flush(5)


def coming(frame, by, **changes):
    """An empty frame of the number that comes: all that reading along can tell is right about it."""
    words = {"worker_no": frame.worker_no, "worker_boot": frame.worker_boot, "frame_no": frame.frame_no + by,
             "prev_boot_last_frame": frame.prev_boot_last_frame, "second": frame.second + by,
             "complete_through": frame.second + by}
    return wire.Frame(**{**words, **changes})


def unsealed(frame):
    frame.version = wire.UNSEALED
    return frame.pack()


def sealed_anyhow(frame):
    frame.version, frame.nonce, frame.tag = wire.SEALED, os.urandom(12), os.urandom(16)
    return frame.pack()


def sealed_by_another(frame):
    return wire.seal(frame, OTHER, os.urandom(12))


WAYS = (unsealed, sealed_anyhow, sealed_by_another)


def thirty_empty_frames(broker):
    """Before each frame comes, three of its number and of the next ones."""
    for _ in range(10):
        frame, partition = broker.next_frame()
        for by, way in enumerate(WAYS, 1):
            broker.forge(way(coming(frame, by)), partition)


def one_message(broker, **changes):
    frame, partition = broker.next_frame()
    for way in WAYS:
        broker.forge(way(coming(frame, 1, **changes)), partition)


def coming_boot(broker):
    """One that follows on the newest frame, as the worker's next start would."""
    frame, partition = broker.next_frame()
    for way in WAYS:
        broker.forge(way(coming(frame, 1, worker_boot=2**62, frame_no=1, prev_boot_last_frame=frame.frame_no)), partition)


def the_real_one_with_more(broker):
    """The worker's own bytes and seal, with one bit of them changed."""
    frame, partition = broker.next_frame()
    frame.second += 1
    frame.complete_through += 1
    frame.frame_no += 1
    broker.forge(frame.pack(), partition)


def of_nobody(broker):
    """Of a worker that never was."""
    frame, partition = broker.next_frame()
    for way in WAYS:
        broker.forge(way(coming(frame, 1, worker_no=77)), partition)


def project_of(sandbox_id):
    raw = wire.sandbox_bytes(sandbox_id).hex()
    ((number,),) = deployment.sql(f"SELECT project_no FROM dm.sandbox WHERE sandbox_id = '\\x{raw}'")
    return int(number)


def stated(start):
    """The statement of a period, as soon as it is there."""
    deployment.wait_for(f"the statement of {statement.time_text(start)}", start + PERIOD_S + IN_TIME_S - time.time(),
                        lambda: start in deployment.closed_periods())
    for s in deployment.statements():
        body = statement.whole(statement.of_text(s))
        if body["period"]["start"] == statement.time_text(start):
            return body
    raise LookupError(f"no statement of {statement.time_text(start)}")


def as_recomputed(started, ended, sandbox_id):
    """Each period's statement is there in time, and says what the frames say that its worker sealed."""
    first, last = int(started) // PERIOD_S * PERIOD_S, int(ended) // PERIOD_S * PERIOD_S
    bodies = {start: stated(start) for start in range(first, last + 1, PERIOD_S)}
    messages = stream.read(deployment.broker())
    keys = deployment.keys()
    book = ledger.Ledger(
        stream.values(messages, TOPIC), stream.values(messages, "dm.attest.v1"),
        {int(no): [bytes.fromhex(k) for k in list_] for no, list_ in keys["workers"].items()}, PERIOD_S,
        frame_keys={int(no): bytes.fromhex(key) for no, key in keys["frames"].items()})
    project, seconds = project_of(sandbox_id), book.seconds_of(sandbox_id)
    for start, body in bodies.items():
        different = list(statement.differences(statement.expected(book, start, project), body))
        need(not different, "; ".join(different[:5]))
    need(set(seconds) >= set(range(int(started) + 1, int(ended))), "a second of the sandbox is in no frame")
    forged = sum(words.startswith("not sealed") for words in book.findings)
    print(f"  {len(bodies)} statements, {len(seconds)} s of the sandbox, {forged} forged frames")


def all_dead(broker):
    """Each is a dead letter, and people are told."""
    def dead():
        ((n,),) = deployment.sql("SELECT count(*) FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1' AND payload->>'reason' IN "
                                 "('seal', 'unknown_worker')")
        return int(n) >= len(broker.sent)
    deployment.wait_for("the dead letters", 15, dead)
    need(deployment.sql("SELECT 1 FROM dm.anomaly WHERE kind = 'seal' LIMIT 1"), "no anomaly tells of it")


def main():
    watchdog = threading.Timer(300, lambda: (print("not ok attack/evidence: it took too long"), os._exit(1)))
    watchdog.daemon = True
    watchdog.start()
    broker = Broker()
    box = sandbox()
    started = time.time()
    tries = {"thirty_empty_frames": thirty_empty_frames,
             "coming_number": lambda b: one_message(b, frame_no=10**9),
             "coming_boot": coming_boot,
             "part_of_many": lambda b: one_message(b, parts=64),
             "changed_frame": the_real_one_with_more,
             "of_nobody": of_nobody}
    for name, attempt in tries.items():
        with RESULTS.proof(name):
            attempt(broker)
    ended = time.time()
    box.kill()
    with RESULTS.proof("dead_letters"):
        all_dead(broker)
    with RESULTS.proof("statement"):
        as_recomputed(started, ended, box.sandbox_id)
    raise SystemExit(1 if RESULTS.failed else 0)


main()
