//! The engine seen from outside: tables of documents, conditions and decisions, and what holds for random input.

#[cfg(test)]
mod admit;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod doubts;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
