"""`page4d doctor`: what this machine has, and whether the network computes right."""
