//! What the end-to-end tests and a quickstart without credentials use; the tests live in `tests/`.

pub mod scripted;
