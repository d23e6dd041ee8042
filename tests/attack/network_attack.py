"""From inside: a guest with a hand in its own kernel sends frames that are not its own, and more than is fair. What the
host's kernel has for all is not to be filled by one, and who lives next door is to notice nothing. The world is a namespace of
the test's own: no packet leaves the machine."""

import contextlib
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from attacker import as_root, sandbox, side
from results import need

RESULTS = side("network")
BASE = os.environ["DM_PORT_BASE"]
WORLD, WORLD_IF, NET = f"dm-attack-{BASE}", f"dmatk{BASE}", "198.51.100"
FLOWS = 1024  # flows_max of a worker that is told nothing else

# Frames by their parts; `send` puts as many on the wire as it is given.
GUEST = r'''
import random, socket, struct, sys
OWN, GATEWAY, ALL = bytes.fromhex("020000000002"), bytes.fromhex("020000000001"), b"\xff" * 6
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
def ip(text):
    return socket.inet_aton(text)
def some_mac():
    return b"\x02" + random.randbytes(5)
def arp(mac, sender):
    return ALL + mac + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + mac + sender + bytes(6) + ip("172.20.0.1")
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff
def packet(source, target, protocol, body):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, source, target)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
def udp(source, target, port):
    return packet(source, target, 17, struct.pack("!HHHH", 4000, port, 12, 0) + b"evil")
def syns(source, target, ports):
    """One to each port: all but that and the sum is the same."""
    head = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), 0, 1, 0, 0x50, 2, 1000, 0, 0)
    rest = ~checksum(source + target + struct.pack("!HH", 6, len(head)) + head) & 0xffff
    for port in ports:
        total = rest + port
        total = ~((total & 0xffff) + (total >> 16)) & 0xffff
        yield head[:2] + struct.pack("!H", port) + head[4:16] + struct.pack("!H", total) + head[18:]
def frame(payload, mac=OWN, kind=b"\x08\x00"):
    return GATEWAY + mac + kind + payload
def send(frames):
    sent = 0
    for f in frames:
        try:
            wire.send(f)
            sent += 1
        except OSError:
            pass
    print(sent)
ME, WORLD = ip("172.20.0.2"), "198.51.100.%d"
'''


