"""The anharmonic potential: a polynomial in real normal coordinates and field components."""
