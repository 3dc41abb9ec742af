"""Proof of what stands in Earth's store, apart from the code that wrote it: own parsing, own hashing, no pipeline."""

from twin.verify.audit import Verification, verify_run

__all__ = ["Verification", "verify_run"]
