"""What the evidence says: the second document's response matrix with numbers. Pure: no network, no file, no clock.

usual.py      how far a reading is from what is usual
facts.py      the evidence in the terms that decide: strengths from 0 to 1
suspects.py   which changes came before, how near in time and place
signs.py      what speaks for which symptom, each with its weight; the confidence
matrix.py     the rows of the response matrix
words.py      sentences with numbers
diagnosis.py  symptom → row → action
payload.py    the same in the second document's payload
answer.py     an external function's answer in these terms
"""

from __future__ import annotations

from bot.rca.answer import from_answer, to_question
from bot.rca.diagnosis import diagnose
from bot.rca.payload import from_payload, to_payload
from bot.rca.suspects import back_at, distinct

__all__ = ["back_at", "diagnose", "distinct", "from_answer", "from_payload", "to_payload", "to_question"]
