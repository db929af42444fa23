"""Driven dynamics: pulses, the integrator, what is recorded, and the angular-momentum ledger."""
