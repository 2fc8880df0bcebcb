"""What is no plain file is refused in words, never waited for; what is written is whole, and leaves nothing behind."""

import os
import socket
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

import penultimate as pen
from penultimate.features.passes.checkpoint import Checkpoint
from penultimate.files import open_whole, regular, write_whole


@pytest.fixture(params=["pipe", "socket", "device", "folder", "loop"])
def strange(request, tmp_path):
    """Make something that is no plain file; a function of its name."""

    def make(name):
        path = tmp_path / name
        match request.param:
            case "pipe":
                os.mkfifo(path)
            case "socket":
                held = socket.socket(socket.AF_UNIX)
                request.addfinalizer(held.close)
                here = os.getcwd()
                os.chdir(tmp_path)  # names of sockets are short
                held.bind(name)
                os.chdir(here)
            case "device":
                path.symlink_to("/dev/zero")
            case "folder":
                path.mkdir()
            case _:
                path.symlink_to(path)
        return path

    return make


READERS = {
    "features.npz": pen.audit,
    "features.safetensors": pen.open_features,
    "features.parquet": pen.open_features,
    "features.h5": pen.open_features,
    "train_H.npy": pen.open_features,
    "head.npz": pen.Head.read,
    "head.safetensors": lambda path: pen.audit_head(path, pen.ClassCounts([3, 2, 1])),
    "audit.json": lambda path: pen.advise(pen.ClassCounts([3, 2, 1]), audit=path),
    "calibration.json": lambda path: _calibration().read(path),
    "run.checkpoint": lambda path: Checkpoint(path, {"data": "a"}),
    "statistics.safetensors": pen.FeatureStatistics.read,
}


def _calibration():
    from penultimate.audits.calibration import Calibration

    return Calibration


@pytest.mark.parametrize("name", READERS)
def test_no_reader_waits_for_what_is_no_plain_file(strange, name):
    with pytest.raises(pen.FileError):
        READERS[name](strange(name))


def test_a_pipe_among_the_arrays_of_a_set(tmp_path):
    np.save(tmp_path / "H.npy", np.zeros((3, 2)))
    os.mkfifo(tmp_path / "y.npy")
    with pytest.raises(pen.FileError, match="this is a pipe"):
        pen.open_features(tmp_path / "H.npy")


def test_a_pipe_among_the_chunks_of_a_store(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "f.zarr"), mode="w")
    group.create_array("H", data=np.zeros((4, 2)))
    group.create_array("y", data=np.arange(4))
    chunk = next(path for path in (tmp_path / "f.zarr" / "y").rglob("*") if path.name == "0")
    chunk.unlink(missing_ok=True)
    os.mkfifo(chunk)
    with pytest.raises(pen.FileError, match="this is a pipe"):
        pen.open_features(tmp_path / "f.zarr")


def test_arrays_in_other_files_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("H", (4, 2), "f8", external=[(str(tmp_path / "secret"), 0, 64)])
        file["y"] = np.zeros(4, dtype=np.int64)
    with pytest.raises(pen.FileError, match="lies in other files"):
        pen.open_features(tmp_path / "f.h5")
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["H"] = h5py.ExternalLink("f.h5", "H")
        file["y"] = np.zeros(4, dtype=np.int64)
    with pytest.raises(pen.FileError, match="no features"):
        pen.open_features(tmp_path / "g.h5")


@pytest.mark.parametrize("name", ["", "a\0b", "a" * 5000])
def test_names_that_no_file_can_have(name):
    with pytest.raises(pen.FileError):
        regular(name)


def test_features_stored_by_column_that_are_cut_short_while_they_are_read(tmp_path):
    np.save(tmp_path / "H.npy", np.asfortranarray(np.ones((200_000, 64), np.float32)))
    np.save(tmp_path / "y.npy", np.arange(200_000) % 7)
    blocks = pen.open_features(tmp_path / "H.npy").batches()
    next(blocks)
    os.truncate(tmp_path / "H.npy", 5_000_000)
    with pytest.raises(pen.FileError, match="truncated"):
        for _ in blocks:
            pass


def test_features_stored_by_column_are_those_stored_by_row(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((5000, 3)).astype(np.float16)
    np.save(tmp_path / "y.npy", np.arange(5000) % 7)
    np.save(tmp_path / "H.npy", np.asfortranarray(features))
    source = pen.open_features(tmp_path / "H.npy")
    for start in (0, 1, 4321, 5000):
        read = [batch.features for batch in source.batches(start)]
        assert np.array_equal(np.concatenate([features[:0], *read]), features[start:])


def test_a_killed_process_leaves_no_draft(tmp_path):
    code = (
        "import os, signal, sys; from penultimate.files import open_whole\n"
        "with open_whole(sys.argv[1]) as file:\n"
        "    file.write(bytes(1 << 20)); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "page.html"
    path.write_text("old")
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == -9
    assert path.read_text() == "old"
    if hasattr(os, "O_TMPFILE"):
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("nameless", [True, False])
def test_files_have_the_rights_that_the_user_gives(tmp_path, monkeypatch, nameless):
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    mask = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", "text")
        write_whole(tmp_path / "a", "other")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").read_text() == "other"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    with pytest.raises(ZeroDivisionError), open_whole(tmp_path / "a") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["other"]


def test_devices_and_pipes_are_written_to(tmp_path):
    write_whole("/dev/null", "gone")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(pen.FileError, match="nobody reads"):
        write_whole(pipe, "text")
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    while not read and reader.is_alive():
        try:
            write_whole(pipe, "text")
            break
        except pen.FileError:
            continue
    reader.join()
    assert read == ["text"]
