"""Files as people have them: every row of the trial of public bug reports, and others of its kind.

``python -m pytest tests/counts/test_wild_files.py -v`` prints the log. A row says how the file is read: as a mapping of
class names to counts, in their order, or refused in words that name the way out.
"""

import json

import numpy as np
import pytest

from penultimate.counts import ClassCounts
from penultimate.errors import PenultimateError

PETS = {"cat": 100, "dog": 40, "eel": 7}
LIST = {"0": 40, "1": 12, "2": 3}


def listed(line, header="", counts=LIST, head_of="train"):
    """One line a sample."""
    lines = [
        line.format(path=f"{head_of}/{label}/{label}_{i}.JPEG", name=f"{label}_{i}", label=label, i=i)
        for label, count in counts.items()
        for i in range(count)
    ]
    return header + "".join(lines)


def shuffled(text):
    lines = text.splitlines(keepends=True)
    np.random.default_rng(0).shuffle(lines)
    return "".join(lines)


SPECIES = {"eel": 5, "newt": 20}
INDEXED = "".join(f"{row},{label}\n" for row, label in enumerate("0" * 40 + "1" * 12 + "2" * 3))
ONE_A_LINE = "newt\n" * 20 + "eel\n" * 5

# name: (file name, content, options, right value or words of the refusal)
K1 = {
    "1-imagenet-lt": ("a.txt", listed("{path} {label}\n"), {}, LIST),
    "1-imagenet-lt-shuffled": ("a.txt", shuffled(listed("{path} {label}\n")), {}, LIST),
    "1-tab": ("a.txt", listed("{path}\t{label}\n"), {}, LIST),
    "1-absolute": ("a.txt", listed("{path} {label}\n", head_of="/data/ILSVRC 2012/train"), {}, LIST),
    "1-windows": ("a.txt", listed("{path} {label}\n").replace("/", "\\"), {}, LIST),
    "1-header": ("a.txt", listed("{path} {label}\n", "path label\n"), {}, LIST),
    "1-other-header": ("a.txt", listed("{path} {label}\n", "file kind\n"), {}, LIST),
    "1-no-suffix": ("a.txt", listed("UCF101/v_{name} {label}\n"), {}, LIST),
    "1-text-labels": ("a.txt", listed("{path} {label}\n", counts=PETS), {}, PETS),
    "1-labels-of-two-words": (
        "a.txt",
        listed("{path} {label}\n", counts={"hot dog": 9, "red cat": 4}, head_of="t")
        .replace("t/hot dog/hot dog", "t")
        .replace("t/red cat/red cat", "u"),
        {},
        {"hot dog": 9, "red cat": 4},
    ),
    "1-label-first": ("a.txt", listed("{label} {path}\n"), {}, LIST),
    "1-inaturalist": ("a.txt", listed("train_val2018/Aves/{label}/{name}.jpg {label}\n"), {}, LIST),
    "2-comma": ("a.csv", listed("{name}.png,{label}\n"), {}, LIST),
    "2-semicolon": ("a.csv", listed("{name}.png;{label}\n"), {}, LIST),
    "2-header": ("a.csv", listed("{name}.png,{label}\n", "image,label\n"), {}, LIST),
    "2-unlisted-header": ("a.csv", listed("{name}.png,{label}\n", "fname,kind\n"), {}, LIST),
    "2-three-fields": ("a.csv", listed("{name}.png,{label},{i}.5\n"), {}, LIST),
    "2-from-one": (
        "a.csv",
        listed("{name}.png,{label}\n", counts={"1": 9, "2": 4, "3": 3}),
        {},
        {"1": 9, "2": 4, "3": 3},
    ),
    "2-text": ("a.csv", listed("{name}.png,{label}\n", counts=PETS), {}, PETS),
    "2-sample-names": ("a.csv", listed("{name},{label}\n", "image,quality\n"), {}, LIST),
    "2-index": ("a.csv", listed("{i},{name}.png,{label}\n", ",file,label\n"), {}, LIST),
    "2-unnamed-from-one": ("a.csv", "0\n" + "1\n2\n1\n2\n2\n3\n3\n" * 5, {}, "--column 0 if it is the header"),
    "2-unnamed-header": ("a.csv", "0\n" + "1\n2\n" * 5, {"column": "0"}, {"1": 5, "2": 5}),
    "2-unnamed-label": ("a.csv", "0\n" + "1\n2\n" * 5, {"column": "1"}, {"0": 1, "1": 5, "2": 5}),
    "2-unnamed-floats": ("a.csv", "0\n" + "0.0\n2.0\n1.0\n" * 5, {}, {"0": 5, "1": 5, "2": 5}),
    "2-unnamed-numbered": ("a.csv", "0,1\n" + INDEXED, {}, {"0": 40, "1": 12, "2": 3}),
    "2-unnamed-beside-floats": ("a.csv", "0,1\n" + "0,0.5\n1,2.5\n" * 5, {}, {"0": 5, "1": 5}),
    "2-sorted-from-zero": ("a.csv", "0\n" * 4 + "1\n" * 3, {}, {"0": 4, "1": 3}),
    "2-unnamed-counts": ("a.csv", "0,1\n10,50\n20,30\n30,7\n", {}, "--column 0 if it is the header"),
    "2-unnamed-column-of-counts": (
        "a.csv",
        "0\n50\n30\n7\n",
        {"column": "0", "holds": "counts"},
        {"0": 50, "1": 30, "2": 7},
    ),
    "2-counts-from-nothing": ("a.csv", "0\n50\n30\n", {"column": "1", "holds": "counts"}, {"0": 0, "1": 50, "2": 30}),
    "3-class-map": ("a.csv", "cat,0\ndog,1\neel,2\nyak,3\n", {}, "--holds"),
    "3-class-map-from-one": ("a.csv", "cat,1\ndog,2\neel,3\n", {}, "--holds"),
    "3-class-map-header": ("a.csv", "name,id\ncat,0\ndog,1\neel,2\n", {}, "--holds"),
    "3-class-map-gaps": ("a.csv", "name,id\ncat,1\ndog,2\neel,90\n", {}, "--holds"),
    "3-class-map-class": ("a.csv", "class,index\ncat,1\ndog,2\neel,0\n", {}, "--holds"),
    "3-class-map-space": ("a.txt", "cat 0\ndog 1\neel 2\n", {}, "--holds"),
    "3-class-map-id-first": ("a.txt", "0 cat\n1 dog\n2 eel\n", {}, "--holds"),
    "3-class-map-colon": ("a.txt", "0: cat\n1: dog\n2: eel\n", {}, "--holds"),
    "3-places": ("a.txt", "/a/abbey 0\n/a/airfield 1\n/b/bar 2\n", {}, "--holds"),
    "3-label2id": ("a.json", '{"cat": 0, "dog": 1, "eel": 2}', {}, "--holds"),
    "3-id2label": ("a.json", '{"0": "cat", "1": "dog"}', {}, "not to counts"),
    "3-tokenizer": ("a.json", '{"version": "1.0", "model": {"vocab": {"a": 0}}}', {}, "penultimate count"),
    "3-result": ("a.json", '{"penultimate": "0.1.0", "counts": {"classes": 2}}', {}, "a result of penultimate"),
    "3-class-of-that-name": ("a.json", '{"penultimate": 5, "cat": 9}', {}, {"penultimate": 5, "cat": 9}),
    "3-config": ("a.json", '{"label2id": {"cat": 0}, "hidden": 4}', {}, "label2id"),
    "3-holds": ("a.csv", "cat,1\ndog,2\n", {"holds": "counts"}, {"cat": 1, "dog": 2}),
    "3-holds-json": ("a.json", '{"cat": 2, "dog": 1}', {"holds": "counts"}, {"cat": 2, "dog": 1}),
    "3-named": ("a.csv", "class,count\ncat,2\ndog,1\n", {}, {"cat": 2, "dog": 1}),
    "4-numbers": ("a.csv", "id,label\n1,16 0\n2,16\n3,0\n4,16\n", {}, "one label a sample"),
    "4-pipes": (
        "a.csv",
        "image,label\n1.png,scab|rust\n2.png,rust\n3.png,scab\n4.png,rust\n",
        {},
        "one label a sample",
    ),
    "4-words": (
        "a.csv",
        "image,labels\n1.jpg,scab\n2.jpg,rust\n3.jpg,scab rust\n4.jpg,rust\n",
        {},
        "one label a sample",
    ),
    "4-quoted": ("a.csv", 'image,labels\n1.jpg,"a,b"\n2.jpg,a\n3.jpg,b\n4.jpg,b\n', {}, "one label a sample"),
    "4-lists": ("a.csv", 'image,labels\n1.jpg,"[0, 3]"\n2.jpg,[3]\n3.jpg,[3]\n', {}, "one label a sample"),
    "4-semicolons": ("a.csv", "image,tags\n1.jpg,a;b\n2.jpg,b;c\n3.jpg,b;c\n4.jpg,a\n", {}, "one label a sample"),
    "4-one-hot": ("a.csv", "image,scab,rust\n1.jpg,1,0\n2.jpg,0,1\n3.jpg,1,1\n", {}, "one label a sample"),
    "4-json": ("a.jsonl", '{"label": [0, 1]}\n{"label": [0]}\n{"label": [0]}\n', {}, "one label a sample"),
    "4-two-words": (
        "a.csv",
        "image,label\n1.jpg,hot dog\n2.jpg,cat\n3.jpg,hot dog\n4.jpg,cat\n",
        {},
        {"cat": 2, "hot dog": 2},
    ),
    "once": ("a.csv", "id,label\n1,cat\n2,dog\n3,eel\n", {}, "--holds"),
    "once-one-column": ("a.txt", "cat\ndog\neel\n", {}, "--holds"),
    "once-numbers": ("a.txt", "100\n40\n7\n", {}, "--holds"),
    "once-paths": ("a.txt", "a/1.png\na/2.png\nb/1.png\n", {}, "--holds"),
    "once-holds": ("a.txt", "cat\ndog\neel\n", {"holds": "labels"}, {"cat": 1, "dog": 1, "eel": 1}),
    "numbers-with-gaps": ("a.txt", "100\n40\n40\n7\n7\n", {}, "--holds"),
    "split": (
        "a.csv",
        "path,label,split\n1.png,cat,train\n2.png,dog,train\n3.png,cat,train\n4.png,cat,test\n",
        {},
        {"cat": 2, "dog": 1},
    ),
    "id-and-name": (
        "a.csv",
        listed("{name}.png,{label},n{label}\n", "image,class_id,class_name\n"),
        {},
        {"n0": 40, "n1": 12, "n2": 3},
    ),
    "fine-and-coarse": (
        "a.csv",
        "image,fine_label,coarse_label\n1.png,1,0\n2.png,1,0\n3.png,2,0\n4.png,3,1\n5.png,3,1\n",
        {},
        "--column",
    ),
    "index-and-label": ("a.csv", "0,0\n1,0\n2,0\n3,0\n4,1\n5,1\n6,1\n7,2\n", {}, "--holds"),
    "column-by-number": ("a.csv", listed("{name}.png,{label}\n"), {"column": "2"}, LIST),
}
K1.update(
    {
        "json-files": ("a.json", json.dumps({f"{i}.jpg": i % 3 for i in range(30)}), {}, {"0": 10, "1": 10, "2": 10}),
        "json-files-text": ("a.json", '{"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat"}', {}, {"cat": 2, "dog": 1}),
        "json-in-csv": ("a.csv", '{"cat": 100, "dog": 40}\n', {}, "--format json"),
        "libsvm": ("a.txt", "".join(f"{i % 2} 1:{i}.5 2:3\n" for i in range(30)), {}, "--"),
        "video": (
            "a.txt",
            "".join(f"v/{i}.avi {i % 3 + 100} {i % 3}\n" for i in range(30)),
            {},
            {"0": 10, "1": 10, "2": 10},
        ),
    }
)
K2 = {
    "5-pandas-1": ("a.csv", ",label\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "5-pandas-1-numbers": ("a.csv", ",label\n2,100\n0,40\n1,7\n", {}, {"0": 40, "1": 7, "2": 100}),
    "5-pandas-1-ties": (
        "a.csv",
        ",label\ncat,100\ndog,40\neel,40\nfox,7\n",
        {},
        {"cat": 100, "dog": 40, "eel": 40, "fox": 7},
    ),
    "5-pandas-2": ("a.csv", "label,count\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "5-pandas-2-index": ("a.csv", ",label,count\n0,cat,100\n1,dog,40\n2,eel,7\n", {}, PETS),
    "5-pandas-1-index-column": ("a.csv", "index,label\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "5-saved-frame": (
        "a.csv",
        listed("{i},{label}\n", ",label\n", {"0": 9}) + listed("{i}9,{label}\n", "", {"1": 4}),
        {},
        {"0": 9, "1": 4},
    ),
    **{
        f"6-{name}": ("a.csv", f"class,{name}\ncat,100\ndog,40\neel,7\n", {}, PETS)
        for name in (
            "num_images",
            "instances",
            "support",
            "freq",
            "n_samples",
            "numImages",
            "# images",
            "Anzahl",
            "Count",
            "n",
            "train",
            "No. of images",
            "total",
            "images",
            "nb_train",
            "size",
        )
    },
    "6-with-index": ("a.csv", "index,class,num_images\n0,cat,100\n1,dog,40\n2,eel,7\n", {}, PETS),
    "6-with-id": ("a.csv", "class_id,class_name,num_images\n0,cat,100\n1,dog,40\n2,eel,7\n", {}, PETS),
    "6-with-share": ("a.csv", "class,num_images,share\ncat,100,0.68\ndog,40,0.27\neel,7,0.05\n", {}, PETS),
    "6-several": ("a.csv", "class,train,val\ncat,100,10\ndog,40,4\neel,7,3\n", {}, "--column"),
    "6-several-named": ("a.csv", "class,images,instances\ncat,100,110\ndog,40,44\neel,7,9\n", {}, "--column"),
    "6-several-chosen": ("a.csv", "class,train,val\ncat,100,10\ndog,40,4\neel,7,3\n", {"column": "train"}, PETS),
    "6-no-known-name": ("a.csv", "species,abundance\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "6-report": (
        "a.csv",
        ",precision,recall,f1-score,support\ncat,0.9,0.9,0.9,100\ndog,0.8,0.8,0.8,40\neel,0.5,0.5,0.5,7\n"
        "accuracy,0.8,0.8,0.8,0.8\nmacro avg,0.7,0.7,0.7,147\nweighted avg,0.8,0.8,0.8,147\n",
        {},
        PETS,
    ),
    "6-total": ("a.csv", "class,images\ncat,100\ndog,40\neel,7\nTotal,147\n", {}, PETS),
    "6-all-is-a-class": ("a.csv", "class,images\ncat,100\ndog,40\nall,7\n", {}, {"cat": 100, "dog": 40, "all": 7}),
    "6-json-records": ("a.json", json.dumps([{"class": k, "num_images": v} for k, v in PETS.items()]), {}, PETS),
    "6-json-lines": ("a.jsonl", "".join(json.dumps({"class": k, "n": v}) + "\n" for k, v in PETS.items()), {}, PETS),
    "6-json-frame": ("a.json", '{"count": {"cat": 100, "dog": 40, "eel": 7}}', {}, PETS),
    "6-json-columns": ("a.json", '{"class": ["cat", "dog", "eel"], "images": [100, 40, 7]}', {}, PETS),
    "6-json-split": (
        "a.json",
        '{"columns": ["count"], "index": ["cat", "dog", "eel"], "data": [[100], [40], [7]]}',
        {},
        PETS,
    ),
    "6-json-rows": (
        "a.json",
        '{"cat": {"count": 100, "share": 0.7}, "dog": {"count": 40, "share": 0.2}, "eel": {"count": 7, "share": 0.1}}',
        {},
        PETS,
    ),
    "6-json-pairs": ("a.json", '[["cat", 100], ["dog", 40], ["eel", 7]]', {}, PETS),
    "7-dots": ("a.csv", "class;count\nKatze;1.234\nHund;40\nAal;7\n", {}, "thousands"),
    "7-dots-more": ("a.csv", "class;count\nKatze;1.234.567\nHund;40.100\n", {}, "give a number"),
    "7-dots-tab": ("a.tsv", "class\tcount\nKatze\t1.234\nHund\t40\n", {}, "thousands"),
    "7-fractions": ("a.csv", "class;count\na;1.234\nb;0.5\n", {}, {"a": 1.234, "b": 0.5}),
    "7-fractions-comma": ("a.csv", "class,count\na,1.234\nb,40\n", {}, {"a": 1.234, "b": 40}),
    "7b-quoted": ("a.csv", 'class,count\na,"1,234"\nb,40\n', {}, {"a": 1234, "b": 40}),
    "7b-space": ("a.csv", "class,count\na,1 234\nb,40\n", {}, {"a": 1234, "b": 40}),
    "7b-no-break": ("a.csv", "class;count\na;1\u202f234\nb;40\n", {}, {"a": 1234, "b": 40}),
    "7b-swiss": ("a.csv", "class;count\na;1'234\nb;40\n", {}, {"a": 1234, "b": 40}),
    "7b-semicolon": ("a.csv", "class;count\na;1,234\nb;40\n", {}, "thousands"),
    "7b-decimal-comma": ("a.csv", "class;count\na;12,5\nb;40\n", {}, "give a number with a decimal point"),
}
K3 = {
    "8-commas-tsv": ("a.tsv", "class,count\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "8-semicolons-tsv": ("a.tsv", "class;count\ncat;100\ndog;40\neel;7\n", {}, PETS),
    "8-tabs-csv": ("a.csv", "class\tcount\ncat\t100\ndog\t40\neel\t7\n", {}, PETS),
    "8-pipes": ("a.csv", "class|count\ncat|100\ndog|40\neel|7\n", {}, PETS),
    "8-spaces": ("a.txt", "class count\ncat 100\ndog 40\neel 7\n", {}, PETS),
    "8-spaces-no-header": ("a.txt", "cat 100\ndog 40\neel 7\n", {}, PETS),
    "8-aligned": ("a.txt", "class   count\ncat       100\ndog        40\neel         7\n", {}, PETS),
    "8-two-words": ("a.txt", "polar bear 100\nhot dog 40\neel 7\n", {}, {"polar bear": 100, "hot dog": 40, "eel": 7}),
    "8-comma-in-header": ("a.csv", 'class;"count, train"\ncat;100\ndog;40\neel;7\n', {}, PETS),
    "8-comma-in-bare-header": ("a.csv", "class;count, train\ncat;100\ndog;40\neel;7\n", {}, PETS),
    "8-uniq": ("a.txt", "    100 cat\n     40 dog\n      7 eel\n", {}, PETS),
    "8-uniq-words": ("a.txt", "    100 polar bear\n      7 eel\n", {}, {"polar bear": 100, "eel": 7}),
    "8-markdown": (
        "a.md",
        "| class | count |\n|:------|------:|\n| cat | 100 |\n| dog | 40 |\n| eel | 7 |\n",
        {},
        PETS,
    ),
    "8-box": (
        "a.txt",
        "+-----+-----+\n| class | count |\n+-----+-----+\n| cat | 100 |\n| dog | 40 |\n| eel | 7 |\n+---+---+\n",
        {},
        PETS,
    ),
    "8-colon": ("a.txt", "cat: 100\ndog: 40\neel: 7\n", {}, PETS),
    "8-colon-bare": ("a.txt", "cat:100\ndog:40\neel:7\n", {}, PETS),
    "8-equals": ("a.txt", "cat = 100\ndog = 40\neel = 7\n", {}, PETS),
    "8-printed-series": ("a.txt", "label\ncat    100\ndog     40\neel      7\nName: count, dtype: int64\n", {}, PETS),
    "8-printed-frame": ("a.txt", "  class  count\n0   cat    100\n1   dog     40\n2   eel      7\n", {}, PETS),
    "8-excel-hint": ("a.csv", "sep=;\nclass;count\ncat;100\ndog;40\neel;7\n", {}, PETS),
    "8-comment": ("a.csv", "# made by a program\nclass,count\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "8-comment-header": ("a.txt", "# class count\ncat 100\ndog 40\neel 7\n", {}, PETS),
    "8-utf-16": ("a.csv", "class\tcount\ncat\t100\ndog\t40\neel\t7\n".encode("utf-16"), {}, PETS),
    "8-trailing-blank": ("a.csv", "class,count\ncat,100\ndog,40\neel,7\n\n\n", {}, PETS),
    "9-species": ("a.csv", "species\n" + ONE_A_LINE, {}, SPECIES),
    "9-diagnosis": ("a.txt", "diagnosis\n" + ONE_A_LINE, {}, SPECIES),
    "9-unknown-word": ("a.txt", "gattung\n" + ONE_A_LINE, {}, SPECIES),
    "9-numbers": ("a.csv", "quality\n" + "5\n" * 20 + "6\n" * 5, {}, {"5": 20, "6": 5}),
    "9-no-header": ("a.txt", ONE_A_LINE, {}, SPECIES),
    "9-doubt": ("a.txt", "gattung\n" + ONE_A_LINE + "asp\n", {}, "--column"),
    "9-doubt-header": ("a.txt", "gattung\n" + ONE_A_LINE + "asp\n", {"column": "gattung"}, {"asp": 1, **SPECIES}),
    "9-doubt-label": ("a.txt", "ant\n" + ONE_A_LINE + "asp\n", {"column": "1"}, {"ant": 1, "asp": 1, **SPECIES}),
    "9-text-beside": (
        "a.csv",
        "id,species\n" + "".join(f"{i},{s}\n" for i, s in enumerate(ONE_A_LINE.split())),
        {},
        SPECIES,
    ),
}
K5 = {
    "12-floats": (
        "a.csv",
        "id,label\n" + "".join(f"{i},{k}.0\n" for i, k in enumerate([*range(11)] * 2)),
        {},
        {str(k): 2 for k in range(11)},
    ),
    "12-numbers": ("a.csv", "label\n" + "10\n9\n10\n9\n100\n100\n", {}, {"9": 2, "10": 2, "100": 2}),
    "12-negative": ("a.csv", "label\n" + "1\n-1\n-1\n1\n1\n", {}, {"-1": 2, "1": 3}),
    "12-halves": ("a.csv", "label\n" + "10.5\n9.5\n10.5\n9.5\n", {}, {"9.5": 2, "10.5": 2}),
    "12-order-text": ("a.csv", "label\n" + "10\n9\n10\n9\n", {"order": "text"}, {"10": 2, "9": 2}),
    "12-missing": ("a.csv", "label\n" + "1.0\n0.0\n0.0\nnan\n1.0\n", {}, "'nan' for a label"),
    "17-frequency-order": ("a.csv", "label,count\n2,60\n0,30\n1,10\n", {}, {"0": 30, "1": 10, "2": 60}),
    "17-json-frequency-order": ("a.json", '{"2": 60, "0": 30, "1": 10}', {}, {"0": 30, "1": 10, "2": 60}),
    "names-keep-their-order": (
        "a.csv",
        "class,count\ndog,15\ncat,40\nbee,100\n",
        {},
        {"dog": 15, "cat": 40, "bee": 100},
    ),
}
K6 = {
    "21-long-text": ("a.csv", f'text,label\n"{"y" * 140_000}",cat\nshort,dog\nmore,cat\n', {}, {"cat": 2, "dog": 1}),
    "21-long-first": (
        "a.csv",
        f'label,text\ncat,"{"y" * 140_000}"\ndog,short\ncat,"with, a comma\nand a line"\n',
        {},
        {"cat": 2, "dog": 1},
    ),
    "escape-names": (
        "a.csv",
        'class,count\n"a\x1b]0;title\x07",100\n"b\x1b[31m",40\n',
        {},
        {"a\x1b]0;title\x07": 100, "b\x1b[31m": 40},
    ),
    # What pandas writes of columns and indices without a name.
    "pandas-sizes": ("a.csv", "class,0\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "pandas-series": ("a.csv", ",0\ncat,100\ndog,40\neel,7\n", {}, PETS),
    "pandas-frame": ("a.csv", f",0\n{INDEXED}", {}, LIST),
    "pandas-frame-column": ("a.csv", f",0\n{INDEXED}", {"column": "2", "holds": "labels"}, LIST),
    "pandas-frame-again": ("a.csv", f"Unnamed: 0,0\n{INDEXED}", {}, LIST),
    "pandas-text": ("a.csv", listed("{label}\n", "0\n", PETS), {}, PETS),
    "pandas-no-index": ("a.csv", listed("{name}.png,{label}\n", "0,1\n", PETS), {}, PETS),
    "pandas-features": ("a.csv", listed("0.5,{i}.25,{label}\n", "0,1,label\n"), {}, LIST),
    "pandas-unlisted": ("a.csv", "taxon,0\ncat,100\ndog,40\neel,7\n", {}, "--column 0 if it is the header"),
    "pandas-unlisted-header": ("a.csv", "taxon,0\ncat,100\ndog,40\neel,7\n", {"column": "0"}, PETS),
    "pandas-unlisted-class": ("a.csv", "yak,0\ncat,100\ndog,40\n", {"column": "2"}, {"yak": 0, "cat": 100, "dog": 40}),
    "zeros-first": ("a.csv", "yak,0\nemu,0\ncat,100\ndog,40\n", {}, {"yak": 0, "emu": 0, "cat": 100, "dog": 40}),
    "label-0-first": ("a.csv", listed("{path},{label}\n"), {}, LIST),
    "44-bom-crlf": ("a.csv", "\ufeffclass,count\r\ncat,100\r\ndog,40\r\neel,7\r\n", {}, PETS),
    "44-cr": ("a.csv", "class,count\rcat,100\rdog,40\reel,7\r", {}, PETS),
    "44-names": ("a.csv", "class,count\n日本,100\nà la carte,40\n", {}, {"日本": 100, "à la carte": 40}),
    "44-latin-1": ("a.csv", "class,count\nb\xe4r,100\ndog,40\n".encode("latin-1"), {}, "UTF-8"),
    "44-header-only": ("a.csv", "class,count\n", {}, "no rows"),
}
CASES = {
    f"{kind}-{name}": row
    for kind, rows in {"K1": K1, "K2": K2, "K3": K3, "K5": K5, "K6": K6}.items()
    for name, row in rows.items()
}


def outcome(path, options):
    """What comes of a file: a mapping, or the words of a refusal."""
    try:
        counts = ClassCounts.read(path, **options)
    except PenultimateError as error:
        return str(error)
    return dict(zip(counts.names, counts.values.tolist(), strict=True))


@pytest.mark.parametrize(("name", "content", "options", "right"), CASES.values(), ids=CASES)
def test_file(tmp_path, name, content, options, right):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    got = outcome(path, options)
    if isinstance(right, str):
        assert isinstance(got, str), f"read as {got}"
        assert right in got
        assert got.startswith(str(path))
        assert "\n" not in got
    else:
        assert got == right
        assert list(got) == list(right)
