"""From what was typed to frames at network size: inputs, decoding, choice, preprocessing."""
