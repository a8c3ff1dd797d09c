"""Tests of failed writes: output is complete, or the exit code reports an error."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.cli.streams import WholeWriter
from tests.support import Outcome

NETINSPECT = f"{shlex.quote(sys.executable)} -m netinspect"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="these are the ways of Linux"),
]

_AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
COMMANDS = ["tree saved.json", "--help", "help targets", "--version", "models", "--show-completion bash"]


def shell(line: str, **environment: str) -> Outcome:
    done = subprocess.run(
        ["bash", "-c", line.replace("NETINSPECT", NETINSPECT)],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_failed_write_to_stdout_is_an_error(workshop: Path, command: str, unbuffered: str) -> None:
    lines = f"""
        NETINSPECT {command} > /dev/full; echo $?
        NETINSPECT {command} >&-; echo $?
        (ulimit -f 0; NETINSPECT {command} > out); echo $?
        NETINSPECT {command} 1< /dev/null; echo $?
        NETINSPECT {command} 2> /dev/full | wc -c > count; echo ${{PIPESTATUS[0]}}
    """
    outcome = shell(lines, PYTHONUNBUFFERED=unbuffered)
    assert outcome.out.split() == ["2", "2", "2", "2", "0"]
    assert outcome.err.count("error[usage]: cannot write the output\n") == 4
    reasons = [line.strip() for line in outcome.err.splitlines() if "cause" in line]
    assert reasons == [
        f"cause: {os.strerror(errno.ENOSPC)}",
        "cause: stdout is closed",
        f"cause: {os.strerror(errno.EFBIG)}",
        f"cause: {os.strerror(errno.EBADF)}",
    ]
    assert int((workshop / "count").read_text()) > 40


def test_file_size_limit_or_full_disk_is_an_error(workshop: Path) -> None:
    whole = shell("NETINSPECT tree saved.json -f json").out
    assert len(whole) > 2048
    outcome = shell("ulimit -f 1; NETINSPECT tree saved.json -f json > out", PYTHONUNBUFFERED="1")
    assert outcome.code == 2
    assert "ulimit -f" in outcome.err
    # The file of an output is not left half written.
    outcome = shell("echo old > x.json; ulimit -f 1; NETINSPECT tree saved.json -f json -o x.json")
    assert outcome.code == 2
    assert "ulimit -f" in outcome.err
    assert (workshop / "x.json").read_text() == "old\n"
    if shell("mkdir disk && mount -t tmpfs -o size=16k tmpfs disk").code != 0:
        pytest.skip("no file system can be mounted here")
    write = "NETINSPECT trace saved.json --inside-layers -f json"
    try:
        outcome = shell(
            f"{write} > disk/out; echo $?; rm disk/out; echo old > disk/x.json;"
            f"{write} -o disk/x.json; echo $?; ln disk/x.json disk/y.json;"
            f"{write} -o disk/x.json; echo $?; cat disk/y.json; ls -A disk",
            PYTHONUNBUFFERED="1",
        )
    finally:
        shell("umount disk")
    assert outcome.out.split() == ["2", "2", "2", "old", "x.json", "y.json"]
    assert outcome.err.count(os.strerror(errno.ENOSPC)) == 3


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_non_blocking_pipe(workshop: Path, unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # far less than the result
    process = subprocess.Popen(
        [sys.executable, "-m", "netinspect", "tree", "saved.json", "-f", "json"],
        stdout=writer,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writer)
    with open(reader, "rb") as pipe:
        got = pipe.read().decode()
    assert process.wait(timeout=300) == 0
    assert got == shell("NETINSPECT tree saved.json -f json").out


@pytest.mark.parametrize("number", [errno.EIO, errno.EDQUOT, errno.EFBIG, errno.ENOSPC])
def test_write_error_is_remembered(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    written: list[bytes] = []

    def write(descriptor: int, content: memoryview) -> int:
        if written:
            raise OSError(number, os.strerror(number))
        written.append(bytes(content[:3]))
        return 3

    monkeypatch.setattr(os, "write", write)
    writer = WholeWriter(1, "<stdout>")
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        writer.write(b"a result")
    assert caught.value is writer.failure
    assert writer.write(b"more") == 4
    assert written == [b"a r"]
    quiet = WholeWriter(2, "<stderr>", quiet=True)
    assert quiet.write(b"talk") == 4


def test_output_dev_stdout(workshop: Path) -> None:
    plain = shell("NETINSPECT tree saved.json").out
    outcome = shell(
        "for f in /dev/stdout /dev/fd/1 /proc/self/fd/1 mine; do ln -sf /dev/stdout mine;"
        " NETINSPECT tree saved.json -q -f plain -o $f > out && cat out; done;"
        "NETINSPECT tree saved.json -q -f plain -o /dev/fd/7 7> out && cat out;"
        "NETINSPECT tree saved.json -q -f plain -o >(cat > out2) && wait $! && cat out2"
    )
    assert outcome.out == 6 * plain
    assert outcome.err == ""
    assert os.path.islink("/dev/stdout")
    outcome = shell("NETINSPECT tree saved.json -q -o /dev/stdout | true; echo ${PIPESTATUS[0]}")
    assert (outcome.out, outcome.err) == ("0\n", "")
    outcome = shell("NETINSPECT tree saved.json -o /dev/full")
    assert outcome.code == 2
    assert outcome.err.startswith("error[usage]: cannot write /dev/full\n  cause: No space left")


def as_another_user(*words: str) -> Outcome:
    """Run the command as a user without privileges."""
    done = subprocess.run(
        [*_AS_NOBODY, sys.executable, "-m", "netinspect", *words],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_replaced_file_keeps_mode_and_links(cli: Callable[..., Outcome], workshop: Path) -> None:
    Path("a").write_text("old")
    Path("a").chmod(0o640)
    Path("link").symlink_to("a")
    Path("dangling").symlink_to("folder/new")
    Path("b").write_text("old " * 1000)
    Path("hard").hardlink_to("b")
    longest = "n" * 255
    before = os.umask(0o027)
    try:
        for name in ("link", "dangling", "hard", "fresh", longest):
            outcome = cli("tree", "saved.json", "-f", "plain", "-o", name)
            assert (outcome.code, outcome.err) == (0, f"written to {name}\n")
    finally:
        os.umask(before)
    whole = cli("tree", "saved.json", "-f", "plain").out
    assert {Path(name).read_text() for name in ("a", "b", "folder/new", "fresh", longest)} == {whole}
    assert Path("link").is_symlink()
    assert Path("dangling").is_symlink()
    assert Path("hard").samefile("b")
    assert [Path(name).stat().st_mode & 0o777 for name in ("a", "fresh")] == [0o640, 0o640]
    Path("read_only").write_text("old")
    Path("read_only").chmod(0o444)
    outcome = cli("tree", "saved.json", "-o", "read_only")
    assert outcome.code == 2
    assert "cause: it is read-only" in outcome.err
    assert Path("read_only").read_text() == "old"
    assert not list(workshop.rglob("*.part"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be others")
def test_replaced_file_keeps_owner(workshop: Path) -> None:
    for folder in (workshop, *workshop.parents):
        if folder == workshop or folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    if as_another_user("tree", str(workshop / "saved.json")).code != 0:
        pytest.skip("another user cannot run the command from here")
    folder = workshop / "folder"
    for name, owner, mode in (("theirs", 65534, 0o600), ("ours", 0, 0o666)):
        (folder / name).write_text("old")
        (folder / name).chmod(mode)
        os.chown(folder / name, owner, owner)
    folder.chmod(0o555)
    saved = str(workshop / "saved.json")
    for name in ("theirs", "ours"):
        assert as_another_user("tree", saved, "-f", "plain", "-o", str(folder / name)).code == 0
        assert (folder / name).read_text().startswith("path\t")
    assert as_another_user("tree", saved, "-o", str(folder / "new")).code == 2
    assert (folder / "ours").stat().st_uid == 0
    assert shell(f"NETINSPECT tree saved.json -o {folder / 'theirs'}").code == 0
    status = (folder / "theirs").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (65534, 65534, 0o600)


@pytest.mark.parametrize("lacks", ["O_TMPFILE", "link"])
def test_atomic_write_without_nameless_files(
    cli: Callable[..., Outcome], workshop: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    if lacks == "link":
        monkeypatch.setattr(os, "link", refuse)
    else:
        monkeypatch.delattr(os, "O_TMPFILE")
    stale = workshop / ".netinspect-1-0.part"
    stale.write_text("half")
    at_work = workshop / ".netinspect-1-1.part"
    with at_work.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert cli("tree", "saved.json", "-o", "out.txt").code == 0
        assert cli("tree", "saved.json", "-o", "out.txt").code == 0
        assert list(workshop.glob(".*")) == [at_work]
    assert Path("out.txt").read_text().startswith("LeNet")
