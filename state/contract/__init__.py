"""The contract of the ledger, as one protocol for each part of it. Only type checkers import them, see `state.ledger`.

The ledger is the only authoritative record of slots, runs, conditions and notices. These rules hold for every method:

- Instants are UTC seconds: an `Instant` is a whole number, a `float` may carry a fraction.
- A `JobKey` is a job without targets, or one target of a job. A write for one target does not change the others.
- A method that writes must be called inside `Ledger.transaction`. It does nothing if the key or id is unknown,
  unless its docstring describes something else.
- A read outside a transaction sees what was last committed, and may raise an error of the store;
  `sqlite.ledger.using` turns it into StateError.

A function that needs only one part takes the protocol of that part. A store has one module for each protocol:
`sqlite/positions.py` implements `Positions`.
"""
