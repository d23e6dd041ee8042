"""sandbox.files"""

import hashlib
import io
import json
import os
import random
import urllib.error
import urllib.request

import e2b
from boxes import folder, shared
from check import case, equal, raises, wait_for
from e2b import FileType, FilesystemEventType

GROUP = "files"


@case(GROUP)
def text():
    box = shared()
    path = f"{folder(box)}/plain.txt"
    info = box.files.write(path, "first\nsecond é\n")
    equal((info.path, info.name, info.type), (path, "plain.txt", FileType.FILE))
    equal(box.files.read(path), "first\nsecond é\n")
    box.files.write(path, "short")
    equal(box.files.read(path), "short")
    equal(box.commands.run(f"stat -c '%U %G %a' {path}").stdout, "user user 644\n")


@case(GROUP)
def every_byte():
    box = shared()
    path, data = f"{folder(box)}/bytes", bytes(range(256)) * 40
    box.files.write(path, data)
    equal(bytes(box.files.read(path, format="bytes")), data)
    equal(b"".join(box.files.read(path, format="stream")), data)


@case(GROUP)
def empty():
    box = shared()
    path = f"{folder(box)}/nothing"
    box.files.write(path, "")
    equal(box.files.read(path), "")
    equal(bytes(box.files.read(path, format="bytes")), b"")


@case(GROUP)
def folders_are_made():
    box = shared()
    path = f"{folder(box)}/one/two/three.txt"
    box.files.write(path, "deep")
    equal(box.commands.run(f"stat -c '%U %a' {os.path.dirname(path)}; cat {path}").stdout, "user 755\ndeep")


@case(GROUP)
def relative_path():
    box = shared()
    name = os.path.basename(folder(box))
    equal(box.files.write(f"{name}/relative", "home").path, f"/home/user/{name}/relative")
    equal(box.files.read(f"/home/user/{name}/relative"), "home")


@case(GROUP)
def hard_names():
    box = shared()
    where = folder(box)
    for name in ("with space", "ünï-coöde €", "per%41cent", "plus+and&=?#", "quo'te", ".hidden"):
        equal(box.files.write(f"{where}/{name}", name).path, f"{where}/{name}")
        equal(box.files.read(f"{where}/{name}"), name)
    equal(len(box.files.list(where)), 6)


@case(GROUP)
def several_at_once():
    box = shared()
    where = folder(box)
    infos = box.files.write_files([{"path": f"{where}/{n}", "data": f"data {n}"} for n in range(10)])
    equal([i.path for i in infos], [f"{where}/{n}" for n in range(10)])
    equal([box.files.read(f"{where}/{n}") for n in (0, 9)], ["data 0", "data 9"])


@case(GROUP)
def as_root():
    box = shared()
    name = f"/root/{os.path.basename(folder(box))}"
    box.files.write(name, "of root", user="root")
    equal(box.commands.run(f"stat -c %U {name}", user="root").stdout, "root\n")
    equal(box.files.read(name, user="root"), "of root")


@case(GROUP)
def missing():
    box = shared()
    where = folder(box)
    e = raises(e2b.FileNotFoundException, box.files.read, f"{where}/none")
    assert f"{where}/none" in str(e), str(e)
    raises(e2b.NotFoundException, box.files.get_info, f"{where}/none")
    raises(e2b.NotFoundException, box.files.list, f"{where}/none")
    raises(e2b.NotFoundException, box.files.rename, f"{where}/none", f"{where}/other")
    raises(e2b.NotFoundException, box.files.watch_dir, f"{where}/none")
    equal(box.files.exists(f"{where}/none"), False)


@case(GROUP)
def folder_is_no_file():
    box = shared()
    where = folder(box)
    raises(e2b.InvalidArgumentException, box.files.write, where, "data")
    raises(e2b.InvalidArgumentException, box.files.read, where)
    box.files.write(f"{where}/file", "data")
    raises(e2b.InvalidArgumentException, box.files.list, f"{where}/file")
    raises(e2b.InvalidArgumentException, box.files.make_dir, f"{where}/file")


@case(GROUP)
def make_exists_remove():
    box = shared()
    where = folder(box)
    equal(box.files.make_dir(f"{where}/new/deeper"), True)
    equal(box.files.make_dir(f"{where}/new/deeper"), False)
    equal(box.files.exists(f"{where}/new/deeper"), True)
    box.files.write(f"{where}/new/deeper/file", "x")
    box.files.remove(f"{where}/new/deeper/file")
    equal(box.files.exists(f"{where}/new/deeper/file"), False)
    box.files.remove(f"{where}/new")
    equal(box.files.list(where), [])


@case(GROUP)
def listing():
    box = shared()
    where = folder(box)
    box.commands.run(f"cd {where} && mkdir -p b/c && echo one >a.txt && echo two >b/c/d.txt && ln -s a.txt link && chmod 640 a.txt")
    equal([e.name for e in box.files.list(where)], ["a.txt", "b", "link"])
    deep = box.files.list(where, depth=3)
    equal([e.path for e in deep], [f"{where}/{n}" for n in ("a.txt", "b", "b/c", "b/c/d.txt", "link")])
    first = deep[0]
    equal((first.type, first.size, first.mode, first.permissions, first.owner, first.group),
          (FileType.FILE, 4, 0o640, "-rw-r-----", "user", "user"))
    equal((deep[1].type, deep[4].symlink_target), (FileType.DIR, f"{where}/a.txt"))
    info = box.files.get_info(f"{where}/a.txt")
    equal((info.name, info.path, info.size, info.type), ("a.txt", f"{where}/a.txt", 4, FileType.FILE))


