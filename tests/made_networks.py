"""Networks as after training: what normalises them has statistics of its own."""

import torch

from training.networks.ranker import Ranker


@torch.no_grad()
def settled(network: Ranker) -> Ranker:
    """The network after three batches of noise, in evaluation mode; `torch.manual_seed` says which noise."""
    network.train()
    for _ in range(3):
        network(torch.randn(4, 200, 96))
    return network.eval()
