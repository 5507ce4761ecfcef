"""Train the network: configuration, batches, the loop, checkpoints, validation."""