@case(GROUP)
def rename():
    box = shared()
    where = folder(box)
    box.files.write(f"{where}/old", "moves")
    equal(box.files.rename(f"{where}/old", f"{where}/sub/new").path, f"{where}/sub/new")
    equal(box.files.exists(f"{where}/old"), False)
    equal(box.files.read(f"{where}/sub/new"), "moves")


@case(GROUP)
def metadata():
    box = shared()
    path = f"{folder(box)}/marked"
    info = box.files.write(path, "x", metadata={"Author": "me", "stage": "1 of 2"})
    equal(info.metadata, {"author": "me", "stage": "1 of 2"})
    equal(box.files.get_info(path).metadata, {"author": "me", "stage": "1 of 2"})
    box.files.write(path, "y", metadata={"only": "this"})
    equal(box.files.get_info(path).metadata, {"only": "this"})


@case(GROUP, limit=60)
def eight_mebibytes():
    box = shared()
    path, data = f"{folder(box)}/big", random.Random(8).randbytes(8 << 20)
    box.files.write(path, data)
    equal(box.commands.run(f"sha256sum <{path}").stdout, hashlib.sha256(data).hexdigest() + "  -\n")
    back = bytes(box.files.read(path, format="bytes"))
    equal((len(back), back == data), (8 << 20, True))


@case(GROUP)
def from_a_file_object():
    box = shared()
    path, data = f"{folder(box)}/streamed", random.Random(9).randbytes(700_001)
    box.files.write(path, io.BytesIO(data))
    equal(bytes(box.files.read(path, format="bytes")) == data, True)


@case(GROUP)
def compressed():
    box = shared()
    path, data = f"{folder(box)}/squeezed", b"the same again and again " * 20000
    box.files.write(path, data, gzip=True)
    equal(box.commands.run(f"wc -c <{path}").stdout.strip(), str(len(data)))
    equal(bytes(box.files.read(path, format="bytes", gzip=True)) == data, True)


@case(GROUP)
def of_the_kernel():
    text = shared().files.read("/proc/sys/kernel/random/boot_id")
    equal(len(text.strip()), 36)


def events_of(watcher, name):
    seen = []

    def more():
        seen.extend(watcher.get_new_events())
        return [e for e in seen if e.name == name]
    wait_for(f"an event about {name}", more)
    return [(e.name, e.type) for e in seen]


@case(GROUP)
def watch():
    box = shared()
    where = folder(box)
    watcher = box.files.watch_dir(where)
    box.files.write(f"{where}/seen", "x")
    equal(events_of(watcher, "seen"), [("seen", t) for t in (FilesystemEventType.CREATE, FilesystemEventType.CHMOD,
                                                            FilesystemEventType.WRITE)])
    box.files.rename(f"{where}/seen", f"{where}/other")
    equal(events_of(watcher, "other"), [("seen", FilesystemEventType.RENAME), ("other", FilesystemEventType.CREATE)])
    box.files.remove(f"{where}/other")
    equal(events_of(watcher, "other"), [("other", FilesystemEventType.REMOVE)])
    watcher.stop()
    raises(e2b.SandboxException, watcher.get_new_events)


@case(GROUP)
def watch_below():
    box = shared()
    where = folder(box)
    watcher = box.files.watch_dir(where, recursive=True)
    box.files.make_dir(f"{where}/new")
    box.files.write(f"{where}/new/file", "x")
    assert ("new/file", FilesystemEventType.WRITE) in events_of(watcher, "new/file"), "no write event from below"
    watcher.stop()


def fetch(url, data=None, headers=None):
    """As a browser would that has nothing but the link: under E2B_SANDBOX_URL it does not even name the sandbox."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


@case(GROUP)
def signed_links():
    box = shared()
    path = f"{folder(box)}/signed"
    equal(fetch(box.upload_url(path), b"by link", {"Content-Type": "application/octet-stream"})[0], 200)
    equal(fetch(box.download_url(path, use_signature_expiration=60)), (200, b"by link"))
    status, body = fetch(box.download_url(path, use_signature_expiration=-60))
    equal((status, json.loads(body)), (401, {"code": 401, "message": "signature is already expired"}))
    for wrong in (box.download_url(path).replace("v1_", "v1_x"), box.download_url(path).replace("signed", "singed"),
                  box.upload_url(path)):
        status, body = fetch(wrong)
        equal((status, json.loads(body)), (401, {"code": 401, "message": "invalid signature"}))


@case(GROUP, limit=60)
def signed_links_find_their_own():
    """Two sandboxes, the same path in both: each link leads to the one that made it, and after a kill nowhere."""
    box, other = shared(), e2b.Sandbox.create(timeout=120)
    try:
        path = "/tmp/whose é+%.txt"
        box.files.write(path, "shared")
        other.files.write(path, "other")
        links = [b.download_url(path, user=user) for b in (box, other) for user in (None, "root")]
        equal([fetch(link) for link in links], [(200, b"shared")] * 2 + [(200, b"other")] * 2)
    finally:
        other.kill()
    status, _ = fetch(links[2])
    assert status in (401, 502), status
    equal(fetch(links[0]), (200, b"shared"))
