"""What an experiment sees: spectra, helicities and the report of a run."""
