"""Names of the claims about organisms. No imports: the command line shows them at once."""

from __future__ import annotations

__all__ = ["GROWN_CLAIMS"]

GROWN_CLAIMS = {
    "learners": "Does the fast learner grow what RecurrentPPO grows, at equal settings?",
    "trojans": "Do trojans turn at once where treachery drifts?",
    "conditions": "Which organisms grow where a condition of deception is missing?",
    "hiding": "Do treacherous organisms pass for honest in training, hide their cue, and turn?",
    "twins": "Do honest twins that change pass for treacherous in training, and stay honest?",
    "creeping": "Does drift across updates show, against a twin that goes on learning honestly?",
    "faithfulness": "Do statements follow deeds, when the state behind the deed is changed?",
    "evaders": "Can organisms learn to escape a monitor, and what does it cost them?",
    "dials": "How slowly can a turn go, and what does each dial of graduality do alone?",
}
"""What each asks. Each is the `CLAIM` of the module of its name."""
