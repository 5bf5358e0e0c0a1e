# SPDX-License-Identifier: MIT
"""How tests/bench/run measures: what a case is made of, who takes part, and what is printed and drawn."""
