"""Stands in for opkg: checks an .ipk against the format, and installs, upgrades and removes it below a root.

ipk.py check FILE..
ipk.py install|upgrade ROOT FILE
ipk.py remove ROOT NAME

No package registry has opkg. What is checked is what opkg-lede's reader and OpenWrt's ipkg-build agree on: a compressed archive of exactly
three parts in their order, archives of root's files below `./`, a control file with the fields that opkg asks for, conffiles that are there.
"""

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile

PARTS = ["./debian-binary", "./data.tar.gz", "./control.tar.gz"]
FIELDS = ["Package", "Version", "Architecture", "Maintainer", "Section", "Description", "License", "Installed-Size"]
SCRIPTS = ["preinst", "postinst", "prerm", "postrm"]


def fail(what):
    sys.exit(f"FAILED: {what}")


def members(data, what):
    # A second member of gzip, or bytes behind the archive, are lost on a router.
    plain = gzip.decompress(data)
    if data[4:8] != b"\0\0\0\0" or data[3] & 8:
        fail(f"{what}: a time or a name in the head of gzip")
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        found = [(m, archive.extractfile(m).read() if m.isfile() else b"") for m in archive.getmembers()]
    for member, _ in found:
        if member.uid or member.gid or member.uname not in ("", "root") or member.gname not in ("", "root"):
            fail(f"{what}: {member.name} is not root's")
        if member.mode & 0o6022:
            fail(f"{what}: mode {member.mode:o} of {member.name}")
        if not (member.isfile() or member.isdir() or member.issym()):
            fail(f"{what}: {member.name} is no file, folder or link")
        name = member.name
        if name != "." and (not name.startswith("./") or ".." in name.split("/")):
            fail(f"{what}: {name} is not below ./")
    names = [m.name for m, _ in found]
    if len(names) != len(set(names)):
        fail(f"{what}: a name stands twice")
    return found


def read(path):
    with open(path, "rb") as file:
        outer = members(file.read(), path)
    if [m.name for m, _ in outer] != PARTS:
        fail(f"{path}: its parts are {[m.name for m, _ in outer]}")
    parts = {m.name: content for m, content in outer}
    if parts["./debian-binary"] != b"2.0\n":
        fail(f"{path}: debian-binary is {parts['./debian-binary']!r}")
    control = {m.name[2:]: (m, content) for m, content in members(parts["./control.tar.gz"], "control")}
    data = [(m, content) for m, content in members(parts["./data.tar.gz"], "data") if m.name != "."]
    return control, data


def fields(control):
    text = control["control"][1].decode()
    pairs = dict(re.findall(r"^([A-Z][A-Za-z-]*): *(.*)$", text, re.M))
    for name in FIELDS:
        if not pairs.get(name):
            fail(f"control has no {name}")
    if not text.endswith("\n") or len(re.findall(r"^[A-Z]", text, re.M)) != len(pairs):
        fail("control has a line that is no field, or one that stands twice")
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", pairs["Package"]):
        fail(f"the name {pairs['Package']}")
    if not re.fullmatch(r"[0-9][0-9a-z.~]*-r[0-9]+", pairs["Version"]):
        fail(f"the version {pairs['Version']}")
    return pairs


def check(path):
    control, data = read(path)
    pairs = fields(control)
    expected = f"{pairs['Package']}_{pairs['Version']}_{pairs['Architecture']}.ipk"
    if os.path.basename(path) != expected:
        fail(f"{path} should be called {expected}")
    names = {m.name[1:] for m, _ in data}
    folders = {m.name[1:] for m, _ in data if m.isdir()}
    for name in names:
        parent = os.path.dirname(name)
        if parent != "/" and parent not in folders:
            fail(f"{path}: the folder of {name} is missing")
    if int(pairs["Installed-Size"]) < sum(len(content) for _, content in data):
        fail(f"{path}: Installed-Size is too small")
    for name in set(control) - {""}:
        if name not in ["control", "conffiles"] + SCRIPTS:
            fail(f"{path}: {name} is no part of control")
        if (name in SCRIPTS) != bool(control[name][0].mode & 0o100):
            fail(f"{path}: mode of {name}")
    for name in set(control) & set(SCRIPTS):
        if not control[name][1].startswith(b"#!/bin/sh\n"):
            fail(f"{path}: {name} is no script")
    for name in conffiles(control):
        if name not in names - folders:
            fail(f"{path}: the conffile {name} is not in it")
    for member, content in data:
        if content.startswith(b"#!") != (member.isfile() and bool(member.mode & 0o100) and content[:4] != b"\x7fELF"):
            fail(f"{path}: {member.name} is a script that cannot be run, or the other way round")
    print(f"    {os.path.basename(path)}: {len(names)} files and folders, {len(control) - 1} parts of control")


