"""The Waymo Open Dataset, from its TFRecords, without TensorFlow."""
