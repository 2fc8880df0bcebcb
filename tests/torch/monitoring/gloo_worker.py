"""Two processes of a gloo group: ``python gloo_worker.py STORE DATA OUT``; run by test_distributed.py."""

import json
import os
import sys
import warnings

import numpy as np
import torch
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import penultimate as pen


def main(rank: int, store: str, data: str, out: str) -> None:
    if sys.platform == "linux":
        # Else the name of the host decides, which need not lead anywhere.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    file = np.load(data)
    features, labels = torch.from_numpy(file["H"]), torch.from_numpy(file["y"])
    counts = np.bincount(file["y"])
    head = pen.Head((file["W"],), file["b"])
    forecast = pen.forecast(pen.ClassCounts(counts), weight_decay=1e-3, feature_ratio=1.0)
    size, classes, width = len(labels), len(counts), features.shape[1]

    # Uneven shards of samples sorted by class: each process lacks classes, and its shifts are its own.
    order = torch.argsort(labels, stable=True)
    third = size // 3
    mine = order[:third] if rank == 0 else order[third:]
    monitor = pen.torch.FeatureMonitor(classes, width, head=head, forecast=forecast, dataset_size=size, keep_means=True)
    half = len(mine) // 2
    monitor.update(features[mine[:half]], labels[mine[:half]])
    begun = monitor.statistics().samples
    for batch in mine[half:].split(7 + rank):
        monitor.update(features[batch], labels[batch])
    values = {name: float(value) for name, value in monitor.compute().items()}
    statistics = monitor.statistics()
    kept = monitor.means()
    local = float(monitor.weight.sum())

    plain = pen.torch.FeatureMonitor(classes, width)  # one of its states is empty
    plain.update(features[mine], labels[mine])
    assert plain.compute()["samples"] == size

    several = pen.torch.FeatureMonitor(classes, width, label_sets=True)
    several.update(features[mine], torch.nn.functional.one_hot(labels[mine], classes))
    assert several.compute()["samples"] == size and several.statistics().targets.sets.times.size == classes

    told = {}
    sampler = DistributedSampler(range(size), num_replicas=2, rank=rank, shuffle=True)
    loader = DataLoader(TensorDataset(features, labels, torch.arange(size)), batch_size=8, sampler=sampler)
    for with_ids in (False, True):
        padded = pen.torch.FeatureMonitor(classes, width, dataset_size=size)
        for rows, own, ids in loader:
            padded.update(rows, own, ids if with_ids else None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            padded.compute()
        told[str(with_ids)] = [str(warning.message) for warning in caught]

    statistics.save(f"{out}.{rank}.safetensors")
    np.savez(f"{out}.{rank}.npz", **vars(kept))
    record = {"values": values, "begun": begun, "local": local, "mine": len(mine), "told": told}
    with open(f"{out}.{rank}.json", "w", encoding="utf-8") as file:
        json.dump(record, file)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    _ = pen.forecast, pen.torch.FeatureMonitor  # imported once, before there are two
    other = os.fork()
    main(0 if other else 1, *sys.argv[1:])
    if other:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
