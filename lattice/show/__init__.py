"""Figures: functions that draw results on given Axes."""
