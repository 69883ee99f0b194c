"""A small virtual PBX: it speaks AMI, asks the FastAGI hook and writes Asterisk's journal.

It serves machines without a real Asterisk, tests of what a real one does only when it is ill, and
benchmarks. Its events follow those of Asterisk 22; it has no media and no SIP.
"""

from rig.virtualpbx.faults import Faults
from rig.virtualpbx.pbx import Placed, VirtualPbx

__all__ = ["Faults", "Placed", "VirtualPbx"]
