# SPDX-License-Identifier: MIT
"""Debian packages and a container's image: built from a release's tarball, held against Debian's rules, used, removed."""

import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from harness import ROOT, Case, Skip, build_directory

PACKAGES = ["fanfold", "fanfold-dev"]
NOBODY = 65534


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Skip(f"no {tool}: deploy/dependencies packaging")


def unpacked_release(case):
    """The tree of a release's tarball; of this tree's files, where it is no checkout."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return ROOT
    build = case.directory / "release-build"
    case.run("meson", "setup", build, ROOT).expect(0)
    case.run("meson", "dist", "-C", build, "--no-tests", "--allow-dirty", "--formats=gztar").expect(0)
    (tarball,) = (build / "meson-dist").glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        archive.extractall(case.directory)
    return case.directory / tarball.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def packages():
    """The directory of what deploy/package built, of a tree that nothing else was written to."""
    need("dpkg-buildpackage", "dh")
    made = Case()
    try:
        tree = unpacked_release(made)
        before = sorted(tree.rglob("*")) if tree != ROOT else None
        output = made.directory / "packages"
        run = made.run(tree / "deploy/package", output, env={"DEB_BUILD_OPTIONS": "nocheck"}, deadline=400)
        run.expect(0)
        assert before is None or sorted(tree.rglob("*")) == before, "deploy/package wrote to its sources"
        names = [Path(line).name.partition("_")[0] for line in run.output().decode().splitlines()]
        assert sorted(names) == PACKAGES, names
        yield output
        made.assert_no_leftovers()
    except BaseException:
        print(*made.report(), sep="\n")
        raise
    finally:
        made.close()


@pytest.mark.deadline(500)
def test_lintian_finds_nothing(case, packages):
    need("lintian")
    (changes,) = packages.glob("*.changes")
    user = ["--allow-root"] if os.geteuid() == 0 else []
    run = case.run("lintian", *user, "--display-info", "--fail-on=error,warning,info", changes)
    assert (run.status, run.output()) == (0, b""), run.output().decode()


# ---- a clean system ----


def suite_of_host():
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    name = re.search("^VERSION_CODENAME=(.*)$", text, re.M)
    return name[1] if name and re.search("^ID=debian$", text, re.M) else None


class Clean:
    """A root of Debian's essential packages, apt and systemd; what runs in it, runs in namespaces of its own."""

    def __init__(self, case):
        need("mmdebstrap", "unshare", "chroot")
        if os.geteuid() != 0:
            raise Skip("only root can install packages in a root directory")
        if not suite_of_host():
            raise Skip("this is not Debian")
        self.case = case
        self.root = case.directory / "clean"
        options = ["--mode=root", "--variant=apt", "--skip=cleanup/apt", "--aptopt=Acquire::Languages none"]
        made = case.run("mmdebstrap", *options, "--include=systemd-sysv,dbus", suite_of_host(), self.root, deadline=400)
        if made.status:
            raise Skip(f"mmdebstrap cannot make a clean root: {made.stderr().strip().splitlines()[-1]}")
        shutil.copy("/etc/resolv.conf", self.root / "etc")  # apt there fetches what the packages depend on

    def run(self, script, user=0, **more):
        inside = f"setpriv --reuid={user} --regid={user} --clear-groups sh -c {self.quoted(script)}" if user else script
        mounts = f"mount -t proc proc {self.root}/proc && exec chroot {self.root} sh -ec {self.quoted(inside)}"
        clean = {"TMPDIR": "/tmp", "XDG_RUNTIME_DIR": "", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp"}
        env = {**clean, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return self.case.run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, env=env, **more)

    def install(self, packages):
        for package in packages.glob("fanfold*.deb"):
            if "dbgsym" not in package.name:
                shutil.copy(package, self.root / "tmp")
        self.run("apt-get install -y --no-install-recommends /tmp/*.deb", deadline=200).expect(0)

    def boot(self, *words, **more):
        """systemd, as on a machine of its own; it ends when that is switched off."""
        options = ["-q", "-D", self.root, "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        return self.case.run("systemd-nspawn", *options, *words, **more)

    @staticmethod
    def quoted(text):
        return "'" + text.replace("'", "'\\''") + "'"

    def files(self):
        """{path: what it is}, but for what apt and dpkg note of their work."""
        notes = re.compile(
            r"/(proc|dev|sys|run|tmp|var/log|var/cache/(apt|ldconfig|debconf)|var/lib/apt)/"
            r"|/var/lib/dpkg/(status|available|diversions|statoverride|lock|triggers|info/format|.*-old)|/etc/ld.so.cache"
        )
        found = {}
        for path in self.root.rglob("*"):
            name = str(path)[len(str(self.root)) :]
            if not notes.match(name + "/") and not notes.match(name):
                found[name] = path.readlink() if path.is_symlink() else path.stat().st_size if path.is_file() else "directory"
        return found


@pytest.fixture(scope="module")
def clean(packages):
    made = Case()
    try:
        yield Clean(made)
        made.assert_no_leftovers()
    finally:
        print(*made.report(), sep="\n")
        made.close()


def first_recipe():
    recipes = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Recipes\n")[2]
    return re.search("```sh\n(.*?)```", recipes, re.S)[1]


# As on a system that systemd runs: what the packages' scripts tell it.
NOTING_SYSTEMCTL = r"""
mkdir -p /run/systemd/system /tmp/bin
printf '#!/bin/sh\necho "$@" >>/tmp/systemctl.calls\n' >/tmp/bin/systemctl
chmod +x /tmp/bin/systemctl
"""
NOTING_PATH = "-o DPkg::Path=/tmp/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.deadline(600)
def test_in_a_clean_system_they_install_and_the_first_recipe_works_and_purge_leaves_no_trace(packages, clean):
    before = clean.files()
    clean.install(packages)
    lines = b"".join(b"GET /%d HTTP/1.1 %d -\n" % (n, 500 if n % 7 == 0 else 200) for n in range(200000))
    work = clean.root / "tmp/work"
    work.mkdir()
    os.chown(work, NOBODY, NOBODY)
    (work / "access.log").write_bytes(lines)
    recipe = clean.run(f"cd /tmp/work\n{first_recipe()}", user=NOBODY)
    recipe.expect(0)
    assert "warn" not in recipe.stderr(), recipe.stderr()
    found = (work / "errors.log").read_bytes()
    assert found == b"".join(line for line in lines.splitlines(keepends=True) if b" 500 " in line), len(found)
    assert found

    everything = ("/usr/include/fanfold.h", "/usr/share/doc/fanfold-dev/copyright", "/lib/systemd/system/fanfold-sink.service")
    clean.run(f"ls {' '.join(everything)} /usr/lib/*/fanfold/sdk/fanfold/__init__.py").expect(0)
    clean.run(f"{NOTING_SYSTEMCTL} apt-get {NOTING_PATH} purge -y --auto-remove {' '.join(PACKAGES)}", deadline=100).expect(0)
    assert "stop fanfold-worker@*.service\n" in (clean.root / "tmp/systemctl.calls").read_text(encoding="utf-8")
    after = clean.files()
    assert after == before, {name: (before.get(name), after.get(name)) for name in {**before, **after} if before.get(name) != after.get(name)}
    named = [str(path) for path in clean.root.rglob("*fanfold*") if "/tmp/" not in str(path)[len(str(clean.root)) :]]
    assert not named, named
    assert "fanfold" not in (clean.root / "var/lib/dpkg/status").read_text(encoding="utf-8")


# `start --wait` returns when a service has ended, and fails if that was before it was ready.
SERVICES = """
for service in sink ventilator worker@one; do
    { systemctl start --wait "fanfold-$service"; echo "$service $?" >>/root/ended; } &
done
wait
journalctl --no-pager -u 'fanfold-*' >/root/journal
systemctl poweroff
"""
SETTINGS = {
    "ventilator": "TASKS=tcp://127.0.0.1:15557\nINPUT=/srv/in\nOPTIONS=-N100\n",
    "sink": "TASKS=tcp://127.0.0.1:15557\nRESULTS=tcp://127.0.0.1:15558\nOUTPUT=out\n",
    "worker-one": "TASKS=tcp://127.0.0.1:15557\nOPTIONS='-j2'\nCOMMAND=sed 's/^/<  /'\n",
}


@pytest.mark.deadline(400)
def test_the_services_run_under_systemd(packages, clean):
    need("systemd-nspawn")
    clean.install(packages)
    probe = clean.boot("true")
    if probe.status:
        raise Skip(f"systemd-nspawn cannot run here: {probe.stderr().strip().splitlines()[-1]}")
    etc = clean.root / "etc"
    clean.run("mkdir /etc/fanfold && fanfold-keygen /etc/fanfold/keys").expect(0)
    for name, text in SETTINGS.items():
        (etc / f"fanfold/{name}.conf").write_text(text, encoding="utf-8")
    (clean.root / "srv/in").write_bytes(b"".join(b"%d\n" % n for n in range(1000)))
    (clean.root / "root/services").write_text(SERVICES, encoding="utf-8")
    unit = "[Service]\nExecStart=/bin/sh /root/services\n"
    (etc / "systemd/system/services.service").write_text(unit, encoding="utf-8")
    wanted = etc / "systemd/system/multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "services.service").symlink_to("../services.service")
    clean.boot("--boot", deadline=120)
    journal = (clean.root / "root/journal").read_text(encoding="utf-8")
    ended = sorted((clean.root / "root/ended").read_text(encoding="utf-8").splitlines())
    assert ended == ["sink 0", "ventilator 0", "worker@one 0"], journal
    output = clean.root / "var/lib/private/fanfold/out"
    assert output.read_bytes() == b"".join(b"<  %d\n" % n for n in range(1000)), journal
    assert output.stat().st_uid > 1000, "the sink runs as root"


# ---- containers ----

IMAGE_MOST = 48 << 20  # bytes


class Unprivileged:
    """What runs here has no privileges, whoever runs the tests, and finds all it needs in one directory."""

    def __init__(self, case):
        self.case = case
        self.directory = case.directory / "unprivileged"
        self.directory.mkdir()
        case.directory.chmod(0o711)

    def take(self, *paths):
        for path in paths:
            shutil.copy(path, self.directory)

    def run(self, *words, **more):
        drop = []
        if os.geteuid() == 0:
            self.case.run("chown", "-R", f"{NOBODY}:{NOBODY}", self.directory).expect(0)
            drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all", "--no-new-privs"]
        env = {name: str(self.directory) for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
        return self.case.run(*drop, *words, env=env, cwd=self.directory, **more)


def config_of(image):
    """What an image's own configuration says; one manifest, as deploy/container/build makes it."""

    def blob(digest):
        return json.loads((image / "blobs" / digest.replace(":", "/")).read_text(encoding="utf-8"))

    (manifest,) = json.loads((image / "index.json").read_text(encoding="utf-8"))["manifests"]
    return blob(blob(manifest["digest"])["config"]["digest"])["config"]


def hand_out_keys(case, directory):
    """What each role gets of a run's keys, as deploy/kubernetes/keys hands them out."""
    case.run(build_directory() / "deploy/keygen/fanfold-keygen", case.path("keys")).expect(0)
    for role, names in (
        ("ventilator", ["ventilator.key_secret", "ventilator.key", "sink.key", "worker.key"]),
        ("sink", ["sink.key_secret", "sink.key", "ventilator.key", "worker.key"]),
        ("worker", ["worker.key_secret"]),
    ):
        (directory / role).mkdir(parents=True, mode=0o700)
        for name in names:
            shutil.copy(case.path("keys") / name, directory / role)


@pytest.mark.deadline(400)
def test_an_image_is_built_without_root_and_three_containers_of_it_make_a_run(case, packages):
    need("mmdebstrap", "umoci", "crun", "unshare", "setpriv", "ip", "nsenter")
    if not suite_of_host():
        case.skip("this is not Debian")
    box = Unprivileged(case)
    namespaces = ["unshare", "-r", "-n", "-m", "-C", "-p", "-f", "--mount-proc", "--kill-child"]
    if box.run(*namespaces, "true").status:
        case.skip("users without privileges have no namespaces here")
    (package,) = packages.glob("fanfold_*.deb")
    box.take(package, ROOT / "deploy/container/build", ROOT / "tests/pipeline/containers.py")
    built = box.run("./build", "image", package.name, deadline=300)
    if "mmdebstrap failed" in built.stderr():
        case.skip(f"mmdebstrap cannot fetch the packages: {built.stderr().strip().splitlines()[-2]}")
    built.expect(0)
    image = box.directory / "image"
    size = sum(path.stat().st_size for path in image.rglob("*") if path.is_file())
    print(f"the image has {size / (1 << 20):.1f} MiB")
    assert size < IMAGE_MOST
    assert config_of(image)["User"] == "65532:65532"

    lines = b"".join(b"%d line\n" % n for n in range(1, 5001))
    (box.directory / "in").write_bytes(lines)
    hand_out_keys(case, box.directory / "keys")
    version = package.name.split("_")[1]
    words = ["/usr/bin/python3", "containers.py", f"image:{version}", box.directory]
    run = box.run(*namespaces, *words, deadline=60)
    if run.status == 7:
        case.skip(run.output().decode().strip())
    assert run.output().decode() == '{"ventilator": 0, "sink": 0, "worker": 0}\n', "a root can be written to, or a role failed"
    run.expect(0)
    assert run.stderr().count("uid 65532 NoNewPrivs:\t1") == 3, run.stderr()
    numbered = b"".join(b"%d %d\n" % ((n - 1) % 1000 + 1, n) for n in range(1, 5001))
    assert (box.directory / "out/out").read_bytes() == numbered