def host(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def guest(box, what, timeout=120):
    """How many frames it says to have sent."""
    box.files.write("/tmp/frames.py", GUEST + what)
    said = as_root(box, "python3 /tmp/frames.py", timeout=timeout)
    need(said.strip().isdigit(), f"the guest says {said[-300:]}")
    return int(said)


@contextlib.contextmanager
def world():
    """198.51.100.0/24, which is nobody's, behind the host."""
    host("ip", "netns", "add", WORLD)
    try:
        host("ip", "link", "add", WORLD_IF, "type", "veth", "peer", "name", "w0", "netns", WORLD)
        for command in (f"addr add {NET}.1/24 dev {WORLD_IF}", f"link set {WORLD_IF} up", f"-n {WORLD} link set w0 up"):
            host("ip", *command.split())
        # what comes is counted, and not answered
        host("ip", "netns", "exec", WORLD, "nft", "add table inet w; add chain inet w wire "
             "{ type filter hook prerouting priority raw; policy drop; }; add rule inet w wire meta l4proto { tcp, udp } counter")
        # nobody asks who the others are
        for n in range(2, 255):
            host("ip", "neigh", "replace", f"{NET}.{n}", "lladdr", mac_of_world(), "nud", "permanent", "dev", WORLD_IF)
        yield
    finally:
        host("ip", "netns", "delete", WORLD)


def mac_of_world():
    return json.loads(host("ip", "-n", WORLD, "-j", "link", "show", "w0"))[0]["address"]


def arrived():
    """Packets of TCP and UDP that reached the world."""
    rules = json.loads(host("ip", "netns", "exec", WORLD, "nft", "-j", "list", "table", "inet", "w"))
    return next(e["counter"]["packets"] for r in rules["nftables"] if "rule" in r for e in r["rule"]["expr"] if "counter" in e)


def namespaces():
    return [name for name in os.listdir("/run/netns") if name.startswith(f"dm-{BASE}-")]


def neighbours():
    """What the kernel's one table holds for the slots of this deployment, at both ends."""
    mine = [line for line in host("ip", "neigh").splitlines() if f" dev dm{BASE}v" in line]
    return len(mine) + sum(len(host("ip", "-n", ns, "neigh").splitlines()) for ns in namespaces())


def connections():
    """Those of the host to the world."""
    return sum(f" dst={NET}." in line for line in Path("/proc/net/nf_conntrack").read_text().splitlines())


class Next:
    """Who lives next door: asks his own sandbox and the API, all the time."""

    def __init__(self, box):
        self.box, self.stop, self.took, self.failed = box, threading.Event(), [], []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                need(self.box.commands.run("echo here").stdout == "here\n", "another answer")
            except Exception as e:  # whatever it is, he noticed
                self.failed.append(repr(e))
            self.took.append(time.monotonic() - began)
            self.stop.wait(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(60)


def unharmed(what, attack):
    """The attack, with somebody next door."""
    with sandbox() as other, Next(other) as near:
        attack()
        need(len(near.took) > 2, "nobody looked")
    need(not near.failed, f"{what}: next door {len(near.failed)} of {len(near.took)} failed: {near.failed[:1]}")
    print(f"{what}: next door {len(near.took)} calls, the slowest {max(near.took) * 1000:.0f} ms")


def arp_flood(box):
    before = neighbours()

    def attack():
        sent = guest(box, "send(arp(some_mac() if n % 2 else OWN, ip('172.20.%d.%d' % (n // 250, 3 + n % 250))) for n in range(5000))")
        need(sent > 2500, f"only {sent} went out")
        grown = neighbours() - before
        # next door came meanwhile, with a slot and its ends of a pair
        need(grown <= 8, f"the kernel's table of neighbours grew by {grown}")

    unharmed("arp", attack)


def foreign_frames(box):
    before = arrived()
    need(guest(box, "send([frame(udp(ME, ip(WORLD % 9), 7000))])") == 1, "it cannot send")
    need(arrived() == before + 1, "its own frame did not come: nothing is shown by what follows")
    guest(box, r'''
send([frame(udp(ip("172.20.0.9"), ip(WORLD % 9), 7000)), frame(udp(ip("203.0.113.9"), ip(WORLD % 9), 7000)),
      frame(udp(ip("10.77.0.2"), ip(WORLD % 9), 7000)), frame(udp(ip("127.0.0.1"), ip(WORLD % 9), 7000)),
      frame(udp(ME, ip(WORLD % 9), 7000), mac=some_mac()), frame(udp(ME, ip(WORLD % 9), 7000), mac=GATEWAY),
      frame(udp(ME, ip(WORLD % 9), 7000), kind=b"\x81\x00\x00\x00\x08\x00"),
      frame(udp(ME, ip(WORLD % 9), 7000), kind=b"\x81\x00\x00\x05\x08\x00"),
      frame(udp(ME, ip(WORLD % 9), 7000), kind=b"\x88\xa8\x00\x05\x81\x00\x00\x05\x08\x00"),
      frame(b"\x60" + bytes(3) + b"\x00\x08\x3a\xff" + bytes(15) + b"\x01" + bytes(15) + b"\x02" + bytes(8), kind=b"\x86\xdd")] * 20)
''')
    need(arrived() == before + 1, f"{arrived() - before - 1} frames that were not its own came through")


def syn_flood(box):
    before, seen = connections(), arrived()

    def attack():
        began = time.monotonic()
        sent = guest(box, r'''
def flood():
    for n in range(3, 253):
        head = packet(ME, ip(WORLD % n), 6, bytes(20))[:20]
        for s in syns(ME, ip(WORLD % n), range(1, 81)):
            yield frame(head + s)
send(flood())
''')
        took = time.monotonic() - began
        grown, came = connections() - before, arrived() - seen
        print(f"syn: {sent} sent in {took:.1f} s, {came} came, the host tracks {grown} more")
        need(sent > 10000, f"only {sent} went out")
        need(0 < came <= FLOWS, f"{came} SYNs got through")
        need(0 < grown <= FLOWS, f"the host tracks {grown} connections more")

    unharmed("syn", attack)
    # It cannot begin anything for now, and is reached all the same.
    need(as_root(box, "echo here") == "here\n", "it is not reached any more")


def its_end(before):
    """What it began goes with it: who comes into its place finds it empty, and the host has nothing of it."""
    deadline = time.monotonic() + 15
    while connections() > before and time.monotonic() < deadline:
        time.sleep(0.2)
    need(connections() <= before, f"the host still tracks {connections() - before} connections")


def main():
    with world():
        before = connections()
        with sandbox() as box:
            for name, attack in (("arp_flood", arp_flood), ("foreign_frames", foreign_frames), ("syn_flood", syn_flood)):
                with RESULTS.proof(name):
                    attack(box)
        with RESULTS.proof("its_end"):
            its_end(before)
    raise SystemExit(1 if RESULTS.failed else 0)


main()
