//! The engine seen from outside: tables of documents, conditions and decisions, and what holds for random input.

mod conditions;
mod decisions;
mod documents;
mod properties;
mod support;
