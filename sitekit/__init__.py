"""The machinery that turns pages into proofs and a site."""
