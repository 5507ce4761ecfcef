"""Recordings of RGB-D cameras in TUM form: lists with clocks of their own."""
