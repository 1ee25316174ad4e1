//! Statements from definitions, as text.
