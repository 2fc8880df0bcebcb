"""Label sets beside features, in every form that users have them, are one and the same; the command takes them all."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file
from scipy import sparse

import penultimate as pen
from command import run

NAMES = ("cat", "dog", "newt", "pet")


def planted(samples, seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((samples, 4)) < [0.5, 0.3, 0.1, 0.4]).astype(int)
    labels[:4] = np.eye(4)
    weights = np.random.default_rng(9).normal(size=(4, 6))
    return (labels @ weights + 0.5 * rng.normal(size=(samples, 6))).astype(np.float32), labels


H, Y = planted(120, 0)
SETS = [[NAMES[k] for k in np.flatnonzero(row)] for row in Y]
WHOLE = pen.audit_label_sets(H, Y, names=NAMES)


def tags(mark="|"):
    return "tags\n" + "".join(f'"{mark.join(held)}"\n' for held in SETS)


def table(path, features=H, **columns):
    held = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
    pq.write_table(pa.table({"features": held, **columns}), path)


def archive(path, **arrays):
    np.savez(path, H=H, classes=np.array(NAMES), **arrays)


ROWS = sparse.csr_array(Y)
WITHIN = {
    "whole numbers": ("a.npz", lambda p: archive(p, y=Y), {}),
    "booleans": ("a.npz", lambda p: archive(p, y=Y.astype(bool)), {}),
    "rows": ("a.npz", lambda p: archive(p, indptr=ROWS.indptr, indices=ROWS.indices), {}),
    "lists of names": ("a.parquet", lambda p: table(p, tags=SETS), {}),
    "named labels": ("a.parquet", lambda p: table(p, labels=SETS, id=list(range(120))), {}),
    "texts": ("a.parquet", lambda p: table(p, label=["; ".join(held) for held in SETS]), {"separator": ";"}),
    "one of two": ("a.parquet", lambda p: table(p, tags=SETS, keywords=SETS[::-1]), {"column": "tags"}),
}
BESIDE = {
    "a matrix": ("b.npy", lambda p: np.save(p, Y), {}),
    "a sparse one": ("b.npz", lambda p: sparse.save_npz(p, ROWS), {}),
    "single entries": ("b.npz", lambda p: sparse.save_npz(p, sparse.coo_matrix(Y)), {}),
    "JSON": ("b.json", lambda p: p.write_text(json.dumps(SETS)), {}),
    "records": ("b.jsonl", lambda p: p.write_text("".join(json.dumps({"tags": held}) + "\n" for held in SETS)), {}),
    "texts": ("b.csv", lambda p: p.write_text(tags()), {"separator": "|"}),
    "columns": ("b.csv", lambda p: np.savetxt(p, Y, "%d", ",", header=",".join(NAMES), comments=""), {}),
    "lists": ("b.parquet", lambda p: pq.write_table(pa.table({"tags": SETS}), p), {}),
}


def assert_same(audit):
    np.testing.assert_array_equal(audit.targets.positives, WHOLE.targets.positives)
    assert vars(audit.shares) == pytest.approx(vars(WHOLE.shares), rel=1e-9)
    np.testing.assert_allclose(audit.separation, WHOLE.separation, rtol=1e-9)


@pytest.mark.parametrize("form", WITHIN)
def test_labels_in_the_file_of_the_features(form, tmp_path):
    name, write, options = WITHIN[form]
    write(tmp_path / name)
    audit = pen.audit_label_sets(tmp_path / name, **options)
    assert_same(audit)
    assert tuple(audit.targets.names) == NAMES


@pytest.mark.parametrize("form", BESIDE)
def test_labels_in_a_file_of_their_own(form, tmp_path):
    name, write, options = BESIDE[form]
    write(tmp_path / name)
    np.save(tmp_path / "embeddings.npy", H)
    assert_same(pen.audit_label_sets(tmp_path / "embeddings.npy", tmp_path / name, **options))


def test_shards_know_one_another_s_labels_and_the_head_s(tmp_path):
    (tmp_path / "run").mkdir()
    for shard, part in enumerate((slice(0, 3), slice(3, 50), slice(50, 120))):
        table(tmp_path / "run" / f"{shard}.parquet", H[part], tags=SETS[part])
    assert_same(pen.audit_label_sets(tmp_path / "run"))
    # A head may have labels that no sample has.
    np.savez(tmp_path / "run" / "head.npz", W=np.eye(5, 6), b=np.zeros(5), classes=["eel", *NAMES])
    audit = pen.audit_label_sets(tmp_path / "run")
    assert audit.targets.names == ("eel", *NAMES) and audit.targets.positives[0] == 0 and audit.lift is not None


def test_arrays_of_one_set_are_one_shard(tmp_path):
    for shard, part in enumerate((slice(0, 60), slice(60, 120))):
        np.save(tmp_path / f"{shard}_H.npy", H[part])
        np.save(tmp_path / f"{shard}_y.npy", Y[part])
    assert_same(pen.audit_label_sets(tmp_path))


def test_one_kind_a_shard(tmp_path):
    for shard, part in enumerate((slice(0, 60), slice(60, 120))):
        rows = sparse.csr_array(Y[part])
        labels = {"y": Y[part]} if shard else {"indptr": rows.indptr, "indices": rows.indices, "shape": rows.shape}
        np.savez(tmp_path / f"{shard}.npz", H=H[part], **labels)
    assert_same(pen.audit_label_sets(tmp_path))
    np.savez(tmp_path / "2.npz", H=H[:3], y=Y[:3, :2])
    with pytest.raises(pen.FeaturesError, match=r"2.npz: targets have shape \(3, 2\), and 4 columns elsewhere"):
        pen.audit_label_sets(tmp_path)


def test_heads_are_compared_whatever_the_form(tmp_path):
    valid = planted(90, 1)
    names = [[NAMES[k] for k in np.flatnonzero(row)] for row in valid[1]]
    table(tmp_path / "train.parquet", tags=SETS)
    table(tmp_path / "valid.parquet", valid[0], tags=names)
    found = pen.compare_label_heads(tmp_path / "train.parquet", tmp_path / "valid.parquet")
    np.save(tmp_path / "t.npy", H)
    np.save(tmp_path / "v.npy", valid[0])
    (tmp_path / "t.csv").write_text(tags(";"), encoding="utf-8")
    (tmp_path / "v.json").write_text(json.dumps(names), encoding="utf-8")
    again = pen.compare_label_heads(
        (tmp_path / "t.npy", tmp_path / "t.csv"), (tmp_path / "v.npy", tmp_path / "v.json"), separator=";"
    )
    np.testing.assert_array_equal(found.positives, again.positives)
    assert found.names == again.names == NAMES and found.results[0].figures == again.results[0].figures


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("h.npy", "--labels", "short.npy"),
            "targets have shape (100, 4) for 120 samples: give one row for each sample",
        ),
        (("h.npy", "--labels", "gone.csv"), "there is no such file"),
        (("h.npy", "--labels", "."), "images of a folder stand in no order that features share"),
        (("h.npy", "--labels", "tags.csv", "--separator", ""), "tags.csv: the separator is empty"),
        (("h.npy", "--labels", "tags.csv"), "say what stands between them with --separator"),
        (("texts.parquet",), "label holds texts of several labels with ';' between them: say `penultimate audit"),
        (("cnn-ce", "--separator", ";"), "has no column of texts to take apart"),
        (("y.npz", "--counts", "y.npz"), "leave out --counts"),
        (("cnn-ce", "--head-only", "--labels", "y.npz"), "--labels beside --head-only"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("h.npy", H)
    np.save("short.npy", Y[:100])
    archive("y.npz", y=Y)
    table("texts.parquet", label=[";".join(held) for held in SETS])
    (tmp_path / "tags.csv").write_text(tags(";"), encoding="utf-8")
    status, _, err = run(monkeypatch, capsys, "audit", *arguments)
    assert status == 2 and said in err and err.count("\n") == 1


@pytest.mark.parametrize("command", ["learning-curve", "drift"])
@pytest.mark.parametrize("form", ["whole numbers", "rows", "lists of names", "named labels", "texts"])
def test_commands_of_one_label_a_sample_say_what_takes_several(command, form, tmp_path, monkeypatch, capsys):
    name, write, _ = WITHIN[form]
    write(tmp_path / name)
    status, _, err = run(monkeypatch, capsys, command, *[tmp_path / name] * (2 if command == "drift" else 1))
    assert status == 2 and "penultimate audit" in err and err.count("\n") == 1


@pytest.mark.parametrize("form", sorted(BESIDE.keys() - {"texts"}))
def test_commands_of_class_counts_say_what_takes_several(form, tmp_path, monkeypatch, capsys):
    name, write, _ = BESIDE[form]
    write(tmp_path / name)
    status, _, err = run(monkeypatch, capsys, "compare", tmp_path / name, "--loss", "ce")
    assert status == 2 and "penultimate forecast" in err and "several" in err and err.count("\n") == 1


def test_the_weight_of_a_head_is_chosen_and_a_decay_that_is_not_used_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    archive("a.npz", y=Y)
    weights = {name: np.random.default_rng(k).normal(size=(4, 6)).astype(np.float32) for k, name in enumerate("ab")}
    save_file({f"{name}.weight": weight for name, weight in weights.items()}, "heads.safetensors")
    status, _, err = run(monkeypatch, capsys, "audit", "a.npz", "--head", "heads.safetensors")
    assert status == 2 and "choose one (key=, --key)" in err
    for name, weight in weights.items():
        asked = ("--head", "heads.safetensors", "--key", f"{name}.weight", "--weight-decay", "5e-4", "--json", "-")
        status, out, err = run(monkeypatch, capsys, "audit", "a.npz", *asked)
        wanted = pen.audit_label_sets(H, Y, names=NAMES, head=pen.Head((weight,)))
        assert status == 0 and "the weight decay is not used" in err
        assert [row["lift"] for row in json.loads(out)["labels"]] == pytest.approx(wanted.lift.tolist())
    status, _, err = run(monkeypatch, capsys, "audit", "a.npz", "--key", "a.weight")
    assert status == 2 and "--key names a weight in a file of a head" in err