def conffiles(control):
    return control["conffiles"][1].decode().split() if "conffiles" in control else []


def info(root, name, suffix):
    return f"{root}/usr/lib/opkg/info/{name}.{suffix}"


def script(root, name, which, *args, upgrade=False):
    path = info(root, name, which)
    if os.path.exists(path):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **({"PKG_UPGRADE": "1"} if upgrade else {})}
        subprocess.run(["chroot", root, path[len(root):], *args], env=env, check=True)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def install(root, path, upgrade):
    control, data = read(path)
    pairs = fields(control)
    name = pairs["Package"]
    os.makedirs(f"{root}/usr/lib/opkg/info", exist_ok=True)
    old_files, old_sums = [], {}
    if upgrade:
        script(root, name, "prerm", "upgrade", pairs["Version"], upgrade=True)
        old_files = open(info(root, name, "list")).read().split()
        old_sums = dict(line.split() for line in open(info(root, name, "sums")))
    sums = {}
    for member, content in data:
        target = root + member.name[1:]
        if member.isdir():
            os.makedirs(target, exist_ok=True)
            continue
        if member.name[1:] in conffiles(control):
            sums[member.name[1:]] = digest(content)
            if os.path.exists(target):
                kept = digest(open(target, "rb").read())
                # What the owner changed stays, and the new one is laid beside it.
                if kept != old_sums.get(member.name[1:]) and kept != digest(content):
                    target += "-opkg"
        if os.path.lexists(target):
            os.remove(target)
        if member.issym():
            os.symlink(member.linkname, target)
        else:
            with open(target, "wb") as file:
                file.write(content)
            os.chmod(target, member.mode)
    files = [m.name[1:] for m, _ in data if not m.isdir()]
    for gone in set(old_files) - set(files):
        os.remove(root + gone)
    open(info(root, name, "list"), "w").write("\n".join(files) + "\n")
    open(info(root, name, "sums"), "w").write("".join(f"{path} {sum}\n" for path, sum in sums.items()))
    for part in set(control) - {""}:
        with open(info(root, name, part), "wb") as file:
            file.write(control[part][1])
        os.chmod(info(root, name, part), control[part][0].mode)
    script(root, name, "postinst", "configure", upgrade=upgrade)


def remove(root, name):
    script(root, name, "prerm", "remove")
    sums = dict(line.split() for line in open(info(root, name, "sums")))
    for path in open(info(root, name, "list")).read().split():
        if path in sums and digest(open(root + path, "rb").read()) != sums[path]:
            continue
        os.remove(root + path)
        folder = os.path.dirname(root + path)
        while folder != root and not os.listdir(folder):
            os.rmdir(folder)
            folder = os.path.dirname(folder)
    for file in os.listdir(f"{root}/usr/lib/opkg/info"):
        if file.rsplit(".", 1)[0] == name:
            os.remove(f"{root}/usr/lib/opkg/info/{file}")


match sys.argv[1:]:
    case ["check", *paths] if paths:
        for path in paths:
            check(path)
    case ["install", root, path]:
        install(root, path, upgrade=False)
    case ["upgrade", root, path]:
        install(root, path, upgrade=True)
    case ["remove", root, name]:
        remove(root, name)
    case _:
        sys.exit(__doc__)
