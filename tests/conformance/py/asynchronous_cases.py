"""The asynchronous client: the same server, other ways of asking."""

import asyncio

import e2b
from boxes import LIFE_S, folder, shared
from check import case, equal, skip
from e2b import AsyncSandbox, FilesystemEventType, PtySize
from sandbox_cases import is_end_of_life

GROUP = "async"


def asynchronous(function):
    def run():
        asyncio.run(function())
    run.__name__ = function.__name__
    return run


async def until(what, condition, limit=10):
    for _ in range(int(limit * 20)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what}: not within {limit} s")


@case(GROUP)
@asynchronous
async def commands():
    box = await AsyncSandbox.connect(shared().sandbox_id)
    outs = await asyncio.gather(*(box.commands.run(f"sleep 0.2; echo {n}; echo {n} >&2") for n in range(5)))
    equal([(o.stdout, o.stderr) for o in outs], [(f"{n}\n", f"{n}\n") for n in range(5)])
    try:
        await box.commands.run("exit 4")
        raise AssertionError("no exception")
    except e2b.CommandExitException as e:
        equal(e.exit_code, 4)


@case(GROUP)
@asynchronous
async def standard_input():
    box = await AsyncSandbox.connect(shared().sandbox_id)
    seen = []
    handle = await box.commands.run("cat; echo end", background=True, stdin=True, on_stdout=seen.append)
    await box.commands.send_stdin(handle.pid, "one\n")
    await until("the echo", lambda: "one\n" in "".join(seen))
    await box.commands.close_stdin(handle.pid)
    equal((await handle.wait()).stdout, "one\nend\n")


@case(GROUP)
@asynchronous
async def input_stream():
    box = await AsyncSandbox.connect(shared().sandbox_id)
    if not hasattr(box.commands, "stream_input"):
        skip("this client has no such call")
    handle = await box.commands.run("cat", background=True, stdin=True)

    async with box.commands.stream_input(handle.pid) as stream:
        for number in range(4):
            await stream.send(f"{number}\n")
            await asyncio.sleep(0.1)
    await box.commands.close_stdin(handle.pid)
    equal((await handle.wait()).stdout, "0\n1\n2\n3\n")
    try:
        async with box.commands.stream_input(handle.pid + 100000) as stream:
            await stream.send("x")
        raise AssertionError("no exception")
    except e2b.NotFoundException:
        pass


@case(GROUP)
@asynchronous
async def files_and_watch():
    where = folder(shared())
    box = await AsyncSandbox.connect(shared().sandbox_id)
    events, ends = [], []
    watcher = await box.files.watch_dir(where, on_event=events.append, on_exit=ends.append)
    await box.files.write(f"{where}/file", "x")
    equal(await box.files.read(f"{where}/file"), "x")
    await until("three events", lambda: len(events) >= 3)
    equal([e.type for e in events], [FilesystemEventType.CREATE, FilesystemEventType.CHMOD, FilesystemEventType.WRITE])
    await watcher.stop()


@case(GROUP)
@asynchronous
async def terminal():
    box = await AsyncSandbox.connect(shared().sandbox_id)
    seen = []
    handle = await box.pty.create(PtySize(rows=10, cols=44), on_data=lambda d: seen.append(bytes(d)))
    await box.pty.send_stdin(handle.pid, b"stty size\n")
    await until("the size", lambda: b"10 44" in b"".join(seen))
    equal(await handle.kill(), True)


@case(GROUP, limit=40)
@asynchronous
async def killed_under_streams():
    box = await AsyncSandbox.create(timeout=LIFE_S)
    try:
        ends = []
        await box.files.watch_dir("/home/user", on_event=lambda e: None, on_exit=ends.append, timeout=0)
        handle = await box.commands.run("echo begun; sleep 100", background=True)
        asyncio.get_running_loop().call_later(0.5, lambda: asyncio.ensure_future(box.kill()))
        try:
            await handle.wait()
            raise AssertionError("no exception")
        except e2b.TimeoutException as e:
            assert is_end_of_life(e), str(e)
        await until("the watcher's end", lambda: ends)
        equal(isinstance(ends[0], e2b.TimeoutException), True)
    finally:
        equal(await box.kill(), False)
