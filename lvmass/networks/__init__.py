"""The networks: arrays in, z-scored mass out; they know nothing of people."""

from lvmass.networks.registry import NETWORKS, build_network

__all__ = ["NETWORKS", "build_network"]
