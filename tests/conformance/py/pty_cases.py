"""sandbox.pty"""

import threading
import time

import e2b
from boxes import shared
from check import case, equal, raises, wait_for
from e2b import PtySize

GROUP = "pty"


class Terminal:
    """A shell, and all it has written."""

    def __init__(self, box, **options):
        self.box, self.text, self.end = box, "", None
        self.handle = box.pty.create(PtySize(rows=24, cols=80), **options)
        self.pid = self.handle.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            self.handle.wait(on_pty=self._more)
            self.end = "exit 0"
        except Exception as e:
            self.end = e

    def _more(self, data):
        self.text += bytes(data).decode(errors="replace")

    def type(self, text):
        self.box.pty.send_stdin(self.pid, text.encode())

    def expect(self, text):
        wait_for(f"{text!r} on the terminal, which has {self.text[-200:]!r}", lambda: text in self.text)

    def ended(self):
        self.reader.join(15)
        assert not self.reader.is_alive(), "the terminal's stream has not ended"
        return self.end


@case(GROUP)
def shell():
    terminal = Terminal(shared(), envs={"PTY_ONLY": "seen"}, cwd="/tmp")
    terminal.type("echo $((40+2))-$PTY_ONLY-$TERM; pwd; tty\n")
    terminal.expect("42-seen-xterm-256color")
    terminal.expect("/tmp\r\n")
    terminal.expect("/dev/pts/")
    terminal.type("exit 0\n")
    equal(terminal.ended(), "exit 0")


@case(GROUP)
def exit_code():
    terminal = Terminal(shared())
    terminal.type("exit 9\n")
    end = terminal.ended()
    equal((type(end), getattr(end, "exit_code", None)), (e2b.CommandExitException, 9))


@case(GROUP)
def size():
    terminal = Terminal(shared())
    terminal.type("stty size\n")
    terminal.expect("24 80")
    shared().pty.resize(terminal.pid, PtySize(rows=31, cols=103))
    terminal.type("stty size; tput cols\n")
    terminal.expect("31 103")
    terminal.expect("103\r\n")
    equal(shared().pty.kill(terminal.pid), True)


@case(GROUP)
def interrupt():
    terminal = Terminal(shared())
    terminal.type("echo ready-$((1+1)); sleep 100\n")
    terminal.expect("ready-2")
    time.sleep(0.5)
    terminal.type("\x03")
    terminal.type("echo next-$?\n")
    terminal.expect("next-130")
    equal(shared().pty.kill(terminal.pid), True)


@case(GROUP)
def kill():
    terminal = Terminal(shared())
    equal(shared().pty.kill(terminal.pid), True)
    end = terminal.ended()
    equal((type(end), getattr(end, "exit_code", None), getattr(end, "error", None)),
          (e2b.CommandExitException, -1, "signal: killed"))
    equal(shared().pty.kill(terminal.pid), False)


@case(GROUP)
def connect_again():
    box = shared()
    terminal = Terminal(box)
    terminal.type("echo on-both\n")
    terminal.expect("on-both\r\n")
    again = box.pty.connect(terminal.pid)
    seen = []
    reader = threading.Thread(target=lambda: again.wait(on_pty=lambda d: seen.append(bytes(d))), daemon=True)
    reader.start()
    terminal.type("echo to-$((1+1))\n")
    wait_for("the output at the second client", lambda: b"to-2" in b"".join(seen))
    terminal.expect("to-2")
    terminal.type("exit\n")
    reader.join(10)
    equal((terminal.ended(), reader.is_alive()), ("exit 0", False))


@case(GROUP)
def unknown():
    raises(e2b.NotFoundException, shared().pty.send_stdin, 999999, b"x")
    raises(e2b.NotFoundException, shared().pty.resize, 999999, PtySize(rows=1, cols=1))
